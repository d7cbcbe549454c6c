// Dimensions: integers known when a model is compiled, or expressions in the model's symbolic dimensions (N, H, W).
// A constant is its own value; an expression is DIM_SYMBOLIC + its index in the table. Equal expressions are equal
// Dims: expressions are interned in a normal form (sums of products with sorted terms, constants folded).
#pragma once
#include "ir/core/arena.h"
#include "ir/core/strbuf.h"
#include <stdbool.h>
#include <stdint.h>

typedef int64_t Dim;
#define DIM_SYMBOLIC (INT64_C(1) << 62)
// What arithmetic yields that overflowed or divided by zero; contagious, never const. Report it, do not use it.
#define DIM_INVALID INT64_MAX

static inline bool dim_is_const(Dim d) { return d < DIM_SYMBOLIC; }

enum { MAX_OPEN = 16, MAX_COUNTS = 48, MAX_SYMBOLS = MAX_OPEN + MAX_COUNTS };

// An open dimension, whose value the caller of a model gives; or a count, which a run finds: how many boxes are left.
// Counts stand behind the open dimensions.
typedef struct Symbol {
  const char *name;
  int64_t min, max; // inclusive; max INT64_MAX/4 when the user gave none
  bool is_count;
  Dim capacity; // of a count: the most that it can be, in open dimensions
} Symbol;

typedef struct DimTable DimTable;

DimTable *dim_table_create(Arena *a);                   // lives in the arena
void dim_table_destroy(DimTable *t);                    // frees its index; the arena frees the rest
DimTable *dim_table_clone(const DimTable *t, Arena *a); // every Dim means the same in the copy

// The open dimension, made if new (then with [1, max]); DIM_INVALID when there are MAX_OPEN already, or counts.
Dim dim_symbol(DimTable *t, const char *name, int64_t max);
int dim_symbol_count(const DimTable *t); // in order of appearance, which is the order of run-time arguments
int dim_open_count(const DimTable *t);   // of open dimensions alone
const Symbol *dim_symbol_at(const DimTable *t, int i);
int dim_symbol_index(const DimTable *t, Dim d); // -1 when d is not a bare symbol

Dim dim_add(DimTable *t, Dim a, Dim b);
Dim dim_sub(DimTable *t, Dim a, Dim b);
Dim dim_mul(DimTable *t, Dim a, Dim b);
Dim dim_floordiv(DimTable *t, Dim a, Dim b);
Dim dim_mod(DimTable *t, Dim a, Dim b);
Dim dim_min(DimTable *t, Dim a, Dim b); // folds where the difference's range decides
Dim dim_max(DimTable *t, Dim a, Dim b);
// Comparisons and logic yield 0 or 1, folded where ranges decide.
Dim dim_eq(DimTable *t, Dim a, Dim b);
Dim dim_lt(DimTable *t, Dim a, Dim b);
Dim dim_le(DimTable *t, Dim a, Dim b);
Dim dim_and(DimTable *t, Dim a, Dim b);
Dim dim_or(DimTable *t, Dim a, Dim b);
Dim dim_not(DimTable *t, Dim a);

// Bounds over the symbols' ranges (conservative, saturated).
void dim_range(const DimTable *t, Dim d, int64_t *min, int64_t *max);
// The value where symbol i is values[i]; saturates on overflow.
int64_t dim_eval(const DimTable *t, Dim d, const int64_t *values);

// ---- counts (dim_count.c)
// A new count, in [0, capacity], named `stem`, with a number behind it where that is taken. The capacity may have other
// counts in it, which stand for theirs. DIM_INVALID when there are MAX_COUNTS already, or the capacity is invalid.
Dim dim_count(DimTable *t, const char *stem, Dim capacity);
// A bit for each symbol of d that is a count: 0 where d is known before a run.
uint64_t dim_counts(const DimTable *t, Dim d);
// The most that d can be whatever its counts are, in open dimensions; d itself where it has none.
Dim dim_capacity(DimTable *t, Dim d);
// Gives a count another capacity, in open dimensions, no larger than it has.
void dim_set_capacity(DimTable *t, int symbol, Dim capacity);
// Each count's value becomes its capacity at the open dimensions' values, which stand before.
void dim_fill_counts(const DimTable *t, int64_t *values);
// The value of each symbol where open dimensions are at their least and counts at their capacity.
void dim_least(const DimTable *t, int64_t *values);

// `N`, `4*N + 1`, `(H + 1) // 2`, `max(N, 4)`, `N == 4`; as the readers of both IRs read it.
void dim_print(const DimTable *t, Dim d, StrBuf *out);
// Reads what dim_print wrote, from *s, which is moved past it; known symbols only. DIM_INVALID on a syntax error.
Dim dim_parse(DimTable *t, const char **s);

// For code that walks an expression (code generation): its operator and operands.
typedef enum DimOp {
  DIM_CONST,
  DIM_SYMBOL,
  DIM_ADD,
  DIM_MUL,
  DIM_FLOORDIV,
  DIM_MOD,
  DIM_MIN,
  DIM_MAX,
  DIM_EQ,
  DIM_LT,
  DIM_LE,
  DIM_AND,
  DIM_OR,
  DIM_NOT
} DimOp;
DimOp dim_op(const DimTable *t, Dim d, int *n, const Dim **operands); // operands are valid until the table grows
