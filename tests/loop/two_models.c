// Two models in one program: their headers together, every exported function, and threads that share the models.
#include "first.h"
#include "second.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 8, ROUNDS = 50 };

static first *a;
static second *b;

static int check(const float *x, const float *y, int n, float scale) {
  for (int i = 0; i < n; i++)
    if (y[i] != x[i] * scale + (float)i) return 1;
  return 0;
}

static void *work(void *seed) {
  float x[64], y[64];
  size_t bytes = first_arena_bytes(a, 40) + second_arena_bytes(b, 40);
  void *arena = aligned_alloc(NNCC_ARENA_ALIGN, (bytes + 63) / 64 * 64 + 64);
  long bad = 0;
  for (int i = 0; i < 40; i++) x[i] = (float)i + (float)(size_t)seed;
  for (int round = 0; round < ROUNDS; round++) {
    if (first_run(a, arena, bytes, 40, x, y) != NNCC_OK) bad++;
    bad += check(x, y, 40, 2);
    if (second_run(b, arena, bytes, 37, x, y) != NNCC_OK) bad++;
    bad += check(x, y, 37, 3);
  }
  free(arena);
  return (void *)bad;
}

int main(void) {
  pthread_t threads[THREADS];
  long bad = 0;
  nncc_options o = NNCC_OPTIONS_INIT;
  o.threads = 2;
  if (first_open(&a, &o) || second_open(&b, NULL)) return 2;
  for (size_t i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, work, (void *)i)) return 3;
  for (int i = 0; i < THREADS; i++) {
    void *result;
    pthread_join(threads[i], &result);
    bad += (long)result;
  }
  if (first_run(a, NULL, 0, FIRST_N_MAX + 1, NULL, NULL) != NNCC_E_NULL || strcmp(first_strerror(NNCC_OK), "success"))
    bad++;
  if (strcmp(first_info.name, "first") || strcmp(second_info.name, "second") || second_info.weights_bytes != 256) bad++;
  if (FIRST_X_BYTES(40) != 160 || FIRST_Y_ELEMENTS(40) != 40 || SECOND_ARENA_ALIGN != 64) bad++;
  first_close(a);
  second_close(b);
  printf("%ld\n", bad);
  return bad != 0;
}
