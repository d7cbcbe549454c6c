#!/bin/sh
# Every golden case must fail when its pass is left out: check_disabled.sh TEST_GOLDEN FOLDER
set -u
test_golden=$1 folder=$2 bad=0
for path in "$folder"/*/; do
  pass=$(basename "$path")
  cases=$(ls "$path" | grep -c '\.nnir$')
  failed=$(NNCC_DISABLE_PASS=$pass "$test_golden" "$folder" 2>&1 | grep '^\[  FAILED  \].*\.nnir$' | sort -u | wc -l)
  echo "$pass: $failed of $cases cases fail without the pass"
  [ "$failed" -eq "$cases" ] && [ "$cases" -ge 2 ] || bad=1
done
exit $bad
