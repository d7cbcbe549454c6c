/* Runs two models, one on the other's output, in C and (as copy.cpp) in C++. */
#include "first.h"
#include "second.h"
#include <nncc.h>
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  scale *a;
  shift *b;
  float x[8] = {0, 1, 2, 3, 4, 5, 6, 7}, y[8], z[8];
  size_t bytes = 1 << 16;
  void *arena = aligned_alloc(NNCC_ARENA_ALIGN, bytes);
  int i, ok = !scale_open(&a, NULL) && !shift_open(&b, NULL) && scale_arena_bytes(a, 2) <= bytes &&
              shift_arena_bytes(b, 2) <= bytes && !scale_run(a, arena, bytes, 2, x, y) &&
              !shift_run(b, arena, bytes, 2, y, z);
  for (i = 0; ok && i < 8; i++) ok = z[i] == 3 * x[i] + 1;
  scale_close(a);
  shift_close(b);
  free(arena);
  puts(ok ? "right" : "wrong");
  return !ok;
}
