#!/bin/sh
# verify tells a constant layer, one that ignores its input, and a NaN; but not where the network itself is so.
. "${0%/*}/lib.sh"
header='nn 1
model m(x: f32[N, 3, 8, 8]) -> y {'
printf '%s\n y = x |> conv2d(8, 3, padding=1) @conv |> relu }\n' "$header" >good.nn
expect 0 "$NNCC" verify good.nn --init=1
# 1e-60 is 0 in f32, and is not in double.
printf '%s\n y = (x |> conv2d(8, 3, padding=1) @conv) * 1e-30 * 1e-30 }\n' "$header" >constant.nn
expect 1 "$NNCC" verify constant.nn --init=1
says err "constant.nn: error: first bad layer: conv (constant)"
says err "constant.nn: error: it is wrong without any optional pass: lowering or code generation is to blame"
printf '%s\n h = x |> conv2d(8, 3, padding=1) @conv\n y = (h - h) / (h - h) }\n' "$header" >nan.nn
expect 1 "$NNCC" verify nan.nn --init=1
says out "not finite"
# In f32 x is lost beside p.
printf '%s\n p = parameter([3, 8, 8]) @p\n y = (x * 1e-12 + p - p) + p * 1e-13 }\n' "$header" >deaf.nn
expect 1 "$NNCC" verify deaf.nn --init=1
says out "ignores the input"
# Nothing is above 0 there, whatever the input: the network is so, not the compiler.
printf '%s\n y = (neg(abs(x)) - 1.0) |> relu |> conv2d(8, 3, padding=1) @conv }\n' "$header" >silent.nn
expect 0 "$NNCC" verify silent.nn --init=1
says out "2 of 2 layers agree"
printf '%s\n y = x * 0.0 + (parameter([3, 8, 8]) @p) }\n' "$header" >still.nn
expect 0 "$NNCC" verify still.nn --init=1
# A picture too small for the window is refused, for no lack of memory.
printf 'nn 1\nmodel small(x: f32[H, W]) -> y { y = x |> reshape([1, 1, H, W]) |> conv2d(8, 3) @conv }\n' >small.nn
"$NPZDIFF" --ramp x.npy 1 5
expect 1 "$NNCC" run small.nn --init=1 --input x.npy
says err "small: error: the run failed: an assertion of the model does not hold"
finish
