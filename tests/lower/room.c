#include "tests/lower/room.h"
#include "ir/core/check.h"
#include <math.h>
#include <string.h>

// So many that hardly one of thousands of decisions on a tie comes out alike in all.
enum { RUNS = 24, MARGIN = 8 };

// Up or down by a coin; or rounded to few digits, so that what is nearly equal becomes so.
typedef enum Way { EITHER, NEAREST, BELOW } Way;

typedef struct Disturbance {
  Way way;
  uint64_t state;
  bool ends; // also at the ends of the type
} Disturbance;

// splitmix64 (Steele, Lea and Flood 2014): runs whose seeds are neighbours have nothing else in common.
static bool coin(Disturbance *d) {
  uint64_t z = d->state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return (z ^ z >> 31) >> 63;
}

static double rounded(const Disturbance *d, double v, double unit) {
  int exponent;
  double digits = frexp(v, &exponent) / unit;
  return ldexp((d->way == NEAREST ? rint(digits) : floor(digits)) * unit, exponent);
}

typedef struct Precision {
  double unit, largest, smallest; // of what a result, and a square of it, is known to
} Precision;

static Precision precision(DType t) {
  switch (t) {
  case DT_F64: return (Precision){0x1p-46, 1e150, 1e-150};
  case DT_F16: return (Precision){0x1p-9, 6e4, 1e-6};
  case DT_BF16: return (Precision){0x1p-6, 1e18, 1e-18};
  default: return (Precision){0x1p-20, 1e18, 1e-18};
  }
}

// What moves elements keeps them exactly; what computes each alone is right to some units of it; the rest sum.
typedef enum Kind { MOVES, COMPUTES, SUMS } Kind;

static Kind kind(const Node *n) {
  const char *family = op_info(n->op)->family;
  if (n->op == OP_PICTURE) return COMPUTES;
  if (!strcmp(family, "shape") || !strcmp(family, "order")) return MOVES;
  return !strcmp(family, "elementwise") ? COMPUTES : SUMS;
}

static void disturb(Disturbance *d, const Node *n, RefTensor *t) {
  if (!t->f) return;
  Precision p = precision(t->type->dtype);
  Kind k = n ? kind(n) : MOVES;
  double largest = 0;
  for (int64_t i = 0; i < t->count; i++)
    if (isfinite(t->f[i])) largest = fmax(largest, fabs(t->f[i]));
  double absolute = k == SUMS                              ? p.unit * largest
                    : n && op_has(n->op, TRAIT_ACTIVATION) ? 0x1p-23 * fmin(largest, 1)
                                                           : 0;
  for (int64_t i = 0; d->way != EITHER && i < t->count; i++)
    if (isfinite(t->f[i])) t->f[i] = rounded(d, t->f[i], p.unit);
  for (int64_t i = 0; d->way == EITHER && i < t->count; i++) {
    double *v = &t->f[i], by = (k == MOVES ? 0 : fabs(*v) * p.unit) + (*v || k == SUMS ? absolute : 0);
    if (!n && fabs(*v) > 1e4) by = fabs(*v) * p.unit; // angles
    bool tiny = fabs(*v) < p.smallest;
    *v += coin(d) ? by : -by;
    if (*v == 0 && coin(d)) *v = -*v;
    if (!d->ends || !isfinite(*v)) continue;
    if (fabs(*v) > p.largest) *v = copysign(INFINITY, *v);
    if (tiny || fabs(*v) < p.smallest) *v = 0;
  }
}

static void disturb_result(void *user, const Value *v, RefTensor *t) { disturb(user, v->node, t); }

static void widen(double *room, const RefTensor *want, const RefTensor *got) {
  for (int64_t k = 0; k < want->count; k++) {
    double w = ref_at(want, k), g = ref_at(got, k), by = w == g || (isnan(w) && isnan(g)) ? 0 : fabs(w - g);
    if (isnan(by) || (by && want->i)) by = INFINITY;
    room[k] = fmax(room[k], MARGIN * by);
  }
}

static void run(Module *m, const int64_t *symbols, const RefTensor *inputs, const RefTensor *want, Disturbance *d,
                double **room) {
  Diag *diag = diag_create();
  RefTensor *in = xcalloc(m->inputs.len + 1, sizeof *in), *got = xcalloc(m->outputs.len + 1, sizeof *got);
  for (size_t i = 0; i < m->inputs.len; i++) {
    CHECK(ref_tensor_copy(&in[i], &inputs[i]), "no memory");
    disturb(d, NULL, &in[i]);
  }
  bool ok = ref_run(m, symbols, in, got, disturb_result, d, diag);
  for (size_t i = 0; i < m->outputs.len; i++) {
    if (ok) widen(room[i], &want[i], &got[i]);
    for (int64_t k = 0; !ok && k < want[i].count; k++) room[i][k] = INFINITY; // by way of a division by 0
    ref_tensor_free(&got[i]);
  }
  for (size_t i = 0; i < m->inputs.len; i++) ref_tensor_free(&in[i]);
  free(in);
  free(got);
  diag_destroy(diag);
}

double **room_create(Module *m, const int64_t *symbols, const RefTensor *inputs, const RefTensor *want, uint64_t seed) {
  double **room = xcalloc(m->outputs.len + 1, sizeof *room);
  for (size_t i = 0; i < m->outputs.len; i++) room[i] = xcalloc((size_t)want[i].count + 1, sizeof **room);
  for (int i = 0; i < RUNS; i++)
    run(m, symbols, inputs, want, &(Disturbance){EITHER, seed * RUNS + (uint64_t)i, i % 2}, room);
  run(m, symbols, inputs, want, &(Disturbance){.way = NEAREST}, room);
  run(m, symbols, inputs, want, &(Disturbance){.way = BELOW}, room);
  return room;
}

void room_free(double **room, size_t n_outputs) {
  for (size_t i = 0; room && i < n_outputs; i++) free(room[i]);
  free(room);
}
