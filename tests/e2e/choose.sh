#!/bin/sh
# --max-error, --save-decisions and --decisions: what is printed is true, results repeat, and what does not fit is said.
. "${0%/*}/lib.sh"
digits=$SOURCE/examples/digits
cnn=$digits/cnn.nn

# Every fourth sample is held out.
"$PYTHON" - "$digits" <<'END' || fail "no data"
import sys
import numpy as np
held = np.load(f"{sys.argv[1]}/heldout.npz")
x, y = held["pictures"], held["labels"]
np.savez("data.npz", x=x[:160])
np.savez("held.npz", x=x[3:160:4], y=y[3:160:4])
np.savez("few.npz", x=x[:7])
np.savez("nan.npz", x=np.full((8, 1, 28, 28), np.nan, np.float32))
END

# choose MODEL PERCENT LEAST: the error of the outputs is what eval measures and within the bound, the network is at least
# so many times as fast (processors without dot products of bytes gain little by integers), and a second compilation by the
# decisions gives the same bytes.
choose() {
  model=$1 percent=$2 least=$3
  expect 0 "$NNCC" "$digits/$model.nn" --calibrate=data.npz --max-error="$percent%" --save-decisions=d.json -o m.so
  cp err table
  says table "layer "
  says table "us before   us after   bytes before   bytes after   rejected"
  says table "of 40 held-out samples   120 calibrated"
  grep -Eq '^(no layer is|some layers are) slower than in f32 by more than 3% \(or 0.1 us\), conversions counted' table || fail "$(cat table)"
  printed=$(sed -n 's/.*error \([0-9.]*\)% (at most .*/\1/p' table)
  speed=$(sed -n 's/.*ms on one thread (\([0-9.]*\)x).*/\1/p' table)
  expect 0 "$NNCC" eval "$digits/$model.nn" --data held.npz --decisions=d.json --calibrate=data.npz --json
  "$PYTHON" - "$printed" "$percent" "$speed" "$least" <<'END' || fail "$model $percent: $(cat table)"
import json, sys
printed, bound, speed, least = map(float, sys.argv[1:])
error = 100 * json.load(open("out"))["sets"][0]["error"]
print(f"printed {printed}, measured {error:.4f}, bound {bound}, {speed} times as fast")
sys.exit(not (abs(printed - error) < 0.00501 and 0 < error <= bound and speed >= least))
END
  cp m.so first.so
  expect 0 "$NNCC" "$digits/$model.nn" --decisions=d.json --calibrate=data.npz -o m.so
  cmp -s first.so m.so || fail "$model: the decisions give other bytes"
  if ! grep -q ':0' d.json; then # nothing is factorized, so that nothing is fitted to data
    expect 0 "$NNCC" "$digits/$model.nn" --decisions=d.json -o m.so
    cmp -s first.so m.so || fail "$model: the decisions alone give other bytes"
  fi
  expect 0 "$NNCC" verify "$digits/$model.nn" --decisions=d.json --calibrate=data.npz
  says out "layers agree"
}
choose cnn 1 1.05
grep -q '"layer": "layer1.conv", "choice": "f32"' d.json || fail "the first convolution alone costs more than 1%: $(cat table)"
grep '"layer"' d.json | grep -vq f32 || fail "no layer was changed"
grep -q '^layer1.conv   f32 .*int8: ' table || fail "no reason is given: $(cat table)"
says table "the most that saves work beside Winograd's algorithm ("
cp d.json cnn.json
choose cnn 5 1.15
choose vit 5 1.01

# Where nothing can be had within the error the network stays as it is, and is that of no option.
expect 0 "$NNCC" "$cnn" --calibrate="$digits/pictures" --max-error=0.0001% --save-decisions=d.json -o m.so
says err "error 0.00% (at most 0.0001%), the same answer on 100.0%, of 5 held-out samples   15 calibrated"
grep '"layer"' d.json | grep -q int8 && fail "layers were changed: $(cat d.json)"
cp m.so first.so
expect 0 "$NNCC" "$cnn" -o m.so
cmp -s first.so m.so || fail "the network is not as it is"

# ---- decisions that people write

