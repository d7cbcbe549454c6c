// main.c: two handwritten digits classified by the compiled model of examples/digits/cnn.nn, called through its header.
// See README.md for the two commands that build it.
#include "cnn.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIDE = 28, PICTURES = 2, CLASSES = 10 };

// Each character is two by two pixels.
static const char *const drawings[PICTURES][SIDE / 2] = {
    {
        "..............", //
        "..............", //
        "..............", //
        "..+########+..", //
        "..+########+..", //
        ".........##+..", //
        "........+##...", //
        "........##+...", //
        ".......+##....", //
        ".......##+....", //
        "......+##.....", //
        "......+##.....", //
        "..............", //
        "..............",
    },
    {
        "..............", //
        "..............", //
        ".....+##+.....", //
        "....+####+....", //
        "....##++##....", //
        "...+#+..+#+...", //
        "...##....##...", //
        "...##....##...", //
        "...##....##...", //
        "...+#+..+#+...", //
        "....##++##....", //
        ".....+##+.....", //
        "..............", //
        "..............",
    },
};

// The model's own normalisation: (grey - mean) / std, as its `meta` says.
static float pixel(char ink) {
  float grey = ink == '#' ? 1.0f : ink == '+' ? 0.5f : 0.0f;
  return (grey - 0.1307f) / 0.3081f;
}

static void rasterise(const char *const *drawing, float *image) {
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++) image[y * SIDE + x] = pixel(drawing[y / 2][x / 2]);
}

static void print_best(const float *logits) {
  int best = 0;
  double sum = 0;
  for (int i = 0; i < CLASSES; i++) {
    sum += exp(logits[i]);
    if (logits[i] > logits[best]) best = i;
  }
  printf("%s  %.1f%%\n", cnn_info.labels ? cnn_info.labels[best] : "?", 100 * exp(logits[best]) / sum);
}

static int fail(int status) {
  fprintf(stderr, "cnn: %s\n", cnn_strerror(status));
  return 1;
}

int main(void) {
  cnn *model;
  int status = cnn_open(&model, NULL); // once; any number of threads may run it
  if (status) return fail(status);

  size_t bytes = cnn_arena_bytes(model, PICTURES); // the only memory that a run uses: one arena for each caller
  void *arena = aligned_alloc(NNCC_ARENA_ALIGN, bytes);
  static float images[PICTURES][SIDE * SIDE], logits[PICTURES][CLASSES];
  for (int i = 0; i < PICTURES; i++) rasterise(drawings[i], images[i]);

  status = arena ? cnn_run(model, arena, bytes, PICTURES, images[0], logits[0]) : NNCC_E_MEMORY;
  for (int i = 0; i < PICTURES && !status; i++) print_best(logits[i]);

  free(arena);
  cnn_close(model);
  return status ? fail(status) : 0;
}
