#!/bin/sh
# --emit=selftest: a model that finds out by itself whether it computes what the reference did when it was compiled.
. "${0%/*}/lib.sh"
cat >m.nn <<'M'
nn 1
model m(image: f32[N, 3, 20, 17]) -> y, best {
  x = image |> conv2d(12, 3, padding=1) @conv1 |> relu |> max_pool2d(2) |> conv2d(30, 3) @conv2 |> gelu
  y = x |> flatten |> linear(7) @fc
  best = cast(y > 0.0, i32)
}
model bytes(left: u8[N, H<=40, W<=40, 3], index: i64[N]) -> a: f32[N, 4], b {
  x = left |> permute([0, 3, 1, 2]) |> cast(f32) |> normalize([0.5, 0.5, 0.5], [0.2, 0.2, 0.2], scale=255)
  a = x |> conv2d(4, 3, padding=1) @conv |> global_avg_pool |> flatten
  table = parameter([2, 5]) @table
  b = embedding(index, table)
}
M
cat >main.c <<'C'
#include "m.h"
#include "bytes.h"
#include <stdio.h>
int main(void) {
  int a = m_selftest(), b = bytes_selftest();
  printf("%s, %s\n", m_strerror(a), bytes_strerror(b));
  return a ? a : b;
}
C
for flags in "" -O0 -mcpu=x86-64-v2,x86-64-v3,native --reproducible; do
  # shellcheck disable=SC2086 # words
  expect 0 "$NNCC" m.nn --model=m --init=1 --emit=o,selftest -o m.o $flags
  # shellcheck disable=SC2086 # words
  expect 0 "$NNCC" m.nn --model=bytes --init=1 --emit=selftest -o bytes.o $flags
  expect 0 cc -Wall -Werror main.c m.o bytes.o -lpthread -lm -o main
  expect 0 ./main
  says out "success, success"
done

# What is not as it was compiled is found.
expect 0 "$NNCC" m.nn --model=m --init=1 --emit=selftest -o libm_.so
mv libm_.h m.h
printf '#include "m.h"\nint main(void) { return m_selftest(); }\n' >one.c
expect 0 cc one.c ./libm_.so -Wl,-rpath,. -o one
expect 0 ./one
size=$(wc -c <libm_.so)
head -c 256 /dev/zero | tr '\0' '\101' | dd of=libm_.so bs=1 seek=$((size - 6000)) conv=notrunc 2>/dev/null
expect 11 ./one
expect 0 "$NNCC" m.nn --model=m --init=1 -o plain.so
grep -q m_selftest plain.h && fail "a selftest that is not there is declared"
nm -D plain.so | grep -q selftest && fail "a selftest without --emit=selftest"

printf 'nn 1\nmodel m(x: f32[N, 3, H, 8]) -> y {\n  assert H %% 8 == 0, "H is a multiple of 8"\n  y = relu(x)\n}\n' >strict.nn
expect 1 "$NNCC" strict.nn --emit=selftest -o strict.so
says err "H is a multiple of 8"
[ -e strict.so ] && fail "a library without its selftest was left"
expect 0 "$NNCC" strict.nn --shape x=1,3,16,8 --emit=selftest -o strict.so
finish
