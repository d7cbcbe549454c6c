#!/bin/sh
# reduce: models that fail become small ones that fail alike, the same each time, and no smaller when reduced again.
. "${0%/*}/lib.sh"
cat >net.nn <<'M'
nn 1
block stage(x: [N, C, H, W], c) -> y { y = x |> conv2d(c, 3, padding=1) @conv |> batch_norm @norm |> relu }
model net(x: f32[N, 3, 32, 32]) -> y, z {
  h = stage(x, 16) @first
  h = stage(h, 32) @second |> max_pool2d(2)
  g = h |> conv2d(32, 3, padding=1, groups=4) @gate |> sigmoid
  h = h * g + h
  y = h |> global_avg_pool |> flatten |> linear(10) @fc
  z = softmax(y, dim=1)
}
M
nodes() { grep -c '^%' "$1"; }
twice() {
  expect 0 "$NNCC" reduce "$1" -o again.nnir "$2" "$3"
  cmp "$1" again.nnir || fail "$1 becomes another when it is reduced again"
}

# One operation.
expect 0 "$NNCC" reduce net.nn --init=1 --check='grep -q sigmoid' -o one.nnir
says out 'one.nnir   1 of 15 nodes   values kept of 0 weights'
says out '`grep -q sigmoid` says so'
printf 'module net\ninput %%x0 : f32[1, 1, 1, 1]\n%%0 = sigmoid %%x0 : f32[1, 1, 1, 1]\noutput y0 = %%0\n' | cmp - one.nnir ||
  fail "one.nnir is not as small as can be"
twice one.nnir --check='grep -q sigmoid' --seconds=60

# Operations far from each other, and an attribute that must stay.
cat >far.sh <<'S'
grep -q 'groups=' "$1" && grep -q softmax "$1" && test "$(grep -c conv2d "$1")" -ge 2
S
expect 0 "$NNCC" reduce net.nn --init=1 --check='sh far.sh' -o far.nnir
[ "$(nodes far.nnir)" -eq 3 ] || fail "far.nnir has $(nodes far.nnir) nodes, not 3"
cp far.nnir before.nnir
expect 0 "$NNCC" reduce net.nn --init=1 --check='sh far.sh {} more' -o far.nnir
cmp before.nnir far.nnir || fail "the same search found something else"
twice far.nnir --check='sh far.sh' --seconds=60

# What must stay open, and whose values must stay.
expect 0 "$NNCC" reduce net.nn --init=1 --check='grep -q symbol' -o open.nnir
says open.nnir 'symbol N'
cp "$SOURCE/tests/weights/data/module.pt" .
cat >loaded.nn <<'M'
nn 1
model loaded(x: f32[2, 1, 5, 7]) -> y { y = x |> conv2d(2, 3) @conv |> batch_norm @norm |> relu }
M
expect 0 "$NNCC" reduce loaded.nn --weights=module.pt --check='grep -q weight.*dense' -o data.nnir
says out '1 of 3 nodes   values kept of 1 weights'

# nncc's own checks: a wrong result, and what does not compile.
expect 0 "$NNCC" reduce net.nn --init=1 --nmse=1e-16 -o wrong.nnir
says out 'it is wrong: a layer differs from the reference'
[ "$(nodes wrong.nnir)" -eq 1 ] || fail "wrong.nnir has $(nodes wrong.nnir) nodes, not 1"
expect 1 "$NNCC" verify wrong.nnir --nmse=1e-16
twice wrong.nnir --nmse=1e-16 --seconds=60
expect 0 "$NNCC" reduce net.nn --init=1 --passes=dce
says out 'net.reduced.nnir   1 of 15 nodes'
says out 'it does not compile: the passes that were run do not lower it, so that there is no code to write'

# What is no failure, or no model.
expect 1 "$NNCC" reduce net.nn --init=1
says err 'net.nn: error: it compiles, and native code agrees with the reference'
expect 1 "$NNCC" reduce net.nn --init=1 --check=false
says err 'net.nn: error: the check says that it does not fail'
expect 1 "$NNCC" reduce net.nn --check=true
says err 'have no data; name a file'
expect 2 "$NNCC" reduce net.nn -o net.so
says err '-o names the file to write, FILE.nnir'
expect 2 "$NNCC" reduce net.so
says err "reduce needs the model's source, not \`net.so\`"
expect 1 env TMPDIR=/absent "$NNCC" reduce net.nn --init=1 --check=true
says err ': error: cannot be made: No such file or directory'

# Time: that a check does not end is a failure like another.
expect 0 "$NNCC" reduce one.nnir --check='sleep 20; true' --timeout=1 --seconds=1 -o slow.nnir
says out 'it takes more than 1 seconds'
says err 'slow.nnir: warning: is the smallest found within 1 seconds (--seconds)'
finish
