#!/bin/sh
# Attention written out becomes one linear layer and one attention, and computes what it did.
. "${0%/*}/lib.sh"
models=$SOURCE/tests/e2e/attention.nn
for name in timm torchvision hugging_face onnx op merged swin; do
  model="--model=as_$name --init=1"
  expect 0 "$NNCC" verify "$models" $model
  says out "layers agree"
  says out "bitwise equal"
  expect 0 "$NNCC" "$models" $model --Rpass=fuse-attention -o fused.loop
  says err "remark: attention of"
  expect 0 "$NNCC" "$models" $model --disable-pass=fuse-attention -o apart.loop
  [ "$(grep -c '^phase.* = attention' fused.loop)" -eq 1 ] || fail "$name: not one phase of attention"
  # q, k and v in one, the projection and two more
  [ "$(grep -c '^phase.* = gemm' fused.loop)" -eq 4 ] || fail "$name: not four linear layers"
  grep -q '^phase.* = softmax' fused.loop && fail "$name: softmax is left"
  [ "$(grep -c ^phase fused.loop)" -lt "$(grep -c ^phase apart.loop)" ] || fail "$name: no fewer phases"
done
finish
