#!/bin/sh
# A transformer written out in small operations becomes the layers that it is made of, and computes what it did.
. "${0%/*}/lib.sh"
cat >written.nn <<'M'
nn 1
block norm(x: [N, T, D]) -> y {
  d = x - mean(x, dim=-1, keepdim=true)
  y = d / sqrt(mean(d * d, dim=-1, keepdim=true) + 1e-6) * (parameter([D]) @weight) + (parameter([D]) @bias)
}
block by_erf(x) -> y { y = 0.5 * x * (1.0 + erf(x / sqrt(2.0))) }
block by_tanh(x) -> y { y = 0.5 * x * (1.0 + tanh(sqrt(2.0 / 3.141592653589793) * (x + 0.044715 * pow(x, 3)))) }
model m(image: f32[N, 3, 32, 48]) -> y {
  x = image |> conv2d(64, 8, stride=8) @patch |> flatten(2) |> transpose(1, 2)
  x = x + (norm(x) @norm1 |> linear(128) @fc1 |> by_erf |> linear(64) @fc2)
  x = x + (norm(x) @norm2 |> linear(128) @fc3 |> by_tanh |> linear(64) @fc4)
  d = x - mean(x, dim=-1, keepdim=true)
  z = d / sqrt(var(x, dim=-1, keepdim=true, correction=0) + 1e-6)
  y = linear(z, 5) @head
}
M
expect 0 "$NNCC" verify written.nn --init=1
expect 0 "$NNCC" written.nn --init=1 --print-after=recognize -Rpass=recognize -o written.so
ops=$(sed -n 's/^%.* = \([a-z_0-9]*\) .*/\1/p' err | tr '\n' ' ')
[ "$ops" = "patch_embed layer_norm linear gelu linear add layer_norm linear gelu linear add layer_norm linear " ] || fail "left: $ops"
says err "written.nn:6:36: remark: mul becomes gelu [-Rpass=recognize]"
finish
