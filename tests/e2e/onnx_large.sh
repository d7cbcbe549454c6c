#!/bin/sh
# A model of more than protobuf's 2 GB: its weights go to a file beside it, through little memory.
. "${0%/*}/lib.sh"
cat >big.nnir <<'END'
module big
weight @a : f32[600000, 1000] = splat(0.5)
weight @b : f32[3] = dense[1, 2, 3]
input %x : f32[1, 600000]
input %z : f32[2, 3]
%0 = matmul %x, @a : f32[1, 1000]
%1 = mul %z, @b : f32[2, 3]
output y = %0
output w = %1
END
expect 0 sh -c 'ulimit -v 1000000 && exec "$@"' "" "$NNCC" big.nnir --passes= -o big.onnx
[ "$(wc -c <big.onnx)" -lt 1000 ] || fail "the weights are within the model"
[ "$(wc -c <big.onnx.data)" -eq 2400002060 ] || fail "the weights take $(wc -c <big.onnx.data) bytes"
expect 0 "$NNCC" inspect big.onnx
says out "600.0 M params (2400.0 MB)"
finish
