#!/bin/sh
# What `nncc import` writes is laid out, has the weights' names, and computes the same.
. "${0%/*}/lib.sh"
digits=$SOURCE/examples/digits
"$NPZDIFF" --digits "$digits/heldout.npz" image.npy || fail "no held-out digits"
for model in cnn vit; do
  expect 0 "$NNCC" import "$digits/$model.nn" -o $model.nn
  expect 0 "$NNCC" fmt --check $model.nn
  expect 0 "$NNCC" run "$digits/$model.nn" --input image.npy --output want.npz
  expect 0 "$NNCC" run $model.nn --input image.npy --output got.npz
  "$NPZDIFF" got.npz logits want.npz logits 0 || fail "$model as it was written computes something else"
done
says vit.nn "for i in 0..4 {"
for model in examples/models/resnet18 examples/models/swin_t examples/models/vit_b_16 bench/unseen/shufflenet_v2; do
  name=${model##*/}
  expect 0 "$NNCC" import "$SOURCE/$model.nn" --init=1 -o $name.nn
  expect 0 "$NNCC" fmt --check $name.nn
  expect 0 "$NNCC" inspect --weights "$SOURCE/$model.nn"
  sort out >want
  expect 0 "$NNCC" inspect --weights $name.nn
  sort out | cmp -s - want || fail "$name: other weights"
  expect 0 "$NNCC" $name.nn -o m.nnir # finds them all
done

cat >small.nnir <<'END'
module "a module"
symbol N <= 8
weight @"w/one" : f32[4, 2] = splat(0.5)
weight @b : f32[3] = dense[1, inf, 2]
weight @two : f32[] = splat(2)
weight @k : i64[2] = dense[1, 0]
input %"in put" : f32[N, 2]
input %for : f32[N, 3]
%0 = linear %"in put", @"w/one" : f32[N, 4] @"/a/a.0/fc/MatMul"
%1 = relu %0 : f32[N, 4]
%2 = mul %1, @two : f32[N, 4]
%3 = sub %for, @b : f32[N, 3]
%4 = concat %2, %3, %2 {dim=1} : f32[N, 11]
%5 = index_select %4, @k {dim=1} : f32[N, 2]
%6, %7 = split %5 {sizes=[1], dim=1} : f32[N, 1], f32[N, 1]
output "out put" = %6
output out_put = %7
output same = %6
END
cat >want <<'END'
nn 1

model a_module(in_put: f32[N<=8, 2], for_: f32[N, 3]) -> out_put, out_put_2, same {
  weights "small.safetensors"
  x = in_put |> linear(4, bias=false) @a.0.fc |> relu
  x = x * 2.0
  y = for_ - parameter([3]) @b
  out_put, out_put_2 = concat(x, y, x, dim=1) |> index_select(constant([1, 0], dtype=i64), 1)
                                              |> split([1, 1], dim=1)
  same = out_put
}
END
expect 0 "$NNCC" import small.nnir -o small.nn
diff want small.nn || fail "another text"
expect 0 "$NNCC" small.nn -o small.so
expect 2 "$NNCC" import small.nnir
says err "-o names the file to write, FILE.nn"
expect 1 "$NNCC" import none.onnx -o m.nn
says err "none.onnx: error: cannot be read: No such file or directory"

cat >volumes.nnir <<'END'
module volumes
weight @a.weight : f32[4, 3, 1, 2, 1] = splat(0.5)
weight @b.weight : f32[4, 3, 1, 2, 2] = splat(0.5)
weight @b.bias : f32[6] = splat(0.5)
input %x : f32[1, 3, 2, 4, 5]
%0 = conv3d %x, @a.weight {padding=[0, 1, 0, 0, 0, 0]} : f32[1, 4, 2, 4, 5] @a
%1 = conv_transpose3d %0, @b.weight, @b.bias {stride=[1, 2, 1], groups=2} : f32[1, 6, 2, 8, 6] @b
output y = %1
END
expect 0 "$NNCC" import volumes.nnir -o volumes.nn
says volumes.nn "conv3d(4, [1, 2, 1], padding=[0, 1, 0, 0, 0, 0], bias=false) @a"
says volumes.nn "conv_transpose3d(6, [1, 2, 2], stride=[1, 2, 1], groups=2) @b"
expect 0 "$NNCC" volumes.nn -o m.nnir

# Integers that a double does not hold, in lists and beside a tensor.
cat >wide.nnir <<'END'
module wide
weight @k : i64[3] = dense[9007199254740993, -4611686018427387903, 4611686018427387903]
weight @s : i64[] = dense[-9007199254740995]
weight @u : u64[2] = dense[9007199254740993, 3]
input %x : i64[3]
input %z : u64[2]
%0 = add %x, @k : i64[3]
%1 = add %0, @s : i64[3]
%2 = add %z, @u : u64[2]
output y = %1
output w = %2
END
expect 0 "$NNCC" import wide.nnir -o wide.nn
says wide.nn "x + constant([9007199254740993, -4611686018427387903, 4611686018427387903], dtype=i64)"
expect 0 "$NNCC" wide.nn --passes=dce -o again.nnir
for data in "i64[3] = dense[9007199254740993, -4611686018427387903, 4611686018427387903]" \
  "i64[] = dense[-9007199254740995]" "u64[2] = dense[9007199254740993, 3]"; do
  says again.nnir "$data"
done

# Weights that are made of others are weights of their own there.
cat >made.nnir <<'END'
module made
weight @all : f32[2, 30] = init(1, 15)
input %x : f32[1, 5]
%0 = slice @all {dims=[1], starts=[15], ends=[30]} : f32[2, 15]
%1 = reshape %0 {shape=[6, 5]} : f32[6, 5]
%2 = linear %x, %1 : f32[1, 6] @c
output y = %2
END
expect 0 "$NNCC" import made.nnir -o made.nn
says made.nn "y = x |> linear(6, bias=false) @c"
"$NPZDIFF" --ramp ramp.npy 1 5
for kind in nnir nn; do expect 0 "$NNCC" run made.$kind --input ramp.npy --output $kind.npz; done
"$NPZDIFF" nn.npz y nnir.npz y 0 || fail "a weight made of another is another one"

# What the language has no words for.
refuse() {
  cat >refused.nnir
  expect 1 "$NNCC" import refused.nnir -o refused.nn
  says err "$1"
}
refuse "conv2d \`c\` cannot be written in the language: its weights are not constants" <<'END'
module refused
input %x : f32[1, 3, 8, 8]
input %w : f32[4, 3, 3, 3]
%0 = conv2d %x, %w : f32[1, 4, 6, 6] @c
output y = %0
END
refuse "conv2d \`c\` cannot be written in the language: passes gave it an attribute more" <<'END'
module refused
weight @c.weight : f32[4, 3, 1, 1] = splat(1)
input %x : f32[1, 3, 8, 8]
%0 = conv2d %x, @c.weight {act="relu"} : f32[1, 4, 8, 8] @c
output y = %0
END
refuse "conv2d \`c\` cannot be written in the language: passes gave it an operand more" <<'END'
module refused
weight @c.weight : f32[3, 3, 1, 1] = splat(1)
input %x : f32[1, 3, 8, 8]
%0 = conv2d %x, @c.weight, _, %x : f32[1, 3, 8, 8] @c
output y = %0
END
refuse "reorder \`r\` cannot be written in the language: only passes make this op" <<'END'
module refused
input %x : f32[1, 3, 8, 8]
%0 = reorder %x : f32[1, 3, 8, 8] @r
output y = %0
END
refuse "add \`a\` cannot be written in the language: one of its operands is a large constant that is not of f32" <<'END'
module refused
weight @w : i64[5000] = splat(1)
input %x : i64[5000]
%0 = add %x, @w : i64[5000] @a
output y = %0
END
refuse "add \`a\` cannot be written in the language: one of its operands holds an integer of 2^62 or more" <<'END'
module refused
weight @w : i64[1] = dense[4611686018427387904]
input %x : i64[1]
%0 = add %x, @w : i64[1] @a
output y = %0
END
refuse "the output \`y\` is a constant, which cannot be written in the language" <<'END'
module refused
weight @w : f32[2] = splat(1)
output y = @w
END
finish
