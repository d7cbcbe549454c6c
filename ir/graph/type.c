// Types, interned a module.
#include "ir/core/check.h"
#include "ir/core/checked.h"
#include "ir/graph/internal.h"
#include <string.h>

struct TypeTable {
  const Type **slots; // open addressing, power of two
  size_t len, cap;
};

TypeTable *type_table_create(void) { return xcalloc(1, sizeof(TypeTable)); }

void type_table_destroy(TypeTable *t) {
  if (!t) return;
  free(t->slots);
  free(t);
}

static size_t type_size(int rank) { return sizeof(Type) + sizeof(Dim) * (size_t)rank; }

static uint64_t type_hash(const Type *t) {
  uint64_t seed = (uint64_t)t->dtype << 16 | (uint64_t)t->rank << 8 | (uint8_t)t->blocked_axis;
  return hash_bytes(t->dims, sizeof(Dim) * (size_t)t->rank, seed);
}

static bool type_same(const Type *a, const Type *b) {
  return a->dtype == b->dtype && a->rank == b->rank && a->blocked_axis == b->blocked_axis &&
         !memcmp(a->dims, b->dims, sizeof(Dim) * (size_t)a->rank);
}

static const Type **find_slot(TypeTable *t, const Type *type) {
  size_t at = type_hash(type) & (t->cap - 1);
  while (t->slots[at] && !type_same(t->slots[at], type)) at = (at + 1) & (t->cap - 1);
  return &t->slots[at];
}

static void grow(TypeTable *t) {
  TypeTable old = *t;
  t->cap = old.cap ? 2 * old.cap : 64;
  t->slots = xcalloc(t->cap, sizeof *t->slots);
  for (size_t i = 0; i < old.cap; i++)
    if (old.slots[i]) *find_slot(t, old.slots[i]) = old.slots[i];
  free(old.slots);
}

static const Type *type_intern(Module *m, const Type *type) {
  TypeTable *t = m->types;
  if (2 * (t->len + 1) > t->cap) grow(t);
  const Type **slot = find_slot(t, type);
  if (!*slot) {
    *slot = arena_memdup(m->arena, type, type_size(type->rank));
    t->len++;
  }
  return *slot;
}

typedef union TypeBuffer {
  Type type;
  char room[sizeof(Type) + sizeof(Dim) * MAX_RANK];
} TypeBuffer;

static const Type *type_make(Module *m, DType dtype, int rank, int axis, const Dim *dims) {
  CHECK(rank >= 0 && rank <= MAX_RANK, "a type of rank %d", rank);
  CHECK(axis >= -1 && axis < rank, "a type of rank %d blocked along %d", rank, axis);
  TypeBuffer b;
  memset(&b, 0, sizeof b); // no padding bytes reach the hash
  b.type = (Type){.dtype = dtype, .rank = rank, .blocked_axis = axis};
  if (rank) memcpy(b.room + offsetof(Type, dims), dims, sizeof(Dim) * (size_t)rank);
  return type_intern(m, &b.type);
}

const Type *type_get(Module *m, DType dtype, int rank, const Dim *dims) { return type_make(m, dtype, rank, -1, dims); }

const Type *type_with_dtype(Module *m, const Type *t, DType dtype) {
  return type_make(m, dtype, t->rank, t->blocked_axis, t->dims);
}

const Type *type_blocked(Module *m, const Type *t, int axis) {
  return axis == t->blocked_axis ? t : type_make(m, t->dtype, t->rank, axis, t->dims);
}

static Dim product(Module *m, const Type *t, bool padded) {
  const int64_t most = padded ? MAX_ELEMENTS * BLOCK : MAX_ELEMENTS; // a block may hold one channel
  Dim n = 1;
  for (int i = 0; i < t->rank; i++) {
    Dim d = t->dims[i];
    if (padded && i == t->blocked_axis)
      d = dim_mul(m->dims, dim_floordiv(m->dims, dim_add(m->dims, d, BLOCK - 1), BLOCK), BLOCK);
    n = dim_mul(m->dims, n, d);
    int64_t min, max;
    dim_range(m->dims, n, &min, &max);
    if (n == DIM_INVALID || min > most) return DIM_INVALID;
  }
  return n;
}

Dim type_elements(Module *m, const Type *t) { return product(m, t, false); }

Dim type_bytes(Module *m, const Type *t) { return dim_mul(m->dims, product(m, t, true), (Dim)dtype_size(t->dtype)); }

void type_print(const Module *m, const Type *t, StrBuf *out) {
  strbuf_puts(out, dtype_name(t->dtype));
  strbuf_putc(out, '[');
  for (int i = 0; i < t->rank; i++) {
    if (i) strbuf_puts(out, ", ");
    dim_print(m->dims, t->dims[i], out);
  }
  strbuf_putc(out, ']');
  if (t->blocked_axis >= 0) strbuf_printf(out, "{C%d@%d}", BLOCK, t->blocked_axis);
}

const char *type_str(Module *m, const Type *t) {
  StrBuf b = {0};
  type_print(m, t, &b);
  const char *s = arena_strdup(m->arena, strbuf_str(&b));
  strbuf_free(&b);
  return s;
}
