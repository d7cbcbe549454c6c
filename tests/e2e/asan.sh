#!/bin/sh
# asan.sh EVERY: generated code under AddressSanitizer: the networks of tests/lower, each EVERYth, and examples, run by a
# program that gives inputs, outputs and arena to the byte.
. "${0%/*}/lib.sh"
every=$1
command -v clang-19 >/dev/null || { echo "without clang-19: nothing was tried"; exit 77; }
flags="-O1 -g -fsanitize=address -I$SOURCE"
# shellcheck disable=SC2086 # words
clang-19 $flags "$SOURCE/tests/e2e/lone.c" -o lone -ldl || { echo "clang-19 has no AddressSanitizer"; exit 77; }
export ASAN_OPTIONS=detect_leaks=1

# watched MODEL NAME OPTION...: any dimensions that it has are 3.
watched() {
  model=$1 name=$2
  shift 2
  "$NNCC" "$model" --init=1 --sanitize "$@" -o $name.so 2>err || {
    grep -q ': error: ' err || fail "$model: $(head -n 5 err)"
    return
  }
  for dims in "" 3 "3 3" "3 3 3"; do
    # shellcheck disable=SC2086
    ./lone ./$name.so $name out.npy - $dims >out 2>err
    status=$?
    [ $status -ne 2 ] && break # other dimensions
  done
  grep -q AddressSanitizer err && fail "$model $*: $(head -n 12 err)"
  [ $status -eq 0 ] && ran=$((ran + 1))
}
ran=0

# It finds what is there to be found: a row more than there is memory for.
printf 'nn 1\nmodel m(x: f32[N, 4]) -> y { y = x |> linear(4) @fc |> relu }\n' >m.nn
expect 0 "$NNCC" m.nn --init=1 --sanitize -o m.o
cat >short.c <<'C'
#include "m.h"
#include <stdlib.h>
int main(int argc, char **argv) {
  (void)argv;
  m *model;
  if (m_open(&model, NULL)) return 1;
  size_t bytes = m_arena_bytes(model, 3);
  void *arena = aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);
  float *x = calloc(argc > 1 ? 8 : 12, 4), *y = calloc(12, 4);
  int status = m_run(model, arena, bytes, 3, x, y);
  free(x), free(y), free(arena);
  m_close(model);
  return status;
}
C
# shellcheck disable=SC2086
clang-19 $flags -I. short.c m.o -lm -lpthread -o short || fail "no program of a watched object"
expect 0 ./short
expect 1 ./short less
says err "heap-buffer-overflow"

mkdir cases
awk -v folder=cases -f "$SOURCE/tests/fuzz/cases.awk" "$SOURCE"/tests/lower/*.c
tried=0
for model in cases/*.nn; do
  tried=$((tried + 1))
  [ $((tried % every)) -eq 0 ] || continue
  watched "$model" m -mcpu=native
done
[ $ran -ge $((tried / every * 8 / 10)) ] || fail "of $tried networks only $ran ran"
watched "$SOURCE/examples/digits/cnn.nn" cnn -mcpu=x86-64-v2
watched "$SOURCE/examples/digits/vit.nn" vit -mcpu=native
if [ "$every" -eq 1 ]; then
  for name in squeezenet1_1 mobilenet_v2 efficientnet_b0 resnet18 googlenet regnet_y_400mf vit_tiny_patch16 swin_t; do
    watched "$SOURCE/examples/models/$name.nn" $name -mcpu=native
  done
fi
echo "$ran ran"
finish
