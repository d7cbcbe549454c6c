// The table of dimension expressions, for dim.c (what an expression is) and dim_poly.c (how it is simplified).
#pragma once
#include "ir/core/dim.h"
#include "ir/core/vec.h"

#define DIM_LIMIT (DIM_SYMBOLIC - 1) // constants and bounds lie in [-DIM_LIMIT, DIM_LIMIT]

typedef struct DimExpr {
  DimOp op;
  int n, size, symbol; // operands; nodes when written out; DIM_SYMBOL: its index
  int64_t min, max;
  uint64_t counts; // see dim_counts
  uint64_t hash;
  Dim operands[];
} DimExpr;

struct DimTable {
  Arena *arena;
  int n_symbols;
  Symbol symbols[MAX_SYMBOLS];
  Dim symbol_dims[MAX_SYMBOLS];
  Vec(DimExpr *) exprs;
  size_t *index, cap; // open addressing, power of two; expression number + 1
};

typedef struct DimRange {
  int64_t min, max;
} DimRange;

const DimExpr *dim_expr(const DimTable *t, Dim d); // of what is no constant
// The expression of these operands, made if new; DIM_INVALID when it would be too large.
Dim dim_make(DimTable *t, DimOp op, int n, const Dim *operands);
// A symbol, made new behind the others.
Dim dim_add_symbol(DimTable *t, Symbol s);
// A total order by structure: constants, symbols by appearance, then by operator and operands.
int dim_order(const DimTable *t, Dim a, Dim b);
DimRange dim_bounds(const DimTable *t, Dim d);
int64_t dim_apply(DimOp op, int64_t a, int64_t b); // saturated; x // 0 and x % 0 are 0
