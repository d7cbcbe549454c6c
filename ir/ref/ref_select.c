// Ops whose results are as long as a run finds.
#include "ir/ref/ref_ops.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- nms. What stands in the operands decides, in their type: rounding must not choose another box than native code.

typedef struct Box {
  float low[2], high[2];
} Box;

static Box box_at(const RefTensor *boxes, int64_t at, bool center) {
  Box b;
  for (int k = 0; k < 2; k++) {
    float x = (float)boxes->f[at + k], y = (float)boxes->f[at + 2 + k], half = y * 0.5f;
    b.low[k] = center ? x - half : x < y ? x : y;
    b.high[k] = center ? x + half : x > y ? x : y;
  }
  return b;
}

static float area(const Box *b) { return (b->high[0] - b->low[0]) * (b->high[1] - b->low[1]); }

// Intersection over union is more than the threshold; boxes without an area overlap nothing.
static bool overlaps(const Box *a, const Box *b, float threshold) {
  float sides[2];
  for (int k = 0; k < 2; k++) {
    float low = a->low[k] > b->low[k] ? a->low[k] : b->low[k], high = a->high[k] < b->high[k] ? a->high[k] : b->high[k];
    sides[k] = high - low;
    if (!(sides[k] > 0)) return false;
  }
  float both = sides[0] * sides[1], all = area(a) + area(b) - both;
  return area(a) > 0 && area(b) > 0 && all > 0 && both / all > threshold;
}

typedef struct Candidate {
  double score;
  int64_t box;
} Candidate;

static int better(const void *a, const void *b) {
  const Candidate *x = a, *y = b;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  return x->box < y->box ? -1 : 1;
}

// The boxes of one class that are left, in falling order of their scores, into `kept`; their number.
static int64_t suppress(const RefCall *c, int64_t picture, const double *scores, int64_t n, int64_t most,
                        int64_t *kept) {
  const RefTensor *boxes = c->in[IN_NMS_boxes];
  const Attr *least = NODE_ATTR(c->node, NMS, score_threshold);
  float threshold = (float)NODE_ATTR(c->node, NMS, iou_threshold)->f;
  bool center = NODE_ATTR(c->node, NMS, center)->i;
  Candidate *candidates = xmalloc(sizeof *candidates * (size_t)(n + 1));
  int64_t m = 0, count = 0;
  for (int64_t i = 0; i < n; i++)
    if (least->n ? (float)scores[i] > (float)least->floats[0] : !isnan(scores[i]))
      candidates[m++] = (Candidate){(float)scores[i], i};
  qsort(candidates, (size_t)m, sizeof *candidates, better);
  for (int64_t k = 0; k < m && count < most; k++) {
    Box b = box_at(boxes, (picture * n + candidates[k].box) * 4, center);
    bool covered = false;
    for (int64_t j = 0; j < count && !covered; j++) {
      Box other = box_at(boxes, (picture * n + kept[j]) * 4, center);
      covered = overlaps(&b, &other, threshold);
    }
    if (!covered) kept[count++] = candidates[k].box;
  }
  free(candidates);
  return count;
}

bool ref_nms(RefCall *c) {
  const RefTensor *scores = c->in[IN_NMS_scores];
  int64_t classes = scores->dims[1], n = scores->dims[2], found = 0,
          most = min_i64(n, ref_dim(c, NODE_ATTR(c->node, NMS, max_output)->ints[0])),
          *kept = xmalloc(sizeof *kept * (size_t)(most + 1));
  for (int64_t row = 0; row < scores->dims[0] * classes; row++) {
    int64_t count = suppress(c, row / classes, scores->f + row * n, n, most, kept);
    for (int64_t k = 0; k < count; k++, found++)
      memcpy(c->out->i + found * 3, (int64_t[]){row / classes, row % classes, kept[k]}, 3 * sizeof *kept);
  }
  free(kept);
  ref_found(c, found);
  return true;
}

// ---- what is not 0

static bool holds(const RefTensor *t, int64_t k) { return t->f ? t->f[k] != 0 : t->i[k] != 0; }

bool ref_nonzero(RefCall *c) {
  const RefTensor *x = c->in[0];
  int64_t found = 0;
  RefWalk w = ref_walk(x->rank, x->dims);
  for (int64_t k = 0; k < x->count; k++, ref_walk_next(&w))
    if (holds(x, k)) memcpy(c->out->i + found++ * x->rank, w.at, sizeof *w.at * (size_t)x->rank);
  ref_found(c, found);
  return true;
}

