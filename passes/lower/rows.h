// Rows of numbers in memory, 16 at a time: what softmax, layer norm and means have in common. A row's vectors may lie
// apart (blocked layout); its last one may be partial.
#pragma once
#include "passes/lower/kernel.h"

typedef struct RowOf {
  LExpr *p;      // its first element
  LExpr *length; // elements
  LExpr *stride; // elements from one vector to the next
} RowOf;

// Calls `body` for each vector: offset of its first lane from p, its number, and the number of lanes that count (NULL:
// all 16).
typedef void (*RowBody)(void *context, LExpr *offset, LExpr *number, LExpr *lanes);
void row_for(Kernel *k, const RowOf *r, RowBody body, void *context);

// Tasks of several rows, so that no sum waits for itself: calls `body` with the group's image (of `images`), the first
// of its rows (of `rows` in each image), and their number. Returns the number of tasks.
typedef void (*RowGroup)(void *context, LExpr *image, LExpr *first, int rows);
Dim row_groups(Kernel *k, Dim images, Dim rows, RowGroup body, void *context);

// The vector at `offset`; lanes that do not count are `fill` (its table from kernel_tail, NULL for 0).
LExpr *row_load(Kernel *k, LExpr *p, LExpr *offset, LExpr *lanes, LExpr *fill);
void row_store(Kernel *k, LExpr *p, LExpr *offset, LExpr *v, LExpr *lanes);
