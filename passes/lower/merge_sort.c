// Merge sort from the bottom up (Knuth, The Art of Computer Programming 3, 5.2.4): passes that merge sorted runs of
// `width` elements into runs of twice as many, from one half of the memory to the other.
#include "passes/lower/merge_sort.h"

enum { MOST_PASSES = 40 }; // lists have at most 2^40 elements

typedef struct Merge {
  Kernel *k;
  LExpr *from, *to, *width, *count;
  SortPrecedes precedes;
  void *context;
} Merge;

// The runs from `lo` on, of at most `width` elements each, become one.
static void merge(Merge *m, LExpr *lo) {
  LBuilder *b = m->k->b;
  LExpr *mid = loop_let(b, "mid", lx_min(b, lx_add(b, lo, m->width), m->count));
  LExpr *hi = loop_let(b, "hi", lx_min(b, lx_add(b, mid, m->width), m->count));
  LVar *i = kernel_index(b, "i", lo), *j = kernel_index(b, "j", mid);
  LExpr *at = loop_for(b, "at", lo, hi, 1), *one = lx_int(b, 1);
  LExpr *l = loop_let(b, "l", lx_local(b, i)), *r = loop_let(b, "r", lx_local(b, j));
  LExpr *left = loop_let(b, "left", lx_load(b, m->from, lx_min(b, l, lx_sub(b, mid, one)), 1));
  LExpr *right = loop_let(b, "right", lx_load(b, m->from, lx_min(b, r, lx_sub(b, hi, one)), 1));
  LExpr *before = m->precedes(m->k, m->context, left, right);
  LExpr *takes = lx_op(b, LOOP_OR, lx_op(b, LOOP_LE, mid, l), before);
  takes = loop_let(b, "takes", lx_op(b, LOOP_AND, lx_op(b, LOOP_LT, r, hi), takes));
  loop_store(b, m->to, at, lx_select(b, takes, right, left));
  loop_set(b, i, lx_select(b, takes, l, lx_add(b, l, one)));
  loop_set(b, j, lx_select(b, takes, lx_add(b, r, one), r));
  loop_end_for(b);
}

LExpr *merge_sort(Kernel *k, LExpr *list, LExpr *room, LExpr *count, SortPrecedes precedes, void *context) {
  LBuilder *b = k->b;
  LVar *half = kernel_index(b, "half", lx_int(b, 0)), *width = kernel_index(b, "width", lx_int(b, 1));
  loop_for(b, "pass", lx_int(b, 0), lx_int(b, MOST_PASSES), 1);
  Merge m = {k, NULL, NULL, loop_let(b, "width", lx_local(b, width)), count, precedes, context};
  loop_if(b, lx_op(b, LOOP_LT, m.width, count));
  LExpr *from = loop_let(b, "from", lx_local(b, half)), *to = loop_let(b, "to", lx_sub(b, room, from));
  m.from = loop_let(b, "source", lx_add(b, list, from));
  m.to = loop_let(b, "target", lx_add(b, list, to));
  LExpr *twice = loop_let(b, "twice", lx_muli(b, m.width, 2));
  LExpr *pairs = lx_op(b, LOOP_DIV, lx_sub(b, lx_add(b, count, twice), lx_int(b, 1)), twice);
  LExpr *pair = loop_for(b, "pair", lx_int(b, 0), loop_let(b, "pairs", pairs), 1);
  merge(&m, loop_let(b, "lo", lx_mul(b, pair, twice)));
  loop_end_for(b);
  loop_set(b, half, to);
  loop_set(b, width, twice);
  loop_end_if(b);
  loop_end_for(b);
  return loop_let(b, "sorted", lx_add(b, list, lx_local(b, half)));
}