bool ref_compress(RefCall *c) {
  const RefTensor *x = c->in[IN_COMPRESS_x], *condition = c->in[IN_COMPRESS_condition];
  int axis = ref_axis(NODE_ATTR(c->node, COMPRESS, dim)->i, x->rank);
  int64_t found = 0, outer = ref_product(x->dims, axis), size = x->dims[axis],
          inner = ref_product(x->dims + axis + 1, x->rank - axis - 1), at = 0;
  for (int64_t k = 0; k < condition->count; k++) found += holds(condition, k);
  ref_found(c, found);
  for (int64_t o = 0; o < outer; o++)
    for (int64_t k = 0; k < condition->count; k++)
      for (int64_t i = 0; holds(condition, k) && i < inner; i++) ref_move(c->out, at++, x, (o * size + k) * inner + i);
  return true;
}

// ---- unique

typedef struct Slices { // x as [outer][size][inner]
  const RefTensor *x;
  int64_t outer, size, inner;
} Slices;

// Element by element in order; NaN equals NaN and stands last.
static int compare_slices(const Slices *s, int64_t a, int64_t b) {
  for (int64_t o = 0; o < s->outer; o++)
    for (int64_t i = 0; i < s->inner; i++) {
      int64_t p = (o * s->size + a) * s->inner + i, q = (o * s->size + b) * s->inner + i;
      int order;
      if (s->x->f) {
        double v = s->x->f[p], w = s->x->f[q];
        order = isnan(v) || isnan(w) ? !!isnan(v) - !!isnan(w) : (v > w) - (v < w);
      } else {
        int64_t v = ref_key(s->x, p), w = ref_key(s->x, q);
        order = (v > w) - (v < w);
      }
      if (order) return order;
    }
  return 0;
}

// Equal ones by their number.
static int by_slice(const void *a, const void *b, void *slices) {
  int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
  int order = compare_slices(slices, i, j);
  return order ? order : (i > j) - (i < j);
}

static int by_number(const void *a, const void *b) {
  int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
  return (i > j) - (i < j);
}

// The first of each group of equal slices, in order, into `indices`, and of each slice into `first`; their number.
static int64_t find_firsts(Slices *s, int64_t *indices, int64_t *first) {
  int64_t found = 0, *order = xmalloc(sizeof *order * (size_t)(s->size + 1));
  for (int64_t k = 0; k < s->size; k++) order[k] = k;
  qsort_r(order, (size_t)s->size, sizeof *order, by_slice, s);
  for (int64_t k = 0; k < s->size; k++) {
    bool starts = !k || compare_slices(s, order[k - 1], order[k]) != 0;
    if (starts) indices[found++] = order[k];
    first[order[k]] = indices[found - 1];
  }
  free(order);
  return found;
}

bool ref_unique(RefCall *c) {
  const RefTensor *x = c->in[0];
  const Attr *dim = NODE_ATTR(c->node, UNIQUE, dim);
  Slices s = {x, 1, x->count, 1};
  if (dim->n) {
    int axis = (int)dim->ints[0];
    s = (Slices){x, ref_product(x->dims, axis), x->dims[axis], ref_product(x->dims + axis + 1, x->rank - axis - 1)};
  }
  int64_t *first = xmalloc(sizeof *first * (size_t)(s.size + 1)),
          *place = xmalloc(sizeof *place * (size_t)(s.size + 1)), *indices = c->out[1].i, *inverse = c->out[2].i,
          *counts = c->out[3].i, to = 0;
  int64_t found = find_firsts(&s, indices, first);
  if (!NODE_ATTR(c->node, UNIQUE, sorted)->i) qsort(indices, (size_t)found, sizeof *indices, by_number);
  for (int64_t k = 0; k < found; k++) place[indices[k]] = k;
  for (int64_t k = 0; k < s.size; k++) counts[inverse[k] = place[first[k]]]++;
  ref_found(c, found);
  for (int64_t o = 0; o < s.outer; o++)
    for (int64_t k = 0; k < found; k++)
      for (int64_t i = 0; i < s.inner; i++) ref_move(&c->out[0], to++, x, (o * s.size + indices[k]) * s.inner + i);
  free(first);
  free(place);
  return true;
}
