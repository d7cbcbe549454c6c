#!/bin/sh
# AArch64: libraries and objects link, run in an emulator, and give what x86-64 gives; with --reproducible bit for bit.
. "${0%/*}/lib.sh"

far() { qemu-aarch64 -L /usr/aarch64-linux-gnu "$LONE_AARCH64" "$@"; }

for model in cnn vit; do
  path=$SOURCE/examples/digits/$model.nn
  expect 0 "$NNCC" "$path" -o near.so
  expect 0 "$LONE" ./near.so $model want.npy - 3
  for cpu in native generic cortex-a72 neoverse-n1; do
    expect 0 "$NNCC" "$path" --target=aarch64-linux-gnu -mcpu=$cpu --emit=so,o,s,weights -o far.so
    expect 0 far ./far.so $model got.npy - 3
    says out "aarch64 "
    "$NPZDIFF" got.npy "" want.npy "" 1e-5 || fail "$model for $cpu"
  done
  expect 0 "$NNCC" "$path" --emit=weights -o near.weights
  cmp near.weights far.weights || fail "weights are packed otherwise"
  expect 0 aarch64-linux-gnu-gcc -shared -o object.so far.o
  expect 0 far ./object.so $model got.npy - 3
  "$NPZDIFF" got.npy "" want.npy "" 1e-5 || fail "$model from an object"
  expect 0 "$NNCC" "$path" --reproducible -mcpu=x86-64-v2 -o near.so
  expect 0 "$LONE" ./near.so $model want.npy - 3
  expect 0 "$NNCC" "$path" --reproducible --target=aarch64-linux-gnu -o far.so
  expect 0 far ./far.so $model got.npy - 3
  cmp want.npy got.npy || fail "$model: x86-64-v2 and aarch64 differ"
done
expect 1 "$NNCC" "$path" --target=aarch64-linux-gnu -mcpu=cortex-a7 -o x.so
says err "unknown cpu \`cortex-a7\`; did you mean"
expect 1 "$NNCC" "$path" --target=riscv64-linux-gnu -o x.so
says err "is not supported"
finish
