#include "passes/moments.h"
#include "passes/graph/dense.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Products of two elements have 30 bits, and so many of them fit into a double's 53.
enum { UNIT_BITS = 15, POSITIONS_MOST = 1 << 22 };
#define WORK_MOST (INT64_C(1) << 28) // products for a sample
enum { POSITIONS_LEAST = 16, BATCH = 32 };

int64_t moments_inputs(const MomentWindow *w) { return w->channels * w->kernel[0] * w->kernel[1]; }

static void read_picture(const Node *n, MomentWindow *w) {
  const Type *weight = operand(n, IN_CONV2D_weight)->type;
  for (int i = 0; i < 2; i++) {
    w->kernel[i] = weight->dims[2 + i];
    w->stride[i] = NODE_ATTR(n, CONV2D, stride)->ints[i];
    w->dilation[i] = NODE_ATTR(n, CONV2D, dilation)->ints[i];
    w->padding[i] = NODE_ATTR(n, CONV2D, padding)->ints[i];
    w->behind[i] = NODE_ATTR(n, CONV2D, padding)->ints[2 + i];
  }
  w->picture = true;
}

static void read_patches(const Node *n, MomentWindow *w) {
  const Type *weight = operand(n, IN_PATCH_EMBED_weight)->type;
  for (int i = 0; i < 2; i++) {
    w->kernel[i] = w->stride[i] = weight->dims[2 + i];
    w->dilation[i] = 1;
  }
  w->picture = true;
}

// The place of the weight among operands; -1: of no such layer.
static int weight_of(const Node *n) {
  switch (n->op) {
  case OP_LINEAR: return IN_LINEAR_weight;
  case OP_PATCH_EMBED: return IN_PATCH_EMBED_weight;
  case OP_CONV2D: return NODE_ATTR(n, CONV2D, groups)->i == 1 ? IN_CONV2D_weight : -1;
  default: return -1;
  }
}

bool moments_window(const Node *n, MomentWindow *w) {
  *w = (MomentWindow){.kernel = {1, 1}};
  int at = weight_of(n);
  const Value *weight = at < 0 ? NULL : operand(n, at);
  if (!weight || weight->kind != VALUE_WEIGHT || operand(n, 0)->type->dtype != DT_F32) return false;
  w->channels = weight->type->dims[1];
  if (n->op == OP_CONV2D) read_picture(n, w);
  if (n->op == OP_PATCH_EMBED) read_patches(n, w);
  return moments_inputs(w) <= MOMENTS_SIDE_MOST;
}

void moments_init(Moments *m, const MomentWindow *w, double largest) {
  int64_t n = moments_inputs(w);
  *m = (Moments){.window = *w, .n = n, .unit = fmax(largest, 1e-30) / (1 << UNIT_BITS)};
  m->sums = xcalloc((size_t)(n + n * n), sizeof *m->sums);
}

void moments_free(Moments *m) { free(m->sums); }

// ---- positions

typedef struct View { // of one layer's input
  const MomentWindow *w;
  const float *x;
  int64_t in[2], out[2], positions;
} View;

static View view_of(const MomentWindow *w, const float *x, int rank, const int64_t *extents) {
  View v = {.w = w, .x = x, .positions = 1};
  if (!w->picture) {
    for (int i = 0; i < rank - 1; i++) v.positions *= extents[i];
    return v;
  }
  v.positions = extents[0];
  for (int i = 0; i < 2; i++) {
    v.in[i] = extents[2 + i];
    v.out[i] = (v.in[i] + w->padding[i] + w->behind[i] - w->dilation[i] * (w->kernel[i] - 1) - 1) / w->stride[i] + 1;
    v.positions *= v.out[i];
  }
  return v;
}

// What one position sums over, in units.
static void gather(const View *v, int64_t position, double per_unit, double *row) {
  const MomentWindow *w = v->w;
  if (!w->picture) {
    const float *x = v->x + position * w->channels;
    for (int64_t i = 0; i < w->channels; i++) row[i] = rint((double)x[i] * per_unit);
    return;
  }
  int64_t picture = position / (v->out[0] * v->out[1]), at = position % (v->out[0] * v->out[1]);
  int64_t top = at / v->out[1] * w->stride[0] - w->padding[0], left = at % v->out[1] * w->stride[1] - w->padding[1];
  for (int64_t c = 0; c < w->channels; c++) {
    const float *plane = v->x + (picture * w->channels + c) * v->in[0] * v->in[1];
    for (int64_t k = 0; k < w->kernel[0]; k++)
      for (int64_t l = 0; l < w->kernel[1]; l++) {
        int64_t y = top + k * w->dilation[0], x = left + l * w->dilation[1];
        bool inside = y >= 0 && y < v->in[0] && x >= 0 && x < v->in[1];
        *row++ = inside ? rint((double)plane[y * v->in[1] + x] * per_unit) : 0;
      }
  }
}

static int64_t gcd(int64_t a, int64_t b) { return b ? gcd(b, a % b) : a; }

// Multiples of it, modulo n, are spread evenly over 0 to n - 1 and meet each once.
static int64_t spread(int64_t n) {
  int64_t step = (int64_t)((double)n * 0.6180339887498949);
  while (step < 1 || gcd(n, step) > 1) step++;
  return step;
}

// ---- sums

static void add_rows(Moments *m, int64_t count, const double *rows) {
  int64_t n = m->n;
  for (int64_t k = 0; k < count; k++) dense_add(n, 1, rows + k * n, m->sums);
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k < count; k++) {
      const double *row = rows + k * n + i;
      if (*row != 0) dense_add(n - i, *row, row, m->sums + n + i * n + i);
    }
  m->count += count;
}

void moments_add(Moments *m, const float *x, int rank, const int64_t *extents, size_t sample, size_t samples) {
  View v = view_of(&m->window, x, rank, extents);
  int64_t step = spread(v.positions), most = WORK_MOST / (m->n * m->n);
  most = most < POSITIONS_LEAST ? POSITIONS_LEAST : most;
  if (most > (int64_t)(POSITIONS_MOST / samples)) most = (int64_t)(POSITIONS_MOST / samples);
  if (most > v.positions) most = v.positions;
  double *rows = xmalloc(sizeof *rows * (size_t)(BATCH * m->n));
  for (int64_t k = 0, filled = 0; k < most; k++) {
    int64_t position = (int64_t)(((__int128)k * step + (int64_t)sample) % v.positions);
    gather(&v, position, 1 / m->unit, rows + filled++ * m->n);
    if (filled < BATCH && k + 1 < most) continue;
    add_rows(m, filled, rows);
    filled = 0;
  }
  free(rows);
}

void moments_finish(const Moments *m, const char *name, Calibration *c) {
  int64_t n = m->n;
  double *mean = xmalloc(sizeof *mean * (size_t)n), *second = xmalloc(sizeof *second * (size_t)(n * n));
  double count = m->count > 0 ? (double)m->count : 1;
  for (int64_t i = 0; i < n; i++) mean[i] = m->sums[i] * m->unit / count;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = i; j < n; j++)
      second[i * n + j] = second[j * n + i] = m->sums[n + i * n + j] / count * m->unit * m->unit;
  calibration_add_layer(c,
                        &(CalibrationLayer){.name = name, .n = n, .count = m->count, .mean = mean, .second = second});
}
