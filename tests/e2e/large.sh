#!/bin/sh
# Inputs for which some code or some list once grew faster than they do: each compiles within a few seconds.
. "${0%/*}/lib.sh"
compile() { expect 0 timeout 120 "$NNCC" "$1.nn" --init=1 --mcpu=x86-64-v3 -o "$1.so"; }
body() { printf 'nn 1\nmodel m(x: f32[%s]) -> y {\n%s\n}\n' "$1" "$2"; }

body '1, 16, 300, 300' '  y = conv2d(x, 16, 255, padding=127) @c' >window.nn
compile window
body '1, 16, 300, 300' '  y = conv2d(x, 16, 255, padding=127, groups=16) @c' >depthwise.nn
compile depthwise
body '1, 16, 1, 9000' '  y = conv2d(x, 16, [1, 3], padding=[0, 4000], dilation=[1, 4000]) @c' >dilated.nn
compile dilated
convolutions='  y = conv2d(x, 18, 1) @p |> conv2d(7, 3, padding=1) @s |> conv2d(7, 3, padding=1, groups=7) @d'
body '2, 3, 5, 2147483647' "$convolutions" >wide.nn
compile wide
body '2, 3, 2147483647, 5' "$convolutions" >tall.nn
compile tall
body '2147483647, 5, 4, 3' '  y = x |> linear(21) @p |> layer_norm @n |> linear(3) @q' >padded.nn
compile padded
body '2, 2147483647, 48' '  y = attention(x, 3) @a' >tokens.nn
compile tokens
body '1, 16' "  y = x
$(awk 'BEGIN { for (i = 0; i < 20000; i++) print "  y = relu(y * 0.5)" }')" >chain.nn
compile chain
body '1, 16' "$(awk 'BEGIN {
  for (i = 0; i < 1000; i++) print "  v" i " = x * " i ".5"
  printf "  y = concat(v0"
  for (i = 1; i < 1000; i++) printf ", v" i
  print ", dim=1)" }')" >kernels.nn
compile kernels
finish
