#include "passes/lower/pack.h"
#include "ir/core/check.h"
#include "ir/core/checked.h"
#include "passes/lower/pack_parts.h"
#include <string.h>

// Some parts of a buffer of panels of 16 output channels, and the weight's elements that they hold: floats, or the 16
// bits of halves.
typedef struct Panels {
  int64_t begin, end; // output channels
  const void *weight; // of output channel `begin` on, of the buffer's type
  void *owned;        // NULL: the weight's own elements
} Panels;

static Panels panels_open(const Packing *p, int64_t first, int64_t count, DType to) {
  Panels s = {.begin = first * p->part, .end = min_i64((first + count) * p->part, p->oc)};
  int64_t row = weight_count(p->w) / p->oc, n = (s.end - s.begin) * row;
  size_t size = dtype_size(to);
  DType stored;
  const void *data = weight_data(p->w, &stored);
  if (stored == to) {
    s.weight = (const char *)data + (size_t)(s.begin * row) * size;
    return s;
  }
  s.weight = s.owned = xmalloc(size * (size_t)n);
  if (to == DT_F32)
    weight_to_f32(p->w, s.begin * row, n, s.owned);
  else
    for (int64_t i = 0; i < n; i++) dtype_convert(to, s.owned, i, stored, data, s.begin * row + i);
  return s;
}

// One element, of which all that is known where it is inlined is used.
static inline __attribute__((always_inline)) void put(void *to, int64_t i, const Panels *s, int64_t from, bool half) {
  if (half)
    ((uint16_t *)to)[i] = ((const uint16_t *)s->weight)[from];
  else
    ((float *)to)[i] = ((const float *)s->weight)[from];
}

static void panels_close(const Packing *p, Panels *s) {
  free(s->owned);
  if (s->end == p->oc) weight_rest(p->w);
}

LBuffer *packed_buffer(Lower *lw, const char *form, DType dtype, int64_t elements, int64_t parts, LFill fill,
                       Packing packing) {
  LProgram *p = lw->p;
  const char *name = arena_printf(p->arena, "%s%s", packing.w->name, form);
  bool possible = loop_find_buffer(p, name); // the first of this weight and form has the name, or somebody else
  for (size_t i = 0; possible && i < p->buffers.len; i++) {
    const Packing *made = p->buffers.data[i]->kind == BUFFER_WEIGHT ? p->buffers.data[i]->context : NULL;
    if (made && made->w == packing.w && !strcmp(made->form, form)) return p->buffers.data[i];
  }
  LBuffer *b = lower_new_buffer(lw, BUFFER_WEIGHT, name, dtype, elements * (int64_t)dtype_size(dtype));
  packing.form = form;
  b->fill = fill;
  b->parts = parts;
  b->context = arena_memdup(p->arena, &packing, sizeof packing);
  return b;
}

LBuffer *packed_panels(Lower *lw, const char *form, DType dtype, int64_t row, LFill fill, Packing p) {
  int64_t padded = round_up(p.oc, BLOCK);
  p.part = p.from.groups ? padded : BLOCK;
  return packed_buffer(lw, form, dtype, padded * row, padded / p.part, fill, p);
}

static int64_t row_major_parts(const Weight *w) { return w->type->rank ? max_i64(w->type->dims[0], 1) : 1; }

static void fill_row_major(void *context, int64_t first, int64_t count, void *out) {
  const Packing *p = context;
  DType stored, want = p->w->type->dtype;
  const char *data = weight_data(p->w, &stored);
  int64_t row = weight_count(p->w) / row_major_parts(p->w), begin = first * row, n = count * row;
  if (stored == want)
    memcpy(out, data + (size_t)begin * dtype_size(want), (size_t)n * dtype_size(want));
  else
    for (int64_t i = 0; i < n; i++) dtype_convert(want, out, i, stored, data, begin + i);
}

LBuffer *pack_row_major(Lower *lw, Weight *w) {
  return packed_buffer(lw, "", w->type->dtype, weight_count(w), row_major_parts(w), fill_row_major, (Packing){.w = w});
}

// Where tap t of output channel o and input channel c of its group stands.
static inline int64_t element(const Packing *p, int64_t o, int64_t c, int64_t t) {
  const Taps *f = &p->from;
  if (!f->groups) return (o * p->ic + c) * p->taps + t;
  const Dim *dims = p->w->type->dims; // [IC, OC / groups, KH, KW]
  int64_t group = o / dims[1], y = f->count[0] - 1 - t / f->count[1], x = f->count[1] - 1 - t % f->count[1];
  int64_t tap = (f->first[0] + y * f->step[0]) * dims[3] + f->first[1] + x * f->step[1];
  return ((group * p->ic + c) * dims[1] + o % dims[1]) * dims[2] * dims[3] + tap;
}

// Weights that are halves stay so.
static DType panel_type(const Weight *w) { return dtype_is_half(w->type->dtype) ? w->type->dtype : DT_F32; }

