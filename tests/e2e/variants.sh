#!/bin/sh
# One library for several processors and sizes: open and run choose, results agree, weights are there once. Processors
# that this one is not are emulated.
. "${0%/*}/lib.sh"
digits=$SOURCE/examples/digits
native=$("$NNCC" -mcpu=native "$digits/cnn.nn" -o alone.so && "$LONE" ./alone.so cnn alone.npy - 2 | cut -d' ' -f1)

size() { wc -c <"$1"; }

# chosen ISA COMMAND...: the command runs and says that the library's variant ISA did; its results are want.npy.
chosen() {
  isa=$1
  shift
  expect 0 "$@"
  says out "$isa "
  "$NPZDIFF" got.npy "" want.npy "" 1e-5 || fail "results of $*"
}

for model in cnn vit; do
  expect 0 "$NNCC" "$digits/$model.nn" -mcpu=x86-64-v2,native,x86-64-v3,x86-64-v2 --emit=so,weights -o $model.so
  expect 0 "$NNCC" "$digits/$model.nn" --emit=weights -o $model.one.weights
  cmp $model.weights $model.one.weights || fail "$model: the variants' weights are not shared"
  expect 0 "$LONE" ./$model.so $model want.npy x86-64-v2 2
  for isa in x86-64-v3 x86-64-v2; do
    case $native in x86-64-v[34]*) chosen $isa "$LONE" ./$model.so $model got.npy $isa 2 ;; esac
  done
  chosen "$native" "$LONE" ./$model.so $model got.npy - 2
  expect 1 "$LONE" ./$model.so $model got.npy x86-64-v9 2
  if command -v qemu-x86_64 >/dev/null; then
    chosen x86-64-v2 qemu-x86_64 -cpu Nehalem "$LONE" ./$model.so $model got.npy - 2
    chosen x86-64-v3 qemu-x86_64 -cpu Haswell "$LONE" ./$model.so $model got.npy - 2
    expect 1 qemu-x86_64 -cpu Nehalem "$LONE" ./$model.so $model got.npy x86-64-v3 2
    says err "lacks instructions"
  elif [ -n "${CI:-}" ]; then
    fail "no qemu-x86_64: install qemu-user"
  else
    echo "without qemu-x86_64 (package qemu-user): no other processor was tried"
  fi
done

# Sizes of their own.
expect 0 "$NNCC" "$digits/cnn.nn" --emit=so,weights -o general.so
expect 0 "$NNCC" "$digits/cnn.nn" --shape image=1,1,28,28 --shape image=8,1,28,28 -mcpu=x86-64-v2,native \
  --emit=so,weights -o sizes.so
cmp general.weights sizes.weights || fail "the sizes' weights are not shared"
for n in 1 2 8; do
  expect 0 "$LONE" ./general.so cnn want.npy - $n
  chosen "$native" "$LONE" ./sizes.so cnn got.npy - $n
  chosen x86-64-v2 "$LONE" ./sizes.so cnn got.npy x86-64-v2 $n
done
expect 0 "$NNCC" verify "$digits/cnn.nn" --shape image=1,1,28,28 --shape image=2,1,28,28
says out "bitwise equal"
refused() {
  expect 1 "$NNCC" "$digits/cnn.nn" --shape image=1,1,28,28 --shape "$1" -o x.so
  says err "$2"
}
refused image=1,1,14,14 "cannot be so"
refused image=1,28,28 "another number of dimensions"
refused image=0,1,28,28 "positive sizes"
refused image=_,1,28,28 "no symbolic dimension"
expect 1 "$NNCC" "$digits/cnn.nn" --shape picture=1 --shape picture=2 -o x.so
says err "no such input"
expect 1 "$NNCC" "$digits/cnn.nn" -mcpu=x86-64-v2,no-such-cpu -o x.so
says err "unknown cpu"
finish
