// main.c: a CNN and a Vision Transformer linked into one program, each asked about the drawings of digits.h.
// README.md says how to build it.
#include "cnn.h"
#include "digits.h"
#include "vit.h"

#include <stdio.h>
#include <stdlib.h>

static void print(const char *model, const char *const *labels, const float *logits) {
  printf("%s:", model);
  for (int i = 0; i < PICTURES; i++) printf(" %s", labels[digits_best(logits + i * CLASSES)]);
  printf("\n");
}

int main(void) {
  static float images[PICTURES * PIXELS], logits[PICTURES * CLASSES];
  cnn *first = NULL;
  vit *second = NULL;
  void *arena = NULL;
  digits_draw(images);

  int status = cnn_open(&first, NULL); // once; any number of threads may run it
  if (!status) status = vit_open(&second, NULL);
  if (!status) {
    // The only memory that a run uses, one arena for each caller: here one run is over before the next begins.
    size_t bytes = cnn_arena_bytes(first, PICTURES), more = vit_arena_bytes(second, PICTURES);
    if (bytes < more) bytes = more;
    arena = aligned_alloc(NNCC_ARENA_ALIGN, (bytes + NNCC_ARENA_ALIGN - 1) / NNCC_ARENA_ALIGN * NNCC_ARENA_ALIGN);
    status = arena ? cnn_run(first, arena, bytes, PICTURES, images, logits) : NNCC_E_MEMORY;
    if (!status) print("cnn", cnn_info.labels, logits);
    if (!status) status = vit_run(second, arena, bytes, PICTURES, images, logits);
    if (!status) print("vit", vit_info.labels, logits);
  }
  if (status) fprintf(stderr, "%s\n", cnn_strerror(status));

  free(arena);
  vit_close(second);
  cnn_close(first);
  return status != NNCC_OK;
}
