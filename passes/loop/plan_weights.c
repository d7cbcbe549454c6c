#include "passes/loop/plan_weights.h"
#include "ir/core/checked.h"
#include "ir/core/intern.h"

enum { ALIGNMENT = 64 };

void weight_table_free(WeightTable *t) {
  vec_free(&t->buffers);
  free(t->slots);
}

// Packing is cheap beside what is asked here: equal bytes whatever they were made from.
static uint64_t hash_content(const LBuffer *b) {
  void *bytes = xcalloc(1, (size_t)b->bytes + 1);
  b->fill(b->context, 0, b->parts, bytes);
  uint64_t hash = hash_bytes(bytes, (size_t)b->bytes, 0);
  free(bytes);
  return hash ? hash : 1; // 0 means unknown
}

static uint32_t *slot_of(const WeightTable *t, const LBuffer *b) {
  size_t at = b->hash & (t->cap - 1);
  for (; t->slots[at]; at = (at + 1) & (t->cap - 1)) {
    const LBuffer *other = t->buffers.data[t->slots[at] - 1];
    if (other->hash == b->hash && other->bytes == b->bytes) break;
  }
  return &t->slots[at];
}

static void grow(WeightTable *t) {
  free(t->slots);
  t->cap = t->cap ? 2 * t->cap : 64;
  t->slots = xcalloc(t->cap, sizeof *t->slots);
  for (size_t i = 0; i < t->buffers.len; i++) *slot_of(t, t->buffers.data[i]) = (uint32_t)i + 1;
}

// The offset of a buffer with the same bytes; -1: there was none, now there is this one.
static int64_t known_offset(WeightTable *t, LBuffer *b) {
  if (2 * (t->buffers.len + 1) > t->cap) grow(t);
  b->hash = hash_content(b);
  uint32_t *slot = slot_of(t, b);
  if (*slot) return t->buffers.data[*slot - 1]->offset;
  vec_push(&t->buffers, b);
  *slot = (uint32_t)t->buffers.len;
  return -1;
}

bool plan_weights(LProgram *p, WeightTable *shared, Diag *d) {
  int64_t at = shared ? shared->bytes : 0;
  for (size_t i = 0; i < p->buffers.len; i++) {
    LBuffer *b = p->buffers.data[i];
    if (b->kind != BUFFER_WEIGHT) continue;
    bool sized = dim_is_const(b->bytes) && b->bytes >= 0;
    int64_t known = shared && sized ? known_offset(shared, b) : -1;
    b->offset = known < 0 ? at : known;
    if (known >= 0) continue;
    if (!sized || !checked_add(at, round_up(b->bytes, ALIGNMENT), &at)) {
      diag_error(d, (Span){0}, "the size of weight `%s` is not a number of bytes", b->name);
      return false;
    }
  }
  p->weight_bytes = at;
  if (shared) shared->bytes = at;
  return true;
}
