#!/bin/sh
# What is written as ONNX computes the same, at every boundary of the passes, and is the same bytes each time.
. "${0%/*}/lib.sh"
digits=$SOURCE/examples/digits
"$NPZDIFF" --digits "$digits/heldout.npz" image.npy || fail "no held-out digits"
passes=$("$NNCC" opt --list-passes | awk '$1 == "lower" { exit } { print $1 }')
[ "$(echo "$passes" | wc -l)" -gt 10 ] || fail "few passes: $passes"
for model in cnn vit; do
  [ $model = cnn ] || passes="decompose fuse-attention"
  expect 0 "$NNCC" run "$digits/$model.nn" --input image.npy --output want.npz
  for pass in $passes; do
    expect 0 "$NNCC" "$digits/$model.nn" --stop-after=$pass -o $model.onnx
    expect 0 "$NNCC" run $model.onnx --input image.npy --output got.npz
    "$NPZDIFF" got.npz logits want.npz logits 1e-5 || fail "$model computes something else after $pass"
  done
  expect 0 "$NNCC" "$digits/$model.nn" -o $model.onnx
  expect 0 "$NNCC" "$digits/$model.nn" -o again.onnx
  cmp $model.onnx again.onnx || fail "$model: other bytes"
  "$NNCC" "$digits/$model.nn" --emit=onnx -o - | cmp - $model.onnx || fail "$model: other bytes on stdout"
  expect 0 "$NNCC" "$digits/$model.nn" --emit=onnx,nnir -o two.onnx
  cmp two.onnx $model.onnx || fail "$model: other bytes beside a text"
done
texts() { tr -c '[:print:]\n' '\n' <"$1"; }
texts cnn.onnx >names
for text in '["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]' '[0.1307]' "$digits/cnn.nn:"; do says names "$text"; done

# Weights beside the model: the same elements, each at its offset.
expect 0 "$NNCC" "$digits/cnn.nn" --external-data -o beside.onnx
[ "$(wc -c <beside.onnx)" -lt 20000 ] || fail "the weights are within the model as well"
expect 0 "$NNCC" run beside.onnx --input image.npy --output beside.npz
expect 0 "$NNCC" run cnn.onnx --input image.npy --output within.npz
cmp beside.npz within.npz || fail "weights beside the model are other ones"
expect 1 "$NNCC" "$digits/cnn.nn" --external-data --emit=onnx -o -
says err "stdout: error: weights beside the model need its name: -o FILE.onnx"
mkdir full
ln -s /dev/full full/m.onnx.data
expect 1 "$NNCC" "$digits/cnn.nn" --external-data -o full/m.onnx
says err "full/m.onnx.data: error: cannot be written: No space left on device"
[ ! -e full/m.onnx ] || fail "a model without its weights"
ls full | grep tmp && fail "temporary files were left"
mkdir taken.onnx
expect 1 "$NNCC" "$digits/cnn.nn" -o taken.onnx
says err "taken.onnx: error: cannot be written: Is a directory"

# Names that ONNX, or a terminal, cannot have; names that are taken; outputs that are inputs, weights, or each other.
cat >names.nnir <<'END'
module "a \x01\"\xff\n module"
symbol N <= 8
weight @"w/\xc3\xa9\xed\xa0\x80" : f32[4, 2] = splat(0.5)
weight @x : f32[2] = dense[1, 2]
meta "k\xff\n" = "\xf5\x80"
input %x : f32[N, 2]
input %"in\x07put" : f32[N, 2]
%0 = linear %x, @"w/\xc3\xa9\xed\xa0\x80" : f32[N, 4] @"x"
%constant = relu %0 : f32[N, 4] @"x"
%1 = mul %x, @x : f32[N, 2] @"layer\n"
%2 = add %1, %"in\x07put" : f32[N, 2] @"layer\n"
%3 = clamp %2 {min=0.0, max=1.0} : f32[N, 2]
output x = %constant
output y = %3
output z = %3
output copy = %x
output w = @x
END
expect 0 "$NNCC" names.nnir --passes= -o names.onnx
texts names.onnx >names
for text in 'a _"__ module' 'in_put' 'layer_'; do says names "$text"; done
"$NPZDIFF" --ramp x.npy 3 2 0.25
expect 0 "$NNCC" run names.nnir --input x=x.npy --input "$(printf 'in\007put=x.npy')" --output want.npz
expect 0 "$NNCC" run names.onnx --input x=x.npy --input in_put=x.npy --output got.npz
for name in y z copy w; do "$NPZDIFF" got.npz $name want.npz $name 0 || fail "$name differs"; done
"$NPZDIFF" got.npz x.1 want.npz x 0 || fail "an output with an input's name differs"

