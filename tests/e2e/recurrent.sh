#!/bin/sh
# A network of recurrent layers, with open sizes: as ONNX, before and after its layers are taken apart, and as `nncc import`
# writes it, it computes the same as at -O0.
. "${0%/*}/lib.sh"
cat >crnn.nn <<'END'
nn 1
# Shi, Bai, Yao, 2015: columns of a picture as steps of a sequence.
model crnn(image: f32[N, 1, 32, W], lengths: i32[N]) -> letters, last {
  x = image |> conv2d(8, 3, padding=1) @conv |> relu |> max_pool2d([32, 2]) |> squeeze(2) |> permute([2, 0, 1])
  for i in 0..2 { x = x |> lstm(19, bidirectional=true, layer=i) @rnn }
  x, last = gru(x, 17, lengths=lengths, return_state=true) @gru
  letters = x |> gru(5, reset_after=false) @old |> rnn(6, nonlinearity="relu", bidirectional=true) @plain |> linear(11) @fc
}
END
"$PYTHON" - <<'END' || fail "no inputs"
import numpy as np
rng = np.random.default_rng(5)
for n, w in [(1, 37), (18, 10)]:
    np.savez(f"in{n}.npz", image=rng.standard_normal((n, 1, 32, w)).astype("f4"), lengths=(np.arange(n, dtype="i4") + 4) % 7)
END
expect 0 "$NNCC" inspect --weights crnn.nn
for name in rnn.weight_ih_l0 rnn.weight_hh_l1_reverse rnn.bias_ih_l1 gru.bias_hh_l0; do says out "$name"; done
expect 0 "$NNCC" verify --init=1 --shape image=3,1,32,9 crnn.nn
says out "11 of 11 layers agree"
expect 0 "$NNCC" crnn.nn --init=1 --passes= -o crnn.onnx
expect 0 "$NNCC" crnn.nn --init=1 -o apart.onnx
expect 0 "$NNCC" import crnn.nn --init=1 -o again.nn
expect 0 "$NNCC" import crnn.onnx -o back.nn
says again.nn "lstm(19, bidirectional=true) @rnn"
says back.nn "gru(5, reset_after=false) @old"
for n in 1 18; do
  expect 0 "$NNCC" run -O0 crnn.nn --init=1 --input in$n.npz --output want.npz
  for model in crnn.nn crnn.onnx apart.onnx again.nn back.nn; do
    expect 0 "$NNCC" run $model --init=1 --input in$n.npz --output got.npz
    for name in letters last; do
      "$NPZDIFF" got.npz $name want.npz $name 1e-5 || fail "$model: $name differs"
    done
  done
done
finish
