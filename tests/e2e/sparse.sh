#!/bin/sh
# Where kernels for zeros are chosen, what says so, and that weights, profiles and bits are as they should be.
. "${0%/*}/lib.sh"

cat >net.nn <<'M'
nn 1
model net(a: f32[32, 420]) -> y {
  y = a |> reshape([1, 32, 20, 21]) |> conv2d(250, 1) @first |> relu |> conv2d(120, 1) @second |> global_avg_pool |> flatten |> linear(64) @head
}
M
compile() { expect 0 "$NNCC" net.nn --init=1 -Rpass=lower -Rpass-missed=lower "$@"; }

# Where most weights are zero, few, and hardly any.
for cpu in native x86-64-v3 x86-64-v2; do
  compile --prune=magnitude-per-layer:0.9 -mcpu=$cpu -o net.so
  says err "second: 90% of the weights are zero, by the sparse kernel: "
  says err "head: 90% of the weights are zero, but rows of features have a dense kernel only"
  compile --prune=magnitude-per-layer:0.21 -mcpu=$cpu -o net.so
  says err "first: 21% of the weights are zero, by the dense kernel: "
  compile --prune=magnitude-per-layer:0.1 -mcpu=$cpu -o net.so
  grep -q "weights are zero, " err && fail "$cpu: few zeros are spoken of"
done
cat >row.nn <<'M'
nn 1
model row(a: f32[1, 256, 1, 1]) -> y { y = a |> conv2d(256, 1) @first |> conv2d(256, 1) @second }
M
expect 0 "$NNCC" row.nn --init=1 --prune=magnitude-per-layer:0.8 -Rpass-missed=lower -o row.so
says err "second: 80% of the weights are zero, by the dense kernel: "
says err "(1 pixels)"

# Weights that were zero before, and those in 16 bits, which stay dense.
compile --prune=magnitude-per-layer:0.9 --emit=onnx -o zeros.onnx
expect 0 "$NNCC" zeros.onnx -Rpass=lower -o zeros.so
says err "second: 90% of the weights are zero, by the sparse kernel: "
compile --prune=magnitude-per-layer:0.9 --precision=f16 -o net.so
grep -q "sparse kernel" err && fail "a kernel for zeros of halves"

"$NPZDIFF" --ramp a.npy 32 420
run() { expect 0 "$NNCC" run "$1" --input a=a.npy --output "$2"; }
compile --prune=magnitude-per-layer:0.9 -o net.so
expect 0 "$NNCC" bench net.so --per-layer --seconds=0.02
grep -Eq "^sparse[_0-9]* +second .*C16 +[0-9]+x16, 90% zeros$" out || fail "no kernel for zeros: $(cat out)"
expect 0 "$NNCC" verify net.nn --init=1 --prune=magnitude-per-layer:0.9
says out "NMSE at most 1e-09"

# A file of weights is smaller, and belongs to its model alone.
compile --emit=weights -o dense.weights
compile --prune=magnitude-per-layer:0.9 --emit=weights -o own.weights
compile --prune=magnitude-per-layer:0.8 --emit=weights -o other.weights
[ $((3 * $(wc -c <own.weights))) -lt "$(wc -c <dense.weights)" ] || fail "$(wc -c <own.weights) bytes for a tenth"
run net.so embedded.npz
expect 0 "$NNCC" run net.so --weights=own.weights --input a=a.npy --output own.npz
expect 0 cmp embedded.npz own.npz
expect 1 "$NNCC" run net.so --weights=other.weights --input a=a.npy
says err "not this model's"

# Several processors in one object; the same bits on all.
compile --prune=magnitude-per-layer:0.9 -mcpu=x86-64-v2,x86-64-v3 -o both.so
run both.so both.npz
for cpu in x86-64-v2 x86-64-v3; do
  compile --prune=magnitude-per-layer:0.9 --reproducible -mcpu=$cpu -o one.so
  says err "second: 90% of the weights are zero, by the sparse kernel: "
  run one.so $cpu.npz
done
expect 0 cmp x86-64-v2.npz x86-64-v3.npz
finish
