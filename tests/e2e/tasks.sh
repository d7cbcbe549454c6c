#!/bin/sh
# docs/TASKS.md as its readers follow it.
. "${0%/*}/lib.sh"
cp -r "$SOURCE"/examples/digits/. .
follow "$SOURCE/docs/TASKS.md"
[ "$(echo "$blocks" | grep -c '\.sh$')" -eq 20 ] || fail "not twenty tasks: $blocks"
finish
