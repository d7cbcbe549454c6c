#!/bin/sh
# --factorize and --prune: their messages, and networks that are smaller and still compiled right.
. "${0%/*}/lib.sh"
cnn=$SOURCE/examples/digits/cnn.nn

# refused MESSAGE OPTION...: a usage mistake with exactly this message.
refused() {
  message=$1
  shift
  expect 2 "$NNCC" "$cnn" -o m.so "$@"
  [ "$(head -n 1 err)" = "nncc: $message" ] || fail "not \`$message\` but: $(cat err)"
}
expected="--factorize takes spatial:ERROR, channel:ERROR or tucker2:ERROR"
refused "$expected, not \`0.05\`" --factorize=0.05
refused "$expected, not \`tucker:0.05\`" --factorize=tucker:0.05
refused "$expected, not \`\`" --factorize=
refused "--factorize=channel:ERROR takes a number from 0.0001 to 0.99, not \`1\`" --factorize=channel:1
refused "--factorize=spatial:ERROR takes a number from 0.0001 to 0.99, not \`1\`" --factorize=spatial:1
refused "--factorize=spatial:ERROR takes a number from 0.0001 to 0.99, not \`0\`" --factorize=spatial:0
refused "--factorize=spatial:ERROR takes a number from 0.0001 to 0.99, not \`5%\`" --factorize=spatial:5%
refused "--factorize=spatial:ERROR takes a number from 0.0001 to 0.99, not \`nan\`" --factorize=spatial:nan
refused "--factorize=spatial:ERROR takes a number from 0.0001 to 0.99, not \`\`" --factorize=spatial:
expected="--prune takes structured:FRACTION, magnitude:FRACTION or magnitude-per-layer:FRACTION"
refused "$expected, not \`0.3\`" --prune=0.3
refused "$expected, not \`filters:0.3\`" --prune=filters:0.3
refused "--prune=structured:FRACTION takes a number from 0 to 0.95, not \`1\`" --prune=structured:1
refused "--prune=structured:FRACTION takes a number from 0 to 0.95, not \`30%\`" --prune=structured:30%
refused "--prune=magnitude:FRACTION takes a number from 0 to 1, not \`-0.1\`" --prune=magnitude:-0.1
refused "--prune=magnitude-per-layer:FRACTION takes a number from 0 to 1, not \`70\`" --prune=magnitude-per-layer:70

for level in 0 2; do
  expect 0 "$NNCC" verify "$cnn" -O$level --factorize=spatial:0.5 -Rpass=factorize -Rpass-missed=factorize
  says out "layer3.conv.vertical"
  says out "layers agree"
  says out "compared with the smaller network, whose outputs differ from the model's by "
  says err "cnn.nn:6:12: remark: layer3.conv as 3 x 1 and 1 x 3 of rank "
done
for model in cnn vit; do
  expect 0 "$NNCC" verify "$SOURCE/examples/digits/$model.nn" --factorize=channel:0.3 -Rpass=factorize
  says out "layers agree"
  says err "as two of rank "
done
expect 0 "$NNCC" verify "$cnn" --factorize=tucker2:0.5 -Rpass=factorize
says out "layer3.conv.core"
says out "layers agree"

# With data: errors of outputs; the same network from any number of threads; data and ranges beside each other.
pictures=$SOURCE/examples/digits/pictures
for how in spatial channel tucker2; do
  expect 0 "$NNCC" verify "$cnn" --factorize=$how:0.15 --calibrate="$pictures" -Rpass=factorize
  says out "layers agree"
  says err "output error "
