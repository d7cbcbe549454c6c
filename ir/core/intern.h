// One pointer a distinct string: interned names compare with ==.
#pragma once
#include "ir/core/arena.h"
#include <stdint.h>

typedef struct Interner Interner;

Interner *interner_create(Arena *a); // lives in, and dies with, the arena; its table is freed by interner_destroy
void interner_destroy(Interner *in);
const char *intern(Interner *in, const char *s);
const char *intern_n(Interner *in, const char *s, size_t n);

// 64 bits of any bytes, chained through `seed`.
uint64_t hash_bytes(const void *p, size_t n, uint64_t seed);
