#!/bin/sh
# check_onnx.sh TEST_ONNX DATA: test_onnx notices each way in which a suite, its lists or a result can be wrong.
set -eu
program=$1 suite=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
data=$work/data/node lists=$work/lists
mkdir -p "$data" "$lists"
cp -r "$suite/node/test_abs" "$suite/node/test_cos" "$suite/node/test_size" "$data"
printf 'node/test_abs\tcore\nnode/test_cos\text\nnode/test_size\tcore\n' >"$lists/onnx_cases.tsv"
: >"$lists/onnx_excluded.txt"
: >"$lists/onnx_failing.txt"

# expect STATUS TEXT [OPTION...]: the program ends with the status and says the text
expect() {
  want=$1 text=$2 status=0
  shift 2
  "$program" "$@" "$work/data" "$lists" >"$work/out" 2>&1 || status=$?
  [ "$status" -eq "$want" ] && grep -qF -- "$text" "$work/out" && return
  echo "status $status, not $want, or no '$text' in:"
  cat "$work/out"
  exit 1
}

expect 0 'all              3       3       0         0       0           0'
expect 0 'all              3       3       0         0       0           0' -r

echo node/test_abs >"$lists/onnx_failing.txt"
expect 1 'node/test_abs [core]  PASSES'
echo node/test_none >"$lists/onnx_failing.txt"
expect 1 'known to fail, but no case: node/test_none'
: >"$lists/onnx_failing.txt"

echo 'node/test_a*' >"$lists/onnx_excluded.txt"
expect 1 'excluded without a reason: node/test_a*'
echo 'node/test_a*  # a reason' >"$lists/onnx_excluded.txt"
expect 0 'all              3       2       0         1       0           0'
echo 'node/test_none  # a reason' >"$lists/onnx_excluded.txt"
expect 1 'excluded, but no case: node/test_none'
: >"$lists/onnx_excluded.txt"

cp "$data/test_cos/test_data_set_0/output_0.pb" "$data/test_abs/test_data_set_0/output_0.pb"
expect 1 'node/test_abs [core]  wrong value: `y` at [0, 0, 0] of [3, 4, 5] is '
expect 1 'node/test_abs [core]  wrong value: `y` at [0, 0, 0] of [3, 4, 5] is ' -r
cp "$data/test_size/test_data_set_0/output_0.pb" "$data/test_abs/test_data_set_0/output_0.pb"
expect 1 'node/test_abs [core]  wrong type: `y` is of f32, not of i64'
export NNCC_BLESS=1
expect 0 'node/test_abs [core]  wrong type'
unset NNCC_BLESS
[ "$(grep -v '^#' "$lists/onnx_failing.txt")" = node/test_abs ]
expect 0 'known  node/test_abs [core]  wrong type'

rm "$data/test_abs/test_data_set_0/output_0.pb"
expect 0 'known  node/test_abs [core]  it expects no outputs'
mv "$data/test_abs" "$data/test_abs_other"
expect 1 'not on the list of cases: node/test_abs_other'
expect 1 'the suite has no such case: node/test_abs'
