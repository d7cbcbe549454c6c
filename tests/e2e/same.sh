#!/bin/sh
# The same input gives the same bytes: in another folder, later, on other numbers of threads, at other addresses, with
# other surroundings and with other rubbish in fresh memory.
. "${0%/*}/lib.sh"
kinds=so,o,a,ll,s,h,weights,nnir,loop,dot,py
printf 'nn 1\nmodel m(x: f32[N, 3, 20, 20]) -> y {\n  y = x |> conv2d(19, 3, padding=1) @a |> relu |> max_pool2d(2)\n' >model
printf '    |> conv2d(37, 1) @b |> batch_norm @n |> silu |> global_avg_pool |> linear(10) @fc |> softmax(1)\n}\n' >>model

# made FOLDER COMMAND...: all outputs there, by a command to which nncc's arguments are added.
made() {
  folder=$1
  shift
  mkdir -p "$folder"
  cp model "$folder/m.nn"
  (cd "$folder" && expect 0 "$@" m.nn --init=1 --emit=$kinds,selftest -mcpu=x86-64-v2,x86-64-v4 \
    --shape x=1,3,20,20 --shape x=4,3,20,20 -o m.so && [ $failures -eq 0 ]) || fail "$folder is not made"
}

# same FOLDER
same() {
  for file in want/m.* want/libm.*; do
    cmp "$file" "$1/${file#want/}" || fail "$1: another ${file#want/}"
  done
}

made want "$NNCC" --jobs=1
[ "$(ls want | wc -l)" -ge 12 ] || fail "outputs are missing: $(ls want)"
made again "$NNCC" --jobs=1
made a/deeper/folder "$NNCC" --jobs=3
made env env -i PATH="$PATH" LC_ALL=C TZ=Asia/Tokyo HOME=/nowhere FILLER="$(printf '%09999d' 0)" "$NNCC" --jobs=2
made rubbish env MALLOC_PERTURB_=165 "$NNCC" --jobs=2
for folder in again a/deeper/folder env rubbish; do same $folder; done
if setarch -R true 2>/dev/null; then
  made fixed setarch -R "$NNCC" --jobs=2
  same fixed
fi
touch -d 2001-01-01 want/m.nn
(cd want && "$NNCC" m.nn --init=2 --emit=weights -o other.weights) || fail "other weights"
cmp -s want/m.weights want/other.weights && fail "other weights are the same"
finish
