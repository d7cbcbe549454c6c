#!/bin/sh
# --tune: what is measured, kept, read again, survives damage, and changes no result.
. "${0%/*}/lib.sh"
cat >net.nn <<'M'
nn 1
model net(a: f32[1, 1200]) -> y {
  x = a |> reshape([1, 3, 20, 20]) |> conv2d(48, 3, padding=1) @first |> relu |> conv2d(96, 1) @wide |> conv2d(48, 1) @narrow
  y = x |> conv2d(64, 3, stride=2) @last |> flatten |> linear(70) @head
}
M
cat >other.nn <<'M'
nn 1
model other(a: f32[1, 33, 9, 9]) -> y { y = a |> conv2d(80, 1) @only }
M
"$NPZDIFF" --ramp a.npy 1 1200
HOME=$PWD/home XDG_CACHE_HOME=$PWD/cache
export HOME XDG_CACHE_HOME
outputs_of() { expect 0 "$NNCC" run "$1" --input a=a.npy --output "$2"; }

# Nothing is read or written unless asked for.
expect 0 "$NNCC" net.nn --init=1 -o net.so
[ ! -e cache ] || fail "a cache without --tune"
cp net.so plain.so
outputs_of plain.so plain.npz

# A miss, then a hit.
expect 0 "$NNCC" net.nn --init=1 --tune -v -o net.so
says err "choices measured, 0 known"
says err "head"
grep -q "^nncc tuning 1$" cache/nncc/tune.txt || fail "the first line of the cache"
grep -q "1 thread	tile of conv2d f32" cache/nncc/tune.txt || fail "the lines of the cache"
outputs_of net.so tuned.npz
"$NPZDIFF" tuned.npz y plain.npz y 1e-6 || fail "tuning changed the outputs"
cp net.so tuned.so
expect 0 "$NNCC" net.nn --init=1 --tune -o net.so
says err "tuning    0 choices measured"
cmp net.so tuned.so || fail "the cache gives another library"
expect 0 "$NNCC" net.nn --init=1 -o net.so
cmp net.so plain.so || fail "the cache was read unasked"

# Threads are part of the key; other entries stay.
lines=$(wc -l <cache/nncc/tune.txt)
expect 0 "$NNCC" net.nn --init=1 --tune=2 -o net.so
says err "choices measured, 0 known"
[ "$(wc -l <cache/nncc/tune.txt)" -gt "$lines" ] || fail "entries for two threads"

# What it holds is used without measuring: tiles of SSE are 2x1 and 1x2, of which the estimate prefers one.
mkdir one two
expect 0 "$NNCC" net.nn --init=1 --mcpu=x86-64-v2 --tune --tune-cache=one -o net.so
awk -F'\t' 'BEGIN { OFS = FS } / to 96x/ { $3 = "1x2" } { print }' one/tune.txt >two/tune.txt
sed 's/\t1x2\t/\t2x1\t/' two/tune.txt >one/tune.txt
cmp -s one/tune.txt two/tune.txt && fail "the caches are equal"
cp two/tune.txt before.txt
for which in one two; do
  expect 0 "$NNCC" net.nn --init=1 --mcpu=x86-64-v2 --tune-cache=$which -Rpass=lower -o net.so
  mv net.so $which.so
  mv err $which.txt
  outputs_of $which.so $which.npz
  "$NPZDIFF" $which.npz y plain.npz y 1e-6 || fail "a forced tile changed the outputs"
done
cmp -s one.so two.so && fail "the caches made no difference"
grep -q "measured faster than the estimate's" one.txt two.txt || fail "no remark"
cmp before.txt two/tune.txt || fail "reading wrote"

# Damage costs a measurement, no more.
for damage in "" "nncc tuning 0" "$(head -c 300 /dev/urandom | tr -d '\0')"; do
  printf '%s' "$damage" >cache/nncc/tune.txt
  expect 0 "$NNCC" other.nn --init=1 --tune -o other.so
  says err "1 choices measured, 0 known"
  [ "$(wc -l <cache/nncc/tune.txt)" = 2 ] || fail "the cache is not whole again"
done
printf 'cut off in the mid' >>cache/nncc/tune.txt
sed '2s/\t[^\t]*$/\tnan/' cache/nncc/tune.txt >bad.txt && cp bad.txt cache/nncc/tune.txt
expect 0 "$NNCC" other.nn --init=1 --tune -o other.so
says err "1 choices measured, 0 known"
sed '2s/\t[0-9]*x[0-9]*\t/\t99x99\t/' cache/nncc/tune.txt >bad.txt && cp bad.txt cache/nncc/tune.txt
expect 0 "$NNCC" other.nn --init=1 --tune -o other.so
says err "1 choices measured, 0 known"

# A file of many lines takes no longer than it takes to read them.
awk -F'\t' 'NR == 2 { print "nncc tuning 1"; for (i = 0; i < 200000; i++) printf "%s\t%d\t1x1\t1.0\t1.0\n", $1, i * 7919 % 200003 }' \
  cache/nncc/tune.txt >many.txt && cp many.txt cache/nncc/tune.txt
expect 0 sh -c 'ulimit -t 40 && exec "$@"' limited "$NNCC" other.nn --init=1 --tune -o other.so
[ "$(wc -l <cache/nncc/tune.txt)" = 200002 ] || fail "many entries were not kept"

# Two at once, and a folder that cannot be.
rm -r cache
"$NNCC" net.nn --init=1 --tune -o net.so 2>one.txt &
expect 0 "$NNCC" other.nn --init=1 --tune -o other.so
wait $! || fail "the other process"
grep -q " to 80x" cache/nncc/tune.txt && grep -q " to 96x" cache/nncc/tune.txt || fail "one lost the other's entries"
expect 0 "$NNCC" other.nn --init=1 --tune --tune-cache=net.nn -o other.so
says err "cannot be written: what was measured is not kept"

expect 1 "$NNCC" other.nn --init=1 --tune --mcpu=x86-64-v2,x86-64-v3 -o other.so
says err "one processor"
finish
