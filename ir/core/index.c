#include "ir/core/index.h"
#include "ir/core/arena.h"
#include <stdlib.h>

void index_free(Index *x) { free(x->slots); }

static void insert(Index *x, IndexSlot slot) {
  size_t mask = x->cap - 1, at = slot.hash & mask;
  while (x->slots[at].number) at = (at + 1) & mask;
  x->slots[at] = slot;
}

void index_add(Index *x, uint64_t hash, uint32_t number) {
  if (2 * (x->len + 1) > x->cap) {
    Index old = *x;
    x->cap = old.cap ? 2 * old.cap : 64;
    x->slots = xcalloc(x->cap, sizeof *x->slots);
    for (size_t i = 0; i < old.cap; i++)
      if (old.slots[i].number) insert(x, old.slots[i]);
    index_free(&old);
  }
  x->len++;
  insert(x, (IndexSlot){hash, number + 1});
}

bool index_next(const Index *x, uint64_t hash, size_t *probe, uint32_t *number) {
  for (; x->cap; ++*probe) {
    const IndexSlot *s = &x->slots[(hash + *probe) & (x->cap - 1)];
    if (!s->number) return false;
    if (s->hash != hash) continue;
    ++*probe;
    *number = s->number - 1;
    return true;
  }
  return false;
}
