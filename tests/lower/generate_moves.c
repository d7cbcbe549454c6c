// Random nodes that move elements and compute nothing.
#include "tests/lower/generator.h"

static Attr *with_ints(Generator *g, OpKind op, int at, int n, const int64_t *v) {
  Attr *a = defaults(g, op);
  a[at] = ints(g, a[at].kind ? a[at].kind : op_attr(op, at)->kind, n, v);
  return a;
}

static Attr *with_number(Generator *g, OpKind op, int at, int64_t v) {
  Attr *a = defaults(g, op);
  a[at] = number(v);
  return a;
}

Value *generate_dimension(Generator *g, Value *x) {
  int rank = x->type->rank;
  if (rank > 5) return NULL;
  switch (below(g, 5)) {
  case 0: return add_unary(g, OP_SQUEEZE, x, NULL);
  case 1: return add_unary(g, OP_UNSQUEEZE, x, with_number(g, OP_UNSQUEEZE, ATTR_UNSQUEEZE_dim, below(g, rank + 1)));
  case 2: {
    int added = (int)below(g, 2);
    int64_t size[MAX_RANK];
    for (int i = 0; i < rank + added; i++) {
      bool grows = i < added || x->type->dims[i - added] == 1;
      size[i] = grows ? between(g, 1, 5) : x->type->dims[i - added];
    }
    return add_unary(g, OP_EXPAND, x, with_ints(g, OP_EXPAND, ATTR_EXPAND_size, rank + added, size));
  }
  case 3: {
    Value *parts[3] = {x, chance(g, 50) ? x : any(g), x};
    return add(g, OP_STACK, (int)between(g, 1, 3), parts, with_number(g, OP_STACK, ATTR_STACK_dim, below(g, rank + 1)));
  }
  default: {
    int64_t axis = below(g, rank + 1);
    if (!known(x->type, (int)axis)) return NULL;
    Attr *a = with_number(g, OP_CHUNK, ATTR_CHUNK_chunks, between(g, 1, 4));
    SET(a, CHUNK, dim, number(axis));
    return add_unary(g, OP_CHUNK, x, a);
  }
  }
}

Value *generate_order(Generator *g, Value *x) {
  int64_t axes[MAX_RANK], shifts[MAX_RANK];
  int n = 0;
  for (int i = 0; i < x->type->rank; i++) {
    if (!known(x->type, i) || chance(g, 50)) continue;
    axes[n] = i;
    shifts[n++] = between(g, -3, 20);
  }
  switch (below(g, 5)) {
  case 0: {
    Attr *a = with_ints(g, OP_ROLL, ATTR_ROLL_shifts, n, shifts);
    SET(a, ROLL, dims, ints(g, ATTR_INTS, n, axes));
    return add_unary(g, OP_ROLL, x, a);
  }
  case 1: return add_unary(g, OP_FLIP, x, with_ints(g, OP_FLIP, ATTR_FLIP_dims, n, axes));
  case 2:
    return add_unary(g, OP_PIXEL_SHUFFLE, x,
                     with_number(g, OP_PIXEL_SHUFFLE, ATTR_PIXEL_SHUFFLE_upscale_factor, between(g, 1, 3)));
  case 3:
    return add_unary(g, OP_PIXEL_UNSHUFFLE, x,
                     with_number(g, OP_PIXEL_UNSHUFFLE, ATTR_PIXEL_UNSHUFFLE_downscale_factor, between(g, 1, 3)));
  default:
    return add_unary(g, OP_CHANNEL_SHUFFLE, x,
                     with_number(g, OP_CHANNEL_SHUFFLE, ATTR_CHANNEL_SHUFFLE_groups, between(g, 1, 4)));
  }
}

Value *generate_selection(Generator *g, Value *x) {
  int64_t start = between(g, -2, 3), step = chance(g, 70) ? 1 : between(g, 2, 3), count = between(g, 1, 9);
  Attr *a = with_ints(g, OP_ARANGE, ATTR_ARANGE_start, 1, &start);
  SET(a, ARANGE, end, ints(g, ATTR_DIMS, 1, (int64_t[]){start + count * step}));
  SET(a, ARANGE, step, number(step));
  Value *index = add(g, OP_ARANGE, 0, NULL, a);
  if (!index || !x->type->rank) return NULL;
  g->pool.len--; // integers
  int64_t axis = below(g, x->type->rank);
  if (chance(g, 30) && x->type->rank == 2) return add(g, OP_EMBEDDING, 2, (Value *[]){index, x}, NULL);
  if (chance(g, 30) && x->type->rank == 1)
    return add(g, OP_GATHER, 2, (Value *[]){x, index}, with_number(g, OP_GATHER, ATTR_GATHER_dim, 0));
  return add(g, OP_INDEX_SELECT, 2, (Value *[]){x, index},
             with_number(g, OP_INDEX_SELECT, ATTR_INDEX_SELECT_dim, axis));
}

Value *generate_resized(Generator *g, Value *x) {
  static const char *const modes[] = {"nearest", "bilinear", "bicubic"};
  int mode = (int)below(g, 3);
  Attr *a = defaults(g, OP_INTERPOLATE);
  a[ATTR_INTERPOLATE_mode].s = intern(g->m->names, modes[mode]);
  if (mode) SET(a, INTERPOLATE, align_corners, flag(chance(g, 30)));
  if (mode) SET(a, INTERPOLATE, antialias, flag(chance(g, 30)));
  double factors[2] = {(double)between(g, 1, 12) / 4, (double)between(g, 1, 12) / 4};
  if (chance(g, 50))
    a[ATTR_INTERPOLATE_size] = ints(g, ATTR_DIMS, 2, (int64_t[]){between(g, 1, 9), between(g, 1, 9)});
  else
    a[ATTR_INTERPOLATE_scale_factor] =
        (Attr){ATTR_FLOATS, 2, {.floats = arena_memdup(g->m->arena, factors, sizeof factors)}};
  return add_unary(g, OP_INTERPOLATE, x, a);
}