static inline __attribute__((always_inline)) void panels_of(const Packing *p, const Panels *s, void *out, bool half) {
  int64_t at = 0;
  for (int64_t o0 = s->begin; o0 < s->end; o0 += BLOCK)
    for (int64_t c0 = 0; c0 < p->ic; c0 += p->block)
      for (int64_t t = 0; t < p->taps; t++)
        for (int64_t c = c0; c < min_i64(c0 + p->block, p->ic); c++, at += BLOCK)
          for (int64_t o = o0; o < min_i64(o0 + BLOCK, s->end); o++)
            put(out, at + o - o0, s, element(p, o - s->begin, c, t), half);
}

static void fill_panels(void *context, int64_t first, int64_t count, void *out) {
  const Packing *p = context;
  DType type = panel_type(p->w);
  Panels s = panels_open(p, first, count, type);
  if (dtype_is_half(type))
    panels_of(p, &s, out, true);
  else
    panels_of(p, &s, out, false);
  panels_close(p, &s);
}

Packing packing_of(Weight *w, const Taps *taps) {
  const Type *t = w->type;
  if (taps)
    return (Packing){.w = w,
                     .oc = t->dims[1] * taps->groups,
                     .ic = t->dims[0] / taps->groups,
                     .taps = taps->count[0] * taps->count[1],
                     .from = *taps};
  return (Packing){.w = w, .oc = t->dims[0], .ic = t->dims[1], .taps = t->rank > 2 ? t->dims[2] * t->dims[3] : 1};
}

// Part of the buffer's name: different taps are different bytes.
static const char *taps_name(Lower *lw, const Taps *t) {
  if (!t) return "";
  return arena_printf(lw->p->arena, ".taps(%lld+%lldx%lld,%lld+%lldx%lld)", (long long)t->first[0],
                      (long long)t->step[0], (long long)t->count[0], (long long)t->first[1], (long long)t->step[1],
                      (long long)t->count[1]);
}

LBuffer *pack_panels(Lower *lw, Weight *w, const Taps *taps, int64_t block) {
  Packing p = packing_of(w, taps);
  p.block = p.taps == 1 ? p.ic : block; // without taps every blocking is the same order
  const char *form =
      arena_printf(lw->p->arena, "%s.panels%s", taps_name(lw, taps), p.block == 1 && p.ic > 1 ? "1" : "");
  return packed_panels(lw, form, panel_type(w), p.ic * p.taps, fill_panels, p);
}

// p->block: channels that lie together within a kernel column.
static void fill_stem(void *context, int64_t first, int64_t count, void *out) {
  const Packing *p = context;
  Panels s = panels_open(p, first, count, DT_F32);
  const float *weight = s.weight;
  float *to = out;
  int64_t kw = p->w->type->dims[3], run = kw * p->block;
  for (int64_t o0 = s.begin; o0 < s.end; o0 += BLOCK)
    for (int64_t kh = 0; kh < p->taps / kw; kh++)
      for (int64_t c0 = 0; c0 < p->ic; c0 += p->block)
        for (int64_t i = 0; i < run; i++, to += BLOCK)
          for (int64_t o = o0; o < min_i64(o0 + BLOCK, s.end); o++)
            to[o - o0] = weight[((o - s.begin) * p->ic + c0 + i % p->block) * p->taps + kh * kw + i / p->block];
  panels_close(p, &s);
}

LBuffer *pack_stem(Lower *lw, Weight *w, bool together) {
  Packing p = packing_of(w, NULL);
  p.block = together ? p.ic : 1;
  return packed_panels(lw, together ? ".stem.nhwc" : ".stem", DT_F32, p.ic * p.taps, fill_stem, p);
}

Grouping pack_grouping(int64_t channels_in, int64_t channels_out, int64_t groups) {
  Grouping g = {channels_in / groups, channels_out / groups, 0, ceil_div(channels_in, BLOCK)};
  for (int64_t o = 0; o < channels_out; o += BLOCK) {
    int64_t last = min_i64(o + BLOCK, channels_out) - 1;
    int64_t first_block = o / g.out * g.in / BLOCK, end_block = ceil_div((last / g.out + 1) * g.in, BLOCK);
    g.blocks = max_i64(g.blocks, end_block - first_block);
  }
  return g;
}

static void fill_grouped(void *context, int64_t first, int64_t count, void *out) {
  const Packing *p = context;
  const Grouping *g = &p->group;
  DType type = panel_type(p->w);
  Panels s = panels_open(p, first, count, type);
  int64_t at = 0;
  for (int64_t o0 = s.begin; o0 < s.end; o0 += BLOCK) {
    int64_t start = min_i64(o0 / g->out * g->in / BLOCK, g->total - g->blocks) * BLOCK;
    for (int64_t c0 = start; c0 < start + g->blocks * BLOCK; c0 += BLOCK)
      for (int64_t t = 0; t < p->taps; t++)
        for (int64_t c = c0; c < c0 + BLOCK; c++, at += BLOCK)
          for (int64_t o = o0; o < min_i64(o0 + BLOCK, s.end); o++) {
            int64_t inside = c - o / g->out * g->in; // input channel within o's group
            if (inside < 0 || inside >= g->in) continue;
            put(out, at + o - o0, &s, element(p, o - s.begin, inside, t), dtype_is_half(type));
          }
  }
  panels_close(p, &s);
}

