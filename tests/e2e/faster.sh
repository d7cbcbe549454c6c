#!/bin/sh
# A network without 30% of its filters is at least 1.3 times as fast as the whole one.
. "${0%/*}/lib.sh"
model=$SOURCE/examples/models/resnet50.nn
expect 0 "$NNCC" "$model" --init=1 -o whole.so
expect 0 "$NNCC" "$model" --init=1 --prune=structured:0.3 -o pruned.so

for round in 1 2 3; do # in turns: whatever else runs slows both
  for which in whole pruned; do
    expect 0 "$NNCC" bench $which.so --threads 1 --seconds 2 --json
    awk -F: '/"min"/ { print $2 + 0; exit }' out >>$which.ms
  done
done
least() { sort -n "$1.ms" | head -n 1; }
awk -v whole="$(least whole)" -v pruned="$(least pruned)" 'BEGIN {
  printf "%.2f ms -> %.2f ms, %.2f times as fast\n", whole, pruned, whole / pruned
  exit whole < 1.3 * pruned }' || fail "that is not 1.3 times as fast"
finish