done
# Whatever the number of threads.
same_made() {
  expect 0 "$NNCC" "$@" --calibrate="$pictures" -o m.nnir
  mv m.nnir many.nnir
  mv m.side.safetensors many.side.safetensors
  expect 0 taskset -c 0 "$NNCC" "$@" --calibrate="$pictures" -o m.nnir
  cmp -s many.nnir m.nnir && cmp -s many.side.safetensors m.side.safetensors || fail "$* depends on the number of threads"
}
same_made "$SOURCE/examples/digits/vit.nn" --prune=magnitude:0.7 --stop-after=prune
same_made "$cnn" --factorize=channel:0.15 --stop-after=factorize
# keeps MODEL PRUNING LEAST: what pruning by data leaves of the held-out accuracy, in percent.
keeps() {
  expect 0 "$NNCC" verify "$SOURCE/examples/digits/$1.nn" --prune=$2 --calibrate="$pictures" -Rpass=prune
  says out "layers agree"
  says err "output error "
  expect 0 "$NNCC" eval "$SOURCE/examples/digits/$1.nn" --data "$SOURCE/examples/digits/heldout.npz" --prune=$2 --calibrate="$pictures"
  awk -v least="$3" '$1 == "clean" { found = $2 + 0 >= least } END { exit !found }' out || fail "$1 is less than $3% right: $(cat out)"
}
keeps cnn structured:0.3 98.4
keeps vit structured:0.3 96.7
keeps vit magnitude:0.7 97.2
expect 0 "$NNCC" "$cnn" --quantize=int8,static --factorize=channel:0.15 --calibrate="$pictures" -Rpass=factorize -o m.so
says err "output error "
expect 0 "$NNCC" "$cnn" --quantize=int8,static --factorize=channel:0.15 --calibrate="$pictures" --stop-after=factorize -o m.nnir
cmp -s many.nnir m.nnir || fail "--stop-after does not stop in front of what data is asked for"
expect 0 "$NNCC" verify "$cnn" --factorize=spatial:0.5 --json
says out '"compression_rel_l2": 0.'
for model in cnn vit; do
  for how in structured:0.3 magnitude:0.7 magnitude-per-layer:0.7; do
    expect 0 "$NNCC" verify "$SOURCE/examples/digits/$model.nn" --prune=$how -Rpass=prune
    says out "layers agree"
    says out "compared with the smaller network, whose outputs differ from the model's by "
    says err "[-Rpass=prune]"
  done
done
expect 0 "$NNCC" verify "$cnn" --prune=magnitude:0.7 --calibrate="$pictures" -Rpass=prune
says out "layers agree"
says err "are zero, the others fitted: output error "
expect 0 "$NNCC" verify "$cnn" --prune=structured:0.3 --factorize=spatial:0.5
says out "layer3.conv.vertical"
expect 0 "$NNCC" "$cnn" --prune=structured:0.3 -o pruned.so
expect 0 "$NNCC" "$cnn" -o whole.so
[ "$(stat -c %s pruned.so)" -lt "$(($(stat -c %s whole.so) * 3 / 4))" ] || fail "pruned.so is not smaller"
expect 0 "$NNCC" "$cnn" --prune=structured:0.3 -o pruned.nnir
expect 0 "$NNCC" run pruned.nnir --input "$SOURCE/examples/digits/pictures"

expect 0 "$NNCC" inspect "$cnn" --prune=structured:0.3 --json
says out '"before": {'
expect 0 "$NNCC" inspect "$cnn" --prune=structured:0.3
says out "of the MACs"
macs=$(sed -n 's/.* now .* \([0-9]*\)\.[0-9]% of the MACs/\1/p' out)
[ "$macs" -gt 40 ] && [ "$macs" -lt 60 ] || fail "$macs% of the MACs are left where 70% of the filters are"
printf 'nn 1\nmodel m(x: f32[N, 4]) -> y { y = linear(x, 8) @a |> relu |> linear(2) @b }\n' >m.nn
expect 1 "$NNCC" inspect m.nn --prune=structured:0.5
says err "a.weight   expected f32[8, 4]   missing"
expect 0 "$NNCC" inspect m.nn --prune=structured:0.5 --init=1
says out "now 51.7% of the params, 50.0% of the MACs"

expect 0 "$NNCC" verify "$cnn" --json
grep -q compression out && fail "verify speaks of compression that nobody asked for"
finish
