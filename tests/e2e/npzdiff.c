// npzdiff A NAME B NAME TOLERANCE: whether two arrays agree, relative to the largest value of the second.
// npzdiff --ramp FILE.npy ROWS COLUMNS [FACTOR]: writes 0, FACTOR, 2 FACTOR, ...
// npzdiff --digits HELDOUT.npz OUT.npy: grey pictures as the digit networks take them, [n, 1, h, w] of mean 0.1307.
#include "frontend/weights/archive.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int ramp(char **argv, int argc, Diag *d) {
  Dim dims[] = {atol(argv[3]), atol(argv[4])};
  float *v = xmalloc(sizeof *v * (size_t)(dims[0] * dims[1])), factor = argc > 5 ? (float)atof(argv[5]) : 1;
  for (int i = 0; i < dims[0] * dims[1]; i++) v[i] = factor * (float)i;
  bool ok = archive_write(argv[2], &(ArchiveArray){"", DT_F32, 2, dims, v}, 1, d);
  free(v);
  return !ok;
}

static const ArchiveEntry *open_entry(const char *path, const char *name, Archive **a, Diag *d) {
  *a = archive_open(path, d);
  const ArchiveEntry *e = *a ? archive_find(*a, name) : NULL;
  if (!e) fprintf(stderr, "%s: no array `%s`\n", path, name);
  return e;
}

static int digits(char **argv, Diag *d) {
  Archive *a;
  const ArchiveEntry *e = open_entry(argv[2], "pictures", &a, d);
  Blob *b = e ? archive_blob(a, e, d) : NULL;
  if (!b) return 2;
  float *v = xmalloc(sizeof *v * b->size);
  for (size_t i = 0; i < b->size; i++) v[i] = (float)((((const uint8_t *)b->data)[i] / 255.0 - 0.1307) / 0.3081);
  Dim dims[] = {e->dims[0], 1, e->dims[1], e->dims[2]};
  bool ok = archive_write(argv[3], &(ArchiveArray){"", DT_F32, 4, dims, v}, 1, d);
  free(v);
  blob_unref(b);
  archive_unref(a);
  return !ok;
}

static int compare(char **argv, Diag *d) {
  Archive *a, *b;
  const ArchiveEntry *x = open_entry(argv[1], argv[2], &a, d), *y = open_entry(argv[3], argv[4], &b, d);
  if (!x || !y) return 2;
  if (x->rank != y->rank || memcmp(x->dims, y->dims, sizeof(Dim) * (size_t)x->rank))
    return fprintf(stderr, "the shapes differ\n"), 1;
  Blob *bx = archive_blob(a, x, d), *by = archive_blob(b, y, d);
  double worst = 0, most = 0;
  for (int64_t i = 0; bx && by && i < archive_elements(x); i++) {
    double vx = dtype_load(x->dtype, bx->data, i), vy = dtype_load(y->dtype, by->data, i);
    if (!(fabs(vx - vy) <= worst)) worst = fabs(vx - vy);
    most = fmax(most, fabs(vy));
  }
  double limit = atof(argv[5]) * most;
  bool ok = bx && by && worst <= limit;
  printf("largest difference %.3g of %.3g\n", worst, most);
  blob_unref(bx), blob_unref(by);
  archive_unref(a), archive_unref(b);
  return !ok;
}

int main(int argc, char **argv) {
  Diag *d = diag_create();
  int status = argc > 4 && !strcmp(argv[1], "--ramp")      ? ramp(argv, argc, d)
               : argc == 4 && !strcmp(argv[1], "--digits") ? digits(argv, d)
               : argc == 6                                 ? compare(argv, d)
                                                           : 2;
  StrBuf b = {0};
  diag_print(d, &b, false);
  fputs(strbuf_str(&b), stderr);
  strbuf_free(&b);
  diag_destroy(d);
  return status;
}
