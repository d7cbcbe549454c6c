#include "passes/lower/pack_sparse.h"
#include "ir/core/checked.h"
#include "passes/lower/pack_parts.h"

// Calls `visit` for every element that is not zero, in the order of the buffers, and says before each output channel of
// a block that it begins.
typedef struct Visitor {
  void (*begin)(struct Visitor *v);
  void (*visit)(struct Visitor *v, float value, int64_t channel);
  void *out;
  int64_t count; // of elements so far
} Visitor;

static void walk(const Packing *p, Visitor *v) {
  DType stored;
  const float *weight = weight_data(p->w, &stored);
  float *owned = NULL;
  int64_t n = p->oc * p->ic;
  if (stored != DT_F32) {
    weight = owned = xmalloc(sizeof *owned * (size_t)n);
    weight_to_f32(p->w, 0, n, owned);
  }
  for (int64_t c0 = 0; c0 < p->ic; c0 += p->block)
    for (int64_t o = 0; o < round_up(p->oc, BLOCK); o++) {
      if (v->begin) v->begin(v);
      const float *row = weight + o * p->ic;
      for (int64_t c = c0; o < p->oc && c < min_i64(c0 + p->block, p->ic); c++) {
        if (row[c] == 0) continue;
        if (v->visit) v->visit(v, row[c], c - c0);
        v->count++;
      }
    }
  free(owned);
  weight_rest(p->w);
}

static void put_value(Visitor *v, float value, int64_t channel) {
  (void)channel;
  ((float *)v->out)[v->count] = value;
}

static void put_channel(Visitor *v, float value, int64_t channel) {
  (void)value;
  ((uint8_t *)v->out)[v->count] = (uint8_t)channel;
}

static void put_start(Visitor *v) {
  int32_t **next = v->out;
  *(*next)++ = (int32_t)v->count;
}

static void fill_values(void *context, int64_t first, int64_t count, void *out) {
  (void)first, (void)count; // one part
  walk(context, &(Visitor){.visit = put_value, .out = out});
}

static void fill_channels(void *context, int64_t first, int64_t count, void *out) {
  (void)first, (void)count;
  walk(context, &(Visitor){.visit = put_channel, .out = out});
}

static void fill_starts(void *context, int64_t first, int64_t count, void *out) {
  (void)first, (void)count;
  int32_t *next = out;
  Visitor v = {.begin = put_start, .out = &next};
  walk(context, &v);
  *next = (int32_t)v.count;
}

SparseWeights pack_sparse(Lower *lw, Weight *w, int64_t block, int64_t nonzeros) {
  Arena *a = lw->p->arena;
  Packing p = packing_of(w, NULL);
  p.block = block;
  int64_t starts = ceil_div(p.ic, block) * round_up(p.oc, BLOCK) + 1, some = max_i64(nonzeros, 1);
  const char *form = arena_printf(a, ".sparse%lld", (long long)block);
  return (SparseWeights){
      packed_buffer(lw, arena_printf(a, "%s.values", form), DT_F32, some, 1, fill_values, p),
      packed_buffer(lw, arena_printf(a, "%s.channels", form), DT_U8, some, 1, fill_channels, p),
      packed_buffer(lw, arena_printf(a, "%s.starts", form), DT_I32, starts, 1, fill_starts, p),
  };
}
