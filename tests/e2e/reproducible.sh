#!/bin/sh
# --reproducible: the same bits from every instruction set, natively and emulated, on more threads too; and it is needed.
. "${0%/*}/lib.sh"

# bits MODEL: one library of all instruction sets, its results compared byte by byte.
bits() {
  path=$1
  name=$(basename "$path" .nn)
  expect 0 "$NNCC" "$path" --init=1 --reproducible -mcpu=x86-64-v2,x86-64-v3,x86-64-v4,native -o $name.so
  expect 0 "$LONE" ./$name.so $name want.npy x86-64-v2 1
  for isa in x86-64-v3 x86-64-v4 -; do
    "$LONE" ./$name.so $name got.npy $isa 1 >out 2>err || {
      says err "lacks instructions" # of this processor
      continue
    }
    cmp want.npy got.npy || fail "$name: x86-64-v2 and $isa differ"
  done
}

bits "$SOURCE/examples/digits/cnn.nn"
if command -v qemu-x86_64 >/dev/null; then
  expect 0 qemu-x86_64 -cpu Nehalem "$LONE" ./cnn.so cnn got.npy - 1
  says out "x86-64-v2 "
  cmp want.npy got.npy || fail "an emulated Nehalem gives other bits"
elif [ -n "${CI:-}" ]; then
  fail "no qemu-x86_64: install qemu-user"
else
  echo "without qemu-x86_64 (package qemu-user): Nehalem was not tried"
fi
bits "$SOURCE/examples/digits/vit.nn"
bits "$SOURCE/examples/models/mobilenet_v2.nn"
bits "$SOURCE/examples/models/squeezenet1_1.nn"

# Without it a processor that cannot fuse rounds more often.
expect 0 "$NNCC" "$SOURCE/examples/digits/cnn.nn" -mcpu=x86-64-v2,native -o plain.so
expect 0 "$LONE" ./plain.so cnn plain.npy x86-64-v2 1
expect 0 "$LONE" ./cnn.so cnn want.npy x86-64-v2 1
cmp -s plain.npy want.npy && fail "the option changes nothing"
finish
