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

enum { MAX_SYMBOLS = 16 };

typedef struct Symbol {
  const char *name;
  int64_t min, max; // inclusive; max INT64_MAX/4 when the user gave none
} Symbol;

typedef struct DimTable DimTable;

DimTable *dim_table_create(Arena *a);                   // lives in the arena
void dim_table_destroy(DimTable *t);                    // frees its index; the arena frees the rest
DimTable *dim_table_clone(const DimTable *t, Arena *a); // every Dim means the same in the copy

// The symbol's dimension, made if new (then with [1, max]); DIM_INVALID when there are MAX_SYMBOLS already.
Dim dim_symbol(DimTable *t, const char *name, int64_t max);
int dim_symbol_count(const DimTable *t); // in order of appearance, which is the order of run-time arguments
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
