#!/bin/sh
# --factorize: its messages, and networks that are smaller and still compiled right.
. "${0%/*}/lib.sh"
cnn=$SOURCE/examples/digits/cnn.nn

# refused MESSAGE OPTION...: a usage mistake with exactly this message.
refused() {
  message=$1
  shift
  expect 2 "$NNCC" "$cnn" -o m.so "$@"
  [ "$(head -n 1 err)" = "nncc: $message" ] || fail "not \`$message\` but: $(cat err)"
}
refused "--factorize takes spatial:ERROR, not \`0.05\`" --factorize=0.05
refused "--factorize takes spatial:ERROR, not \`channel:0.05\`" --factorize=channel:0.05
refused "--factorize takes spatial:ERROR, not \`\`" --factorize=
refused "--factorize=spatial:ERROR takes a number from 0.0001 to 0.99, not \`1\`" --factorize=spatial:1
refused "--factorize=spatial:ERROR takes a number from 0.0001 to 0.99, not \`0\`" --factorize=spatial:0
refused "--factorize=spatial:ERROR takes a number from 0.0001 to 0.99, not \`5%\`" --factorize=spatial:5%
refused "--factorize=spatial:ERROR takes a number from 0.0001 to 0.99, not \`nan\`" --factorize=spatial:nan
refused "--factorize=spatial:ERROR takes a number from 0.0001 to 0.99, not \`\`" --factorize=spatial:

for level in 0 2; do
  expect 0 "$NNCC" verify "$cnn" -O$level --factorize=spatial:0.5 -Rpass=factorize -Rpass-missed=factorize
  says out "layer2.conv.vertical"
  says out "layers agree"
  says out "compared with the smaller network, whose outputs differ from the model's by "
  says err "cnn.nn:6:12: remark: layer2.conv as 3 x 1 and 1 x 3 of rank "
done
expect 0 "$NNCC" verify "$cnn" --factorize=spatial:0.5 --json
says out '"compression_rel_l2": 0.'
expect 0 "$NNCC" verify "$cnn" --json
grep -q compression out && fail "verify speaks of compression that nobody asked for"
finish
