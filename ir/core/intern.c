#include "ir/core/intern.h"
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

typedef struct Entry {
  uint64_t hash;
  size_t len;
  const char *s;
} Entry;

struct Interner {
  Arena *arena;
  Entry *table; // open addressing, power of two
  size_t len, cap;
};

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed) { return XXH3_64bits_withSeed(p, n, seed); }

Interner *interner_create(Arena *a) {
  Interner *in = arena_new(a, Interner);
  in->arena = a;
  return in;
}

void interner_destroy(Interner *in) {
  if (in) free(in->table);
}

static void grow(Interner *in) {
  size_t cap = in->cap ? 2 * in->cap : 256;
  Entry *table = xcalloc(cap, sizeof(Entry));
  for (size_t i = 0; i < in->cap; i++) {
    if (!in->table[i].s) continue;
    size_t at = in->table[i].hash & (cap - 1);
    while (table[at].s) at = (at + 1) & (cap - 1);
    table[at] = in->table[i];
  }
  free(in->table);
  in->table = table;
  in->cap = cap;
}

const char *intern_n(Interner *in, const char *s, size_t n) {
  if (4 * (in->len + 1) > 3 * in->cap) grow(in);
  uint64_t h = hash_bytes(s, n, 0);
  size_t at = h & (in->cap - 1);
  for (; in->table[at].s; at = (at + 1) & (in->cap - 1)) {
    Entry *e = &in->table[at];
    if (e->hash == h && e->len == n && !memcmp(e->s, s, n)) return e->s;
  }
  in->len++;
  in->table[at] = (Entry){h, n, arena_strndup(in->arena, s, n)};
  return in->table[at].s;
}

const char *intern(Interner *in, const char *s) { return intern_n(in, s, strlen(s)); }
