#!/bin/sh
# docs/LANGUAGE.md ends with the table of ops, as `nncc --op-table` prints it.
. "${0%/*}/lib.sh"
expect 0 "$NNCC" --op-table
says out '| `conv2d(x, channels, kernel'
sed '1,/<!-- op table: /d' "$SOURCE/docs/LANGUAGE.md" >written
cmp -s written out || fail "docs/LANGUAGE.md: replace the table at its end by what nncc --op-table prints"
finish