LBuffer *pack_grouped(Lower *lw, Weight *w, const Taps *taps, Grouping g) {
  Packing p = packing_of(w, taps);
  p.group = g;
  const char *form = arena_printf(lw->p->arena, "%s.grouped%lld", taps_name(lw, taps), (long long)(p.oc / g.out));
  return packed_panels(lw, form, panel_type(w), g.blocks * BLOCK * p.taps, fill_grouped, p);
}

static void fill_depthwise(void *context, int64_t first, int64_t count, void *out) {
  const Packing *p = context;
  Panels s = panels_open(p, first, count, DT_F32);
  const float *weight = s.weight;
  float *to = out;
  for (int64_t c0 = s.begin; c0 < s.end; c0 += BLOCK)
    for (int64_t t = 0; t < p->taps; t++, to += BLOCK)
      for (int64_t c = c0; c < min_i64(c0 + BLOCK, s.end); c++) to[c - c0] = weight[(c - s.begin) * p->taps + t];
  panels_close(p, &s);
}

LBuffer *pack_depthwise(Lower *lw, Weight *w) {
  Packing p = packing_of(w, NULL);
  return packed_panels(lw, ".depthwise", DT_F32, p.taps, fill_depthwise, p);
}

LBuffer *pack_vector(Lower *lw, Weight *w) {
  int64_t n = weight_count(w);
  if (n % BLOCK == 0 && w->type->dtype == DT_F32) return pack_row_major(lw, w);
  Packing p = {.w = w, .oc = n, .ic = 1, .taps = 1};
  return packed_panels(lw, ".vector", DT_F32, 1, fill_depthwise, p);
}

// Rows of the blocked form: [d0][blocks][the others][16]; where the axis has one element, it fills all lanes.
static void fill_broadcast(void *context, int64_t first, int64_t count, void *out) {
  (void)first, (void)count;
  const Packing *p = context;
  DType stored, want = p->w->type->dtype;
  const void *data = weight_data(p->w, &stored);
  int64_t before = 1, between = 1, after = 1, lanes = p->dims[p->axis];
  for (int i = 0; i < p->rank; i++) {
    if (i == p->axis) continue;
    if (i == 0)
      before = p->dims[0];
    else if (i < p->axis)
      between *= p->dims[i];
    else
      after *= p->dims[i];
  }
  int64_t at = 0;
  for (int64_t b = 0; b < before; b++)
    for (int64_t c0 = 0; c0 < lanes; c0 += BLOCK)
      for (int64_t x = 0; x < between * after; x++)
        for (int64_t lane = 0; lane < BLOCK; lane++, at++) {
          int64_t c = lanes == 1 ? 0 : c0 + lane;
          if (c >= lanes) continue;
          int64_t from = ((b * between + x / after) * lanes + c) * after + x % after;
          dtype_convert(want, out, at, stored, data, from);
        }
}

LBuffer *pack_broadcast(Lower *lw, Weight *w, const Type *like, Phys *phys) {
  const Type *t = w->type;
  Packing p = {.w = w, .rank = like->rank, .axis = like->blocked_axis};
  for (int i = 0; i < like->rank; i++) {
    int from = i - (like->rank - t->rank);
    p.dims[i] = from < 0 ? 1 : t->dims[from];
  }
  phys_of(lw, like, phys);
  int order[MAX_RANK + 1], n = 0; // which logical dimension each physical one holds; -1: the lanes
  for (int i = 0; i < like->rank; i++) {
    if (p.axis >= 0 && i == (p.axis == 0 ? 0 : 1)) order[n++] = p.axis;
    if (i != p.axis) order[n++] = i;
  }
  if (p.axis >= 0) order[n++] = -1;
  CHECK(n == phys->rank, "layout of rank %d for %d", n, phys->rank);
  int64_t stride = 1;
  for (int i = n - 1; i >= 0; i--) {
    int64_t extent = order[i] < 0 ? BLOCK : order[i] == p.axis ? ceil_div(p.dims[order[i]], BLOCK) : p.dims[order[i]];
    bool spread = order[i] >= 0 && p.dims[order[i]] == 1;
    phys->strides[i] = spread ? 0 : stride;
    stride *= extent;
  }
  if (p.axis < 0) return pack_row_major(lw, w);
  const char *form = arena_printf(lw->p->arena, ".rank%d.axis%d", like->rank, p.axis);
  return packed_buffer(lw, form, t->dtype, stride, 1, fill_broadcast, p);
}