# Open dimensions: expressions of them are computed by nodes.
cat >open.nnir <<'END'
module open
symbol N
symbol H
symbol W
input %h : f32[H]
input %x : f32[N, 2*H + 1]
input %w : f32[W, N]
%0 = reshape %x {shape=[2*H + 1, N]} : f32[2*H + 1, N]
%1 = slice %x {dims=[1], starts=[H], ends=[H + 2]} : f32[N, 2]
%2 = roll %1 {shifts=[1], dims=[1]} : f32[N, 2]
%3 = arange {start=[H + W], end=[3*H]} : i64[2*H - W]
%4 = unsqueeze %3 {dim=0} : i64[1, 2*H - W]
%5 = expand %4 {size=[N, -1]} : i64[N, 2*H - W]
%6 = permute %w {dims=[1, 0]} : f32[N, W]
%7 = reshape %6 {shape=[N, W, 1]} : f32[N, W, 1]
%8 = expand %7 {size=[N, W, H // 2]} : f32[N, W, H // 2]
%9 = slice %x {dims=[1], starts=[H % 3], ends=[max(H, 3)]} : f32[N, -(H % 3) + min(2*H + 1, max(H, 3))]
output a = %0
output b = %2
output c = %5
output d = %8
output e = %9
output f = %h
END
expect 0 "$NNCC" open.nnir --passes= -o open.onnx
texts open.onnx >names
for text in N W H '2*H + 1'; do grep -qxF "$text" names || fail "no \`$text\`: $(cat names)"; done
"$NPZDIFF" --ramp x.npy 3 11 0.5
"$NPZDIFF" --ramp w.npy 2 3 0.5
printf 'nn 1\nmodel m(x: f32[N, M]) -> h { h = sum(x, 0) }\n' >sum.nn
"$NPZDIFF" --ramp five.npy 1 5
expect 0 "$NNCC" run sum.nn --input x=five.npy --output h.npz
for model in nnir onnx; do expect 0 "$NNCC" run open.$model --input x=x.npy --input w=w.npy --input h=h.npz --output $model.npz; done
for name in a b c d e f; do "$NPZDIFF" onnx.npz $name nnir.npz $name 0 || fail "open dimensions: $name differs"; done

# Paddings that depend on the picture's size: ONNX's own kind, which reads back, and others, which stand before.
cat >same.nn <<'END'
nn 1
model m(x: f32[N, 2, H, W]) -> a, b, c {
  a = x |> conv2d(3, 3, stride=2, padding="same") @conv
  b = x |> max_pool2d(3, stride=2, padding="same")
  c = x |> avg_pool2d(3, stride=2, padding="same", count_include_pad=false)
}
END
expect 0 "$NNCC" same.nn --init=1 --passes= -o same.onnx
texts same.onnx | grep -q SAME_UPPER || fail "no SAME_UPPER"
texts same.onnx | grep -q Pad && fail "a Pad beside SAME_UPPER"
printf 'nn 1\nmodel m(r: f32[N, M]) -> x { x = reshape(r, [1, 2, 7, 8]) }\n' >picture.nn
"$NPZDIFF" --ramp r.npy 14 8
expect 0 "$NNCC" run picture.nn --input r=r.npy --output x.npz
expect 0 "$NNCC" run same.nn --init=1 --input x.npz --output want.npz
expect 0 "$NNCC" run same.onnx --input x.npz --output got.npz
for name in a b c; do "$NPZDIFF" got.npz $name want.npz $name 1e-6 || fail "open paddings: $name differs"; done
cat >pads.nnir <<'END'
module pads
symbol H
input %x : f32[1, 2, H, 8]
%0, %1 = max_pool2d %x {kernel=[3, 3], stride=[2, 2], padding=[H % 2, 1, 1, 1], return_indices=true} : f32[1, 2, (H + H % 2) // 2, 4], i64[1, 2, (H + H % 2) // 2, 4]
%2 = avg_pool2d %x {kernel=[3, 3], stride=[2, 2], padding=[H % 2, 1, 1, 1], count_include_pad=false} : f32[1, 2, (H + H % 2) // 2, 4]
output a = %0
output i = %1
output b = %2
END
expect 0 "$NNCC" pads.nnir --passes= -o pads.onnx
for op in Pad Expand Div Mod; do texts pads.onnx | grep -q "max_pool2d/$op\|avg_pool2d/$op" || fail "no $op"; done

# What cannot be written, and what only nncc reads.
cat >unknown.nnir <<'END'
module unknown
symbol N <= 8
input %x : f32[2]
%0 = arange {start=[0], end=[N]} : i64[N]
output y = %0
END
expect 1 "$NNCC" unknown.nnir --passes= -o unknown.onnx
says err "error: arange cannot be written as ONNX: no input's shape tells what \`N\` is"
cat >wide.nnir <<'END'
module wide
input %x : f32[2]
weight @s : f32[] = splat(1)
%0 = quantize_linear %x, @s {dtype=i32} : i32[2]
output y = %0
END
expect 1 "$NNCC" wide.nnir --passes= -o unknown.onnx
says err "error: quantize_linear cannot be written as ONNX: that has none of i32"
[ ! -e unknown.onnx ] || fail "a file in spite of an error"
printf 'nn 1\nmodel m(x: f32[1, 2, H, W]) -> y { y = adaptive_avg_pool2d(x, [3, 2]) @pool }\n' >adaptive.nn
expect 0 "$NNCC" adaptive.nn --passes= -o adaptive.onnx
says err "warning: adaptive_avg_pool2d of f32[1, 2, H, W] is written as a node of the domain \`nncc\`, which other programs do not know: ONNX has no op for windows of open sizes"
expect 0 "$NNCC" adaptive.nn --passes= --shape x=1,2,7,5 -o adaptive.onnx
[ -s err ] && fail "a warning although sizes are known"
finish
