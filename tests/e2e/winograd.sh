#!/bin/sh
# Where Winograd's algorithm is chosen, what says so, the bound it is held to, and that a file holds weights once.
. "${0%/*}/lib.sh"

# choice BATCH CHANNELS SIZE TEXT [OPTION...]: what the remarks on a 3x3 convolution say.
choice() {
  cat >net.nn <<M
nn 1
model net(a: f32[$1, 16, $3, $3]) -> y { y = a |> conv2d($2, 1) @first |> conv2d($2, 3, padding=1) @second }
M
  text=$4
  shift 4
  expect 0 "$NNCC" net.nn --init=1 -Rpass=lower -Rpass-missed=lower -o net.so "$@"
  says err "$text"
}

# Few tiles do not pay for the transformation of the weights; several pictures share it.
for cpu in native x86-64-v3 x86-64-v2; do
  choice 1 512 4 "second not by F(2,3): " -mcpu=$cpu
  choice 1 64 4 "second not by F(2,3): " -mcpu=$cpu
  choice 8 256 4 "second by F(4,3): " -mcpu=$cpu
  choice 1 256 14 "second by F(4,3): " -mcpu=$cpu
done
choice 1 64 56 "second is summed directly: Winograd's algorithm is not allowed" --no-winograd
expect 0 "$NNCC" bench net.so --per-layer --seconds=0.02
grep -q winograd out && fail "a kernel in spite of --no-winograd"
choice 1 64 56 "second by F(4,3): 1928 thousand cycles estimated, directly 4150, reading the weights 37"
expect 0 "$NNCC" bench net.so --per-layer --seconds=0.02
grep -Eq "^winograd .*C16 +F\(4,3\) [0-9]+x[0-9]+$" out || fail "no kernel of F(4,3): $(cat out)"

expect 0 "$NNCC" verify net.nn --init=1
says out "NMSE at most 1e-09"

# Packed for blocks of 16 channels, but not transformed.
model=$SOURCE/examples/models/resnet18.nn
expect 0 "$NNCC" inspect --weights "$model"
elements=$(awk '{ n = split($2, d, "x"); p = 1; for (i = 1; i <= n; i++) p *= d[i]; sum += p }
  END { printf "%d", sum }' out)
expect 0 "$NNCC" "$model" --init=1 --emit=weights -o weights.bin
packed=$(wc -c <weights.bin)
[ $((packed * 5)) -le $((elements * 4 * 9)) ] || fail "$packed bytes for $elements weights: over 1.8 times"
finish
