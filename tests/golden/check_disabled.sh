#!/bin/sh
# Every golden case must fail when its pass is left out: check_disabled.sh TEST_GOLDEN FOLDER
set -u
test_golden=$1 folder=$2 bad=0
for path in "$folder"/*/; do
  pass=$(basename "$path")
  cases=$(ls "$path" | grep -c '\.nnir$')
  failed=$(NNCC_DISABLE_PASS=$pass NNCC_BLESS='' "$test_golden" "$folder" 2>&1 | grep -c '^\[  FAILED  \] [^0-9]')
  echo "$pass: $cases cases, $failed fail without the pass"
  # cmocka names a failed case twice: where it runs and in the summary
  [ "$failed" -eq $((2 * cases)) ] && [ "$cases" -ge 2 ] || bad=1
done
exit $bad
