#!/bin/sh
# Which kernels a network becomes, and what -Rpass=lower says of each: how much it moves, and from which level of memory.
. "${0%/*}/lib.sh"

# remarks TYPE BODY OPTION...: what lowering says, a line each, in `said`.
remarks() {
  printf 'nn 1\nmodel m(x: %s) -> y { y = %s }\n' "$1" "$2" >net.nn
  shift 2
  expect 0 "$NNCC" net.nn --init=1 -mcpu=x86-64-v3 -Rpass=lower "$@" -o net.so
  sed -n 's/^.*remark: \(.*\) \[-Rpass=lower\]$/\1/p' err >said
}

# becomes KERNELS TYPE BODY OPTION...: these, in this order.
becomes() {
  kernels=$1
  shift
  remarks "$@"
  got=$(sed -n 's/^[^:]*: \([a-z]*\)[a-z0-9_]*[, ].* cycles for .*/\1/p' said | tr '\n' ' ')
  [ "$got" = "$kernels " ] || fail "$*: \`$got\`, not \`$kernels\`"
}

# A level holds as many bytes as it has; the times are bytes by bytes a cycle.
for case in '4096:0.5 thousand cycles for 32 KB from the first-level cache' \
  '4104:1.0 thousand cycles for 32 KB from the second-level cache' \
  '131072:32.8 thousand cycles for 1024 KB from the second-level cache' \
  '131080:104.9 thousand cycles for 1024 KB from the third-level cache' \
  '4194304:3355.4 thousand cycles for 32768 KB from the third-level cache' \
  '4194312:8388.6 thousand cycles for 32768 KB from memory'; do
  remarks "f32[${case%%:*}]" 'relu(x)'
  echo "relu: relu, ${case#*:}" | cmp -s - said || { fail "${case%%:*} elements:"; cat said; }
done

# A window of a picture is a stem's, where it is dense, of all channels, and more than a pixel.
becomes 'stem copy' 'f32[1, 3, 32, 32]' 'conv2d(x, 16, 3) @c'
becomes 'stem copy' 'f32[1, 3, 32, 32]' 'conv2d(x, 16, [1, 2]) @c'
becomes 'conv copy' 'f32[1, 3, 32, 32]' 'conv2d(x, 16, 3, dilation=[1, 2]) @c'
becomes 'conv copy' 'f32[1, 3, 32, 32]' 'conv2d(x, 16, 3, dilation=[2, 1]) @c'
becomes 'gemm copy' 'f32[1, 3, 32, 32]' 'conv2d(x, 16, 1) @c'
becomes 'copy conv copy copy' 'f32[1, 3, 32, 32]' 'conv2d(x, 18, 3, groups=3) @c'

# Bytes are not made floats where a stem alone reads them.
picture='x |> normalize(mean=[0.5], std=[0.25])'
becomes 'stem copy' 'f32[1, 3, 32, 32]' "$picture |> conv2d(16, 3, padding=1) @c" --input-format=u8,nhwc

# A chain of moves is one copy; reshapes are none.
becomes 'relu exp' 'f32[6, 8, 10]' 'x |> relu |> reshape([48, 10]) |> reshape([6, 80]) |> exp' -O0
becomes 'relu copy exp' 'f32[6, 8, 10]' \
  'x |> relu |> permute([1, 0, 2]) |> reshape([8, 2, 3, 10]) |> permute([1, 0, 2, 3]) |> exp' -O0
finish
