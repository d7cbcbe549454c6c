#!/bin/sh
# fmt: in place or to stdout, whole or absent, and the same graph afterwards.
. "${0%/*}/lib.sh"

cp -r "$SOURCE/examples" . && chmod -R u+w examples
graph() { expect 0 "$NNCC" "$1" --init=1 --passes= --emit=dot -o "$2"; }
find examples -name '*.nn' | sort >list
while read -r file; do
  grep -q '^model' "$file" || continue
  graph "$file" before.dot
  sed 's/  */ /g; s/^ //' "$file" >loose && cat loose >"$file" # not in comments' favour, but the tokens stay
  expect 0 "$NNCC" fmt "$file"
  graph "$file" after.dot
  cmp -s before.dot after.dot || fail "fmt changed $file"
  expect 0 "$NNCC" fmt --check "$file"
done <list
for file in $(cd "$SOURCE" && find examples bench -name '*.nn'); do expect 0 "$NNCC" fmt --check "$SOURCE/$file"; done

printf 'nn 1\nlet a=1\n' >a.nn
chmod 640 a.nn
ln -s a.nn link.nn
expect 1 "$NNCC" fmt --check a.nn
[ "$(cat err)" = "a.nn: error: not laid out as \`nncc fmt\` does it" ] || fail "--check says: $(cat err)"
[ "$(cat a.nn)" = "$(printf 'nn 1\nlet a=1')" ] || fail "--check wrote"
expect 0 "$NNCC" fmt a.nn -o -
[ "$(cat out)" = "$(printf 'nn 1\nlet a = 1')" ] || fail "on stdout: $(cat out)"
expect 0 sh -c '"$0" fmt - <a.nn' "$NNCC"
[ "$(cat out)" = "$(printf 'nn 1\nlet a = 1')" ] || fail "from stdin: $(cat out)"
expect 0 "$NNCC" fmt link.nn
[ -L link.nn ] || fail "the link was replaced"
[ "$(cat a.nn)" = "$(printf 'nn 1\nlet a = 1')" ] || fail "in place: $(cat a.nn)"
[ "$(stat -c %a a.nn)" = 640 ] || fail "permissions became $(stat -c %a a.nn)"
[ -s out ] || [ -s err ] && fail "it is not quiet"
touch -d 2001-01-01 a.nn
expect 0 "$NNCC" fmt a.nn
[ "$(stat -c %Y a.nn)" -lt 1000000000 ] || fail "it wrote what was right"

printf 'nn 1\nlet a = (\n' >bad.nn
printf 'nn 1\nlet a=1\n' >a.nn
expect 1 "$NNCC" fmt bad.nn a.nn
says err "bad.nn:2:9: error: this '(' is never closed"
[ "$(cat bad.nn)" = "$(printf 'nn 1\nlet a = (')" ] || fail "a bad file was touched"
[ "$(cat a.nn)" = "$(printf 'nn 1\nlet a = 1')" ] || fail "one bad file stops the others"
expect 1 "$NNCC" fmt absent.nn
says err "absent.nn: error: not read: No such file or directory"
expect 1 "$NNCC" fmt a.nn -o /dev/full
says err "cannot be written: No space left on device"
expect 2 "$NNCC" fmt
expect 2 "$NNCC" fmt a.nn bad.nn -o -
expect 2 "$NNCC" fmt a.nn --check -o -
finish
