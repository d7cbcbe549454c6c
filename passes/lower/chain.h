// Pointwise and depthwise convolutions that follow each other, row by row: an expansion, a depthwise convolution and a
// projection, or two of them. What lies between is a few rows in a thread's memory and is never written out.
#pragma once
#include "passes/lower/window.h"

// What is computed at once; expand or project may be missing. Rows of the expansion are in a ring: each is there from
// the first output row that sees it to the last. Tasks are bands of output rows (of some panels, where nothing sums
// over them all), and the expansion's rows that two bands see are computed by both.
typedef struct Chain {
  const Node *expand, *middle, *project;
  Window w; // of the middle one
  Dim images;
  int64_t panels; // of the middle one
  int64_t extent; // rows that a window sees
  int64_t ring;   // rows that are kept: a power of two
  int64_t group;  // panels of a task
  int64_t rows;   // of a band
  Dim bands;
} Chain;

// Takes convolution n if it is computed together with its neighbours. False: it is lowered alone.
bool chain_takes(Lower *lw, Node *n);

// ---- chain_choice.c
// The chain that begins with n and pays. False: there is none.
bool chain_choose(Lower *lw, const Node *n, Chain *c);
// The chain whose last node is n and whose others are deferred. False: none is.
bool chain_ends(Lower *lw, const Node *n, Chain *c);
// "a, b, c", for remarks
const char *chain_label(Lower *lw, const Chain *c);
static inline const Node *chain_first(const Chain *c) { return c->expand ? c->expand : c->middle; }
static inline const Node *chain_last(const Chain *c) { return c->project ? c->project : c->middle; }
