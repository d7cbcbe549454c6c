// Interned names to pointers.
#pragma once
#include <stddef.h>

typedef struct Map {
  struct MapEntry {
    const char *key;
    void *value;
  } * table; // open addressing, power of two
  size_t len, cap;
} Map;

void *map_get(const Map *m, const char *key); // NULL: absent
void map_set(Map *m, const char *key, void *value);
void map_free(Map *m);
