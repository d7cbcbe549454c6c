#!/bin/sh
# The examples of docs/LANGUAGE.md compile, and use every op of the table.
. "${0%/*}/lib.sh"
echo 'nn 1' >examples.nn
sed -n '/^### Examples/,/^<!-- op table: /s/^    //p' "$SOURCE/docs/LANGUAGE.md" >>examples.nn
models=$(sed -n 's/^model \([a-z]*\).*/\1/p' examples.nn)
[ "$models" ] || fail "no examples"
for model in $models; do
  expect 0 "$NNCC" examples.nn --model="$model" --init=1 -o example.so
done
expect 0 "$NNCC" --op-table
for op in $(sed -n 's/^| `\([a-z0-9_]*\)(.*/\1/p' out); do
  case $op in
  add | sub | mul | div | gt | ge | lt | le | eq | ne) continue ;; # written as operators
  esac
  grep -qE "(\|> $op\b|\b$op\()" examples.nn || fail "docs/LANGUAGE.md: no example of $op"
done
finish
