// Sorting a list of numbers by what they stand for.
#pragma once
#include "passes/lower/kernel.h"

// Whether what `right` stands for is to stand before what `left` stands for; equal ones keep their order.
typedef LExpr *(*SortPrecedes)(Kernel *k, void *context, LExpr *left, LExpr *right);

// Sorts the first `count` of the i64 at `list`, behind which, from `room` >= count on, is memory for as many. Returns
// the pointer to the sorted ones, which is either of the two.
LExpr *merge_sort(Kernel *k, LExpr *list, LExpr *room, LExpr *count, SortPrecedes precedes, void *context);
