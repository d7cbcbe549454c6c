#!/bin/sh
# docs/TASKS.md as its readers follow it: source blocks become files, named by their first line; shell blocks run in order.
. "${0%/*}/lib.sh"
cp -r "$SOURCE"/examples/digits/. .
mkdir bin
ln -s "$NNCC" bin/nncc
ln -s "$(command -v /usr/bin/python3 || command -v python3)" bin/python3 # Debian's, which has python3-numpy
PATH=$PWD/bin:$PATH
blocks=$(awk -v folder=. '
  /^## / { task = $2 + 0 }
  /^```[a-z]/ { n++; file = folder "/block." n "." task "." substr($0, 4); next }
  /^```/ { if (file) print file; file = ""; next }
  file { print > file }
' "$SOURCE/docs/TASKS.md")
for block in $blocks; do
  case $block in
  *.sh) expect 0 sh -e "$block" ;;
  *) cp "$block" "$(sed -n '1s/^[^ ]* //p' "$block")" ;;
  esac
done
[ "$(echo "$blocks" | grep -c '\.sh$')" -eq 20 ] || fail "not twenty tasks: $blocks"
finish
