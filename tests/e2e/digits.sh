#!/bin/sh
# The trained digit networks: the pictures are what their names say, and logits are those of the framework that trained them.
. "${0%/*}/lib.sh"
digits=$SOURCE/examples/digits
"$NPZDIFF" --digits "$digits/heldout.npz" image.npy || fail "no held-out digits"
for model in cnn vit; do
  expect 0 "$NNCC" "$digits/$model.nn" -o $model.so
  expect 0 "$NNCC" run $model.so --input "$digits/pictures"
  [ "$(wc -l <out)" -eq 20 ] || fail "not 20 rows"
  awk '{ split($1, name, /[_.]/); if (name[3] != $2) { print "FAIL: " $0; bad = 1 } } END { exit bad }' out || failures=1
  expect 0 "$NNCC" run $model.so --input image.npy --output logits.npz
  "$NPZDIFF" logits.npz logits "$digits/heldout_logits.npz" $model 1e-4 || fail "logits of $model"
  expect 0 "$NNCC" run "$digits/$model.nn" --input image.npy --output again.npz --threads 2
  "$NPZDIFF" again.npz logits logits.npz logits 0 || fail "$model depends on the number of threads"
done
finish
