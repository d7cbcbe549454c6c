#include "driver/range.h"
#include "driver/preprocess.h"
#include <math.h>

typedef struct Range {
  double lo, hi;
} Range;

static Range of_array(const float *v, int64_t n) {
  Range r = {INFINITY, -INFINITY};
  for (int64_t i = 0; i < n; i++) r.lo = fmin(r.lo, v[i]), r.hi = fmax(r.hi, v[i]);
  return r;
}

// Of what bytes become.
static Range of_bytes(const Preprocess *p) {
  Range r = {INFINITY, -INFINITY};
  for (int c = 0; c < p->channels; c++) {
    r.lo = fmin(r.lo, (0 - p->mean[c]) / p->std[c]);
    r.hi = fmax(r.hi, (255 / p->scale - p->mean[c]) / p->std[c]);
  }
  return r;
}

void range_check(const Feed *f, Diag *d) {
  if (!loaded_meta(f->loaded, "mean") && !loaded_meta(f->loaded, "std")) return;
  Diag *silent = diag_create();
  Preprocess p;
  bool known = preprocess_init(&p, f->loaded, silent);
  diag_destroy(silent);
  const Blob *b = known && p.input->dtype == NNCC_F32 ? f->arrays[p.index] : NULL;
  if (!b || b->size < sizeof(float)) return;
  Range is = of_array(b->data, (int64_t)(b->size / sizeof(float))), wanted = of_bytes(&p);
  double margin = (wanted.hi - wanted.lo) / 4; // bicubic resizing overshoots
  bool outside = is.lo < wanted.lo - margin || is.hi > wanted.hi + margin;
  bool untouched = wanted.lo < 0 && is.lo >= 0 && is.hi <= 1 && is.hi > is.lo; // no black left, and nothing above 1
  if (outside || untouched)
    diag_warning_file(d, f->loaded->info->name,
                      "`%s` has values from %.3g to %.3g, but `mean` and `std` make pictures range from %.3g to %.3g: "
                      "was it normalized?",
                      p.input->name, is.lo, is.hi, wanted.lo, wanted.hi);
}