# decided TEXT OPTION...: layers, as JSON.
decided() {
  text=$1
  shift
  printf '{"nncc_decisions": 1, "layers": [%s]}\n' "$text" >own.json
  expect 0 "$NNCC" verify "$digits/vit.nn" --decisions=own.json -Rpass-missed=quantize "$@"
  says out "layers agree"
}
decided '{"layer": "blocks", "choice": "int8"}, {"layer": "blocks.2", "choice": "f32"}' --calibrate="$digits/pictures"
says err "remark: blocks.2.attn.proj stays in f32: so it is decided"
says err "remark: head stays in f32: so it is decided"
grep -q "remark: blocks.1.mlp.fc1" err && fail "blocks.1.mlp.fc1 is not of integers"
decided '{"layer": "blocks.0.attn", "choice": "channel:0.9"}, {"layer": "blocks.1.mlp", "choice": "tucker2:0.5"}' -Rpass=factorize
says err "remark: blocks.0.attn.qkv as "
decided ''
decided '{"layer": "blocks.0.mlp", "choice": "bf16"}, {"layer": "blocks.1.mlp", "choice": "int8,dynamic"}, {"layer": "blocks.2.mlp.fc1", "choice": "channel:0.2,f16"}, {"layer": "blocks.2.mlp.fc2", "choice": "channel:0.2,int8"}, {"layer": "blocks.3.mlp.fc2", "choice": "int8"}' --calibrate="$digits/pictures" -Rpass=.
says err "remark: blocks.0.mlp.fc1 has weights of bf16, changed by "
says err "remark: blocks.1.mlp.fc2 on integers, scaled as they come"
says err "remark: blocks.2.mlp.fc1 as two of rank "
says err "remark: blocks.2.mlp.fc1.down has weights of f16, changed by "
says err "remark: blocks.2.mlp.fc2.up on integers: its input from "
says err "remark: blocks.3.mlp.fc2 on integers: its input from "
expect 0 "$NNCC" "$digits/vit.nn" --decisions=own.json --calibrate="$digits/pictures" -o m.so
cp m.so first.so
expect 0 "$NNCC" "$digits/vit.nn" --decisions=own.json --calibrate="$digits/pictures" -o m.so
cmp -s first.so m.so || fail "decisions and data give other bytes the second time"
printf '{"nncc_decisions": 1, "layers": [{"layer": "layer2", "choice": "spatial:0.6,int8"}]}\n' >own.json
expect 0 "$NNCC" verify "$cnn" --decisions=own.json --calibrate="$digits/pictures" --exclude='*.vertical' -Rpass=. -Rpass-missed=.
says err "remark: layer2.conv as 3 x 1 and 1 x 3 of rank "
says err "remark: layer2.conv.vertical stays in f32: --exclude says so"
says err "remark: layer2.conv.horizontal on integers: "
says err "remark: layer1.conv stays in f32: so it is decided"
expect 0 "$NNCC" bench "$cnn" --decisions=cnn.json --calibrate=data.npz --runs=2
expect 0 "$NNCC" inspect "$cnn" --decisions=cnn.json --calibrate=data.npz
says out "quantize_linear"

# ---- what does not fit

# refused MESSAGE OPTION...
refused() {
  message=$1
  shift
  expect 1 "$NNCC" "$cnn" -o refused.so "$@"
  [ "$(head -n 1 err)" = "$message" ] || fail "not \`$message\` but: $(cat err)"
  [ -e refused.so ] && fail "refused.so was written"
}
# file TEXT MESSAGE: of a file of decisions.
file() {
  printf "%s" "$1" >bad.json
  refused "bad.json: error: $2" --decisions=bad.json
}
file '{"nncc_decisions": 1,' "line 1: string or '}' expected near end of file"
file '{"nncc_decisions": 2, "layers": []}' "holds no decisions that --save-decisions of this nncc wrote"
file '[]' "holds no decisions that --save-decisions of this nncc wrote"
file '{"nncc_decisions": 1, "layers": [{"layer": "fc1", "choice": "int8"}, {"layer": "fc2"}]}' "layer 1 needs texts \`layer\` and \`choice\`"
file '{"nncc_decisions": 1, "layers": [{"layer": "fc1", "choice": "int4"}]}' "the choice of \`fc1\` must be f32, bf16, f16, int8 or int8,dynamic, what --factorize takes, or both with a comma, not \`int4\`"
file '{"nncc_decisions": 1, "layers": [{"layer": "fc1", "choice": "f32,int8"}]}' "the choice of \`fc1\` must be f32, bf16, f16, int8 or int8,dynamic, what --factorize takes, or both with a comma, not \`f32,int8\`"
file '{"nncc_decisions": 1, "layers": [{"layer": "fc1", "choice": "spatial:2"}]}' "the choice of \`fc1\` must be f32, bf16, f16, int8 or int8,dynamic, what --factorize takes, or both with a comma, not \`spatial:2\`"
file '{"nncc_decisions": 1, "layers": [{"layer": "fc1", "choice": "f32"}, {"layer": "fc1", "choice": "f32"}]}' "\`fc1\` is decided twice"
file '{"nncc_decisions": 1, "observer": "max", "layers": []}' "\`observer\` must be minmax, percentile, mse or entropy"
for held in 1 1001 4.5 '"4"' null; do
  file "{\"nncc_decisions\": 1, \"held_out\": $held, \"layers\": []}" "\`held_out\` must be an integer from 2 to 1000"
