#!/bin/sh
# A model as text and back is the same model; `opt` runs passes on it.
. "${0%/*}/lib.sh"
digits=$SOURCE/examples/digits
"$NPZDIFF" --digits "$digits/heldout.npz" image.npy || fail "no held-out digits"
for model in cnn vit; do
  expect 0 "$NNCC" run "$digits/$model.nn" --input image.npy --output want.npz
  expect 0 "$NNCC" "$digits/$model.nn" --passes= -o plain.nnir
  expect 0 "$NNCC" run plain.nnir --input image.npy --output got.npz
  "$NPZDIFF" got.npz logits want.npz logits 0 || fail "$model read back from its text"
  expect 0 "$NNCC" opt plain.nnir --passes=canonicalize,fold-batch-norm,dce -o passed.nnir
  grep -q batch_norm passed.nnir && fail "batch norm was not folded"
  expect 0 "$NNCC" run passed.nnir --input image.npy --output got.npz
  "$NPZDIFF" got.npz logits want.npz logits 1e-5 || fail "$model after passes"
  expect 0 "$NNCC" opt passed.nnir -o again.nnir
  sed 's/again.side/passed.side/' again.nnir | cmp -s - passed.nnir || fail "$model: opt without passes changes the text"
  expect 0 "$NNCC" "$digits/$model.nn" -o m.loop
  expect 0 "$NNCC" opt m.loop
  cmp -s out m.loop || fail "$model: loop IR reads back as another"
  expect 0 "$NNCC" "$digits/$model.nn" --verify-each --print-after=canonicalize --time-passes --statistics -o m.so
  says err "after canonicalize"
  says err "fold-batch-norm"
done
finish
