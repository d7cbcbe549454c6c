#!/bin/sh
# Exit statuses, help, usage mistakes, and outputs that are whole or absent.
. "${0%/*}/lib.sh"
model=$SOURCE/examples/digits/cnn.nn

for command in "" run bench inspect verify eval opt fmt; do
  expect 0 "$NNCC" $command --help
  says out "Usage: nncc"
  says out "--help"
  expect 2 "$NNCC" $command --no-such-option
done
expect 0 "$NNCC" --version
says out "nncc "

expect 2 "$NNCC"
says err "no model given"
expect 2 "$NNCC" "$model" -o x.exe
says err "no kind of output"
expect 2 "$NNCC" "$model" --emit=so,exe
expect 2 "$NNCC" "$model" -O7
expect 2 "$NNCC" "$model" --init=-1 -o x.so
expect 2 "$NNCC" "$model" "$model" -o x.so
expect 2 "$NNCC" run "$model"
expect 2 "$NNCC" bench "$model" --seconds=long
expect 2 "$NNCC" verify x.so

expect 1 "$NNCC" absent.nn -o x.so
says err "absent.nn"
expect 1 "$NNCC" "$model" -mcpu=no-such-cpu -o x.so
expect 1 "$NNCC" "$model" --weights=absent.npz -o x.so
expect 1 "$NNCC" "$model" --passes=canonicalise -o x.so
says err "did you mean \`canonicalize\`?"
expect 1 "$NNCC" "$model" -o no/such/folder/x.so
[ -e x.so ] && fail "a failed compilation left x.so"

printf 'nn 1\nmodel m(x: f32[N, 4]) -> y { y = linear(x, 3, 5, 6, 7, 8) @fc }\n' >bad.nn
echo before >kept.so
expect 1 "$NNCC" bad.nn -o kept.so
says err "bad.nn:2:"
says kept.so before
[ "$(ls)" = "$(printf 'bad.nn\nerr\nkept.so\nout')" ] || fail "files were left: $(ls)"

printf 'nn 1\nmodel m(x: f32[N, 4]) -> y { y = linear(x, 3) @fc }\n' >m.nn
expect 1 "$NNCC" m.nn -o m.so
says err "2 of 2 weights have no data"
says err "   fc.weight   expected f32[3, 4]   missing"
expect 0 "$NNCC" m.nn --init=1 -o m.so
[ -s out ] || [ -s err ] && fail "it is not quiet: $(cat out err)"
[ -s m.so ] && [ -s m.h ] || fail "no m.so or m.h"
expect 0 "$NNCC" m.nn --init=1 -v -o m.so
says err "m.nn    1 ops -> "
says err "m.h"
expect 0 "$NNCC" m.nn --init=1 '-###' -o other.so
says err "ld -shared"
[ -e other.so ] && fail "-### wrote other.so"
expect 0 "$NNCC" m.nn --init=1 --emit=o,a,ll,s,nnir,loop,dot,weights -o all.so
for kind in o a ll s nnir loop dot weights h; do [ -s all.$kind ] || fail "no all.$kind"; done
cp m.so first.so
expect 0 "$NNCC" m.nn --init=1 -o m.so
cmp -s m.so first.so || fail "the same input gave another library"
expect 0 sh -c '"$0" - --init=1 --emit=nnir -o - <m.nn' "$NNCC"
says out "linear"
expect 1 "$NNCC" m.nn --init=1 -o /dev/full --emit=ll
finish