done
file '{"nncc_decisions": 1, "held_out": 4, "layers": [{"layer": "fc1", "choice": "channel:0.1"}]}' "its factorizations are fitted to data: --calibrate=DATA, the same"
file '{"nncc_decisions": 1, "layers": [], "calibration": {}}' "is no calibration that --save-calibration of this nncc wrote"
"$PYTHON" -c 'print("{\"nncc_decisions\": 1, \"layers\": [" + ",".join(["{}"] * 16385) + "]}")' >bad.json
refused "bad.json: error: decides of more than 16384 layers" --decisions=bad.json
printf '{"nncc_decisions": 1, "layers": [{"layer": "layer4.conv", "choice": "int8"}, {"layer": "decoder", "choice": "f32"}]}' >bad.json
refused "error: the decisions name \`layer4.conv\`, which is no layer of the network; did you mean \`layer1.conv\`?" --decisions=bad.json --calibrate="$digits/pictures"
says err "error: the decisions name \`decoder\`, which is no layer of the network"
printf '{"nncc_decisions": 1, "layers": [{"layer": "fc1", "choice": "int8"}]}' >bad.json
refused "error: int8,static needs ranges: --calibrate=DATA, or a file that --save-calibration wrote" --decisions=bad.json
refused "none.json: error: cannot be read: No such file or directory" --decisions=none.json
refused "few.npz: error: --max-error needs at least 8 samples, one of 4 to be held out; these are 7" --max-error=1% --calibrate=few.npz
refused "nan.npz: error: calibration: \`image\` has a NaN or an infinity on these samples" --max-error=1% --calibrate=nan.npz
refused "none.npz: error: cannot be read: No such file or directory" --max-error=1% --calibrate=none.npz
refused "nowhere/d.json: error: cannot be written: No such file or directory" --max-error=5% --calibrate="$digits/pictures" --save-decisions=nowhere/d.json
refused "$cnn: error: --max-error needs the pass \`quantize\` among those that are run" --max-error=1% --calibrate=data.npz --passes=decompose,assign-layouts,lower,plan-memory
printf 'nn 1\nmodel m(x: f32[N, 4]) -> y { y = relu(x) }\n' >none.nn
printf 'nn 1\nmodel m(x: f32[N, 4]) -> y { y = linear(x, 3) @a |> cast(i32) }\n' >integers.nn
"$PYTHON" -c 'import numpy as np; np.savez("rows.npz", x=np.random.default_rng(1).random((16, 4), np.float32))'
expect 1 "$NNCC" none.nn --max-error=1% --calibrate=rows.npz -o m.so
says err "none.nn: error: --max-error finds no convolution, linear layer or product to choose for"
expect 1 "$NNCC" integers.nn --init=1 --max-error=1% --calibrate=rows.npz -o m.so
says err "integers.nn: error: --max-error needs an output of f32"
if [ "$(uname -m)" = x86_64 ]; then
  refused "$cnn: error: --max-error times networks on this machine, which cannot run the code for \`aarch64-linux-gnu\`" --max-error=1% --calibrate=data.npz --target=aarch64-linux-gnu
fi

# misused MESSAGE OPTION...
misused() {
  message=$1
  shift
  expect 2 "$NNCC" "$cnn" -o m.so "$@"
  [ "$(head -n 1 err)" = "nncc: $message" ] || fail "not \`$message\` but: $(cat err)"
}
for text in 5 0 -1% 101% 1%% nan% much; do
  misused "--max-error takes a share from 0.0001% to 100%, such as 1% or 0.01, not \`$text\`" --calibrate=data.npz --max-error=$text
done
misused "--max-error searches for what --decisions says: give one of them" --max-error=1% --calibrate=data.npz --decisions=d.json
misused "--max-error needs --calibrate=DATA" --max-error=1%
misused "--max-error needs data, which it measures errors on: \`c.json\` holds ranges alone" --max-error=1% --calibrate=c.json
misused "--max-error decides of each layer: leave --quantize, --factorize, --prune and --precision out" --max-error=1% --calibrate=data.npz --quantize=int8,static
misused "--decisions decides of each layer: leave --quantize, --factorize, --prune and --precision out" --decisions=d.json --factorize=spatial:0.1
misused "--decisions names the observer: leave --observer out" --decisions=d.json --observer=minmax
misused "--save-decisions is for --max-error" --save-decisions=d.json
misused "--save-decisions keeps what was observed as well: leave --save-calibration out" --max-error=1% --calibrate=data.npz --save-calibration=c.json
expect 2 "$NNCC" bench "$cnn" --max-error=1% --calibrate=data.npz
finish
