#!/bin/sh
# A PyTorch checkpoint as a model's weights: named by the model, by an option, and in a printed graph.
. "${0%/*}/lib.sh"
data=$SOURCE/tests/weights/data
cp "$data/module.pt" "$data/script.pt" .
cat >net.nn <<'M'
nn 1
model net(x: f32[10, 7]) -> y {
  weights "module.pt"
  y = x |> reshape([2, 1, 5, 7]) |> conv2d(2, 3) @conv |> batch_norm @norm
}
M
"$NPZDIFF" --ramp x.npy 10 7
expect 0 "$NNCC" run net.nn --input x=x.npy --output named.npy
expect 0 "$NNCC" import net.nn -o other.nn
expect 0 "$NNCC" run other.nn --input x=x.npy --output converted.npy
cmp named.npy converted.npy || fail "the weights are others than those that import wrote"
expect 0 "$NNCC" net.nn --passes=canonicalize -o net.nnir
says net.nnir 'file("module.pt", "conv.weight")'
expect 0 "$NNCC" run net.nnir --input x=x.npy --output printed.npy
cmp named.npy printed.npy || fail "the printed graph has other weights"
expect 0 "$NNCC" verify net.nn
cat >ramps.nn <<'M'
nn 1
model ramps(x: f32[2, 3, 4]) -> y { y = x + (parameter([2, 3, 4]) @permuted) + (parameter([2, 3, 4]) @f64) }
M
expect 0 "$NNCC" run ramps.nn --weights="$data/training.pth" --input "x=$data/fortran.npy" --output y.npy
says err "training.pth: remark: the weights are those in its \`state_dict\`"
says err "training.pth: remark: the prefix \`module.\` of its names is left out"
says err "training.pth: warning: 19 weights that the model does not use"
printf 'nn 1\nmodel thrice(x: f32[2, 3, 4]) -> y { y = 3.0 * x }\n' >thrice.nn
expect 0 "$NNCC" run thrice.nn --input "x=$data/fortran.npy" --output want.npy
cmp y.npy want.npy || fail "the sum of three ramps"
expect 1 "$NNCC" net.nn --weights=script.pt -o net.so
says err "script.pt: error: is a TorchScript program, not weights: write its state_dict() with torch.save"
finish
