#!/bin/sh
# --precision: its messages, what it saves and costs, beside the reference, with the other ways to smaller networks.
. "${0%/*}/lib.sh"
digits=$SOURCE/examples/digits

# ---- beside the reference, at every level and on every instruction set; what it changes

for model in cnn vit; do
  for type in bf16 f16; do
    for level in 0 2; do
      expect 0 "$NNCC" verify "$digits/$model.nn" -O$level --precision=$type
      says out "layers agree, NMSE at most 1e-09"
      says out "compared with the smaller network, whose outputs differ from the model's by 0."
    done
    expect 0 "$NNCC" verify "$digits/$model.nn" -mcpu=x86-64-v2 --precision=$type
    says out "layers agree, NMSE at most 1e-09"
    expect 0 "$NNCC" eval "$digits/$model.nn" --data "$digits/heldout.npz" --precision=$type --layers --json
    "$PYTHON" - $type <<'END' || fail "$model $type"
import json, sys
found = json.load(open("out"))
least = {"bf16": 40, "f16": 55}[sys.argv[1]]
worst = min(l.get("snr_db", 1e9) for l in found["layers"])
print(f"agreement {found['sets'][0]['agreement']:.4f}, worst layer {worst:.1f} dB")
sys.exit(not (found["sets"][0]["agreement"] >= 0.998 and least < worst < least + 35))
END
  done
done

# ---- size

size() { wc -c <"$1" | tr -d ' '; }
small() { [ $((10 * $(size "$1"))) -lt $((6 * $(size f32.weights))) ] || fail "$1: $(size "$1") of $(size f32.weights) bytes"; }
for type in f32 bf16 f16; do
  expect 0 "$NNCC" "$digits/vit.nn" --precision=$type --emit=weights -o $type.weights
done
small bf16.weights
[ "$(size bf16.weights)" = "$(size f16.weights)" ] || fail "f16 and bf16 differ in size"
expect 0 "$NNCC" "$digits/vit.nn" -o m.so
mv m.so plain.so
expect 0 "$NNCC" "$digits/vit.nn" --precision=f32 -o m.so
mv m.so named.so
cmp -s plain.so named.so || fail "f32 is not what no option gives"

# One file of weights for several processors: they are packed alike.
expect 0 "$NNCC" "$digits/vit.nn" --precision=bf16 -mcpu=x86-64-v2,x86-64-v3 --emit=weights -o several.weights
cmp -s bf16.weights several.weights || fail "weights depend on the processor"

# ---- remarks and counts

expect 0 "$NNCC" "$digits/cnn.nn" --precision=f16 -Rpass=precision -Rpass-missed=precision --exclude='layer2*' --statistics -o m.so
says err "remark: fc1 has weights of f16, changed by 0.0"
says err "remark: layer1.conv keeps its weights: it reads a picture, or little more [-Rpass-missed=precision]"
says err "remark: layer2.conv keeps its weights: --exclude says so [-Rpass-missed=precision]"
says err "precision          weights in 16 bits"
says err "precision          bytes of weights saved"

# ---- models that are stored in 16 bits: as much, without being asked, and nothing is rounded

"$PYTHON" - "$digits" <<'END' || fail "no weights"
import sys
import numpy as np
import json, struct
def read(path):
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    return {k: np.frombuffer(data[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]], np.float32).reshape(v["shape"])
            for k, v in json.loads(data[8:8 + n]).items() if k != "__metadata__"}
found = read(f"{sys.argv[1]}/vit.safetensors")
np.savez("f16.npz", **{k: v.astype(np.float16) for k, v in found.items()})
END
expect 0 "$NNCC" "$digits/vit.nn" --weights=f16.npz --emit=weights -Rpass=keep-halves -o stored.weights
says err "remark: blocks.0.mlp.fc1 has weights of f16 [-Rpass=keep-halves]"
small stored.weights
expect 0 "$NNCC" verify "$digits/vit.nn" --weights=f16.npz
says out "layers agree, NMSE at most 1e-09"

# As ONNX, before and behind the pass, and read back: casts stand before the layers.
expect 0 "$NNCC" "$digits/vit.nn" --precision=bf16 --stop-after=precision -o half.nnir
says half.nnir "= cast @blocks.0.mlp.fc1.weight.bf16 {dtype=f32} : f32["
expect 0 "$NNCC" "$digits/vit.nn" --precision=f16 --stop-after=precision --emit=onnx -o half.onnx
expect 0 "$NNCC" verify half.onnx
expect 0 "$NNCC" verify half.onnx -O0
expect 0 "$NNCC" half.onnx --emit=weights -o read.weights
small read.weights

# ---- together with the others

expect 0 "$NNCC" verify "$digits/vit.nn" --quantize=int8,dynamic --precision=bf16 --exclude='blocks.1.*' -Rpass-missed='^precision$'
says err "remark: head keeps its weights: they are integers [-Rpass-missed=precision]"
expect 0 "$NNCC" verify "$digits/cnn.nn" --quantize=int8,dynamic --precision=bf16 -Rpass=precision
says err "remark: layer2.conv has weights of bf16"
expect 0 "$NNCC" verify "$digits/cnn.nn" --quantize=int8,static --calibrate="$digits/pictures" --precision=f16
expect 0 "$NNCC" verify "$digits/vit.nn" --prune=structured:0.3 --precision=bf16
expect 0 "$NNCC" verify "$digits/cnn.nn" --factorize=spatial:0.3 --precision=f16
expect 0 "$NNCC" inspect "$digits/cnn.nn" --precision=bf16
expect 0 "$NNCC" run "$digits/cnn.nn" --precision=f16 --input "$digits/pictures"

# ---- what does not fit

expect 2 "$NNCC" "$digits/cnn.nn" --precision=fp16 -o m.so
[ "$(head -n 1 err)" = "nncc: --precision takes f32, bf16 or f16, not \`fp16\`" ] || fail "$(cat err)"
expect 1 "$NNCC" "$digits/cnn.nn" --precision=f16 --exclude=fc3 -o refused.so
[ "$(head -n 1 err)" = "error: --exclude=fc3 fits no layer and no op of the network" ] || fail "$(cat err)"
[ -e refused.so ] && fail "refused.so was written"
finish
