#include "frontend/map.h"
#include "ir/core/intern.h"
#include <stdlib.h>
#include <string.h>

// By content, so that the order of the table does not depend on addresses.
static struct MapEntry *slot(const Map *m, const char *key) {
  size_t i = (size_t)hash_bytes(key, strlen(key), 0);
  for (;; i++) {
    struct MapEntry *e = &m->table[i & (m->cap - 1)];
    if (!e->key || e->key == key) return e;
  }
}

void *map_get(const Map *m, const char *key) { return m->cap ? slot(m, key)->value : NULL; }

void map_set(Map *m, const char *key, void *value) {
  if (2 * (m->len + 1) > m->cap) {
    Map grown = {.cap = m->cap ? 2 * m->cap : 16};
    grown.table = xcalloc(grown.cap, sizeof *grown.table);
    for (size_t i = 0; i < m->cap; i++)
      if (m->table[i].key) *slot(&grown, m->table[i].key) = m->table[i];
    grown.len = m->len;
    free(m->table);
    *m = grown;
  }
  struct MapEntry *e = slot(m, key);
  if (!e->key) m->len++;
  *e = (struct MapEntry){key, value};
}

void map_free(Map *m) {
  free(m->table);
  *m = (Map){0};
}
