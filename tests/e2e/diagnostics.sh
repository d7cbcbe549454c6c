#!/bin/sh
# --diagnostics=json: every subcommand's messages as objects of the same fields, one a line.
. "${0%/*}/lib.sh"
cat >check.py <<'P'
# check.py FIELD=VALUE...: each line of err is an object of the stable fields; the first has these values.
import json, sys
fields = ["file", "line", "column", "end", "severity", "message", "expected", "notes"]
lines = [json.loads(line) for line in open("err", encoding="utf-8")]
assert lines, "nothing on stderr"
for m in lines:
    assert list(m)[:8] == fields and set(list(m)[8:]) <= {"pass", "missed"}, list(m)
    assert all(list(n) == fields[:6] for n in m["notes"]), m["notes"]
    assert m["severity"] in ("error", "warning", "remark")
for pair in sys.argv[1:]:
    key, value = pair.split("=", 1)
    assert str(lines[0][key]) == value, f"{key} is {lines[0][key]!r}"
P
json() { "$PYTHON" check.py "$@" || fail "$*"; }

printf 'nn 1\nmodel m(x: f32[N, 4]) -> y {\n  y = relu(x\n}\n' >open.nn
for command in "" "run --input=x.npy" bench inspect verify opt fmt; do
  # shellcheck disable=SC2086 # words
  [ "$command" = opt ] && continue # .nnir comes below
  expect 1 "$NNCC" $command open.nn --diagnostics=json
  json file=open.nn line=4 column=1 "end={'line': 4, 'column': 2}" severity=error "message=a ')' is missing before this" \
    "notes=[{'file': 'open.nn', 'line': 3, 'column': 11, 'end': {'line': 3, 'column': 12}, 'severity': 'note', 'message': 'opened here'}]"
done
printf 'module "m"\ninput %%x : f32[2]\n%%y = nothing %%x : f32[2]\n' >bad.nnir
expect 1 "$NNCC" opt bad.nnir --diagnostics=json
json file=bad.nnir line=3

printf 'nn 1\nlet a = (1 +)\n' >operand.nn
expect 1 "$NNCC" fmt --check operand.nn --diagnostics=json
json line=2 column=13
"$PYTHON" -c 'import json; e = json.loads(open("err").readline())["expected"]; assert "name" in e and "number" in e, e' ||
  fail "what could have stood there: $(cat err)"
printf 'nn 1\nmodel m(x: f32[N, 4]) -> y { y = linear(x, 3) @fc }\n' >m.nn
expect 1 "$NNCC" m.nn -o m.so --diagnostics=json
json file=m line=None column=None end=None "expected=['fc.weight: f32[3, 4]', 'fc.bias: f32[3]']"
expect 1 "$NNCC" absent.nn -o m.so --diagnostics=json
json file=absent.nn line=None
expect 1 "$NNCC" m.nn --init=1 --tap=fd -o m.so --diagnostics=json
json "message=there is no layer \`fd\` to tap; did you mean \`fc\`?"
expect 0 "$NNCC" m.nn --init=1 -Rpass=. -Rpass-missed=. -o m.so --diagnostics=json
json file=m.nn severity=remark
says err '"pass": "'
says err '"missed": '
expect 1 "$NNCC" run m.so --input x=absent.npy --diagnostics=json
json file=absent.npy severity=error

# Whatever is in the file, what comes out is JSON in UTF-8.
printf 'nn 1\nlet a = "\001\t\\q\303\244\303\355\240\200\364\220\200\200\377"\nlet \303\244 = b @ "c\n' >odd.nn
printf 'nn 1\nlet a = b \377\376\001 "\\\n' >>odd.nn
for name in odd.nn "$(printf 'o"d\\d\n\377.nn')"; do
  [ "$name" = odd.nn ] || cp odd.nn "$name"
  expect 1 "$NNCC" fmt "$name" --diagnostics=json
  json severity=error
done
{ echo 'nn 1'; yes 'let a = )' | head -n 70; } >many.nn
expect 1 "$NNCC" fmt many.nn --diagnostics=json
json line=2
expect 0 "$NNCC" fmt --diagnostics=text m.nn
expect 2 "$NNCC" fmt --diagnostics=xml m.nn
says err "--diagnostics takes json or text, not \`xml\`"
finish
