// Numbers by hash: of what has a hash the caller asks which is meant.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct IndexSlot {
  uint64_t hash;
  uint32_t number; // 1 more than it; 0: the slot is free
} IndexSlot;

typedef struct Index { // zeroed: empty
  IndexSlot *slots;    // open addressing
  size_t len, cap;     // cap: 0 or a power of two
} Index;

void index_free(Index *x);
void index_add(Index *x, uint64_t hash, uint32_t number);
// The next number that has the hash; *probe is 0 before the first. False: there is none.
bool index_next(const Index *x, uint64_t hash, size_t *probe, uint32_t *number);
