// Ops whose results are as long as a run finds: phases that find, one that counts and writes the count, then those that
// write what was found. From there on the count is a dimension like others.
#include "passes/lower/merge_sort.h"
#include "passes/lower/slices.h"

enum { CHUNK = 4096 }; // elements a task

static void increase(LBuilder *b, LVar *v) { loop_set(b, v, lx_addi(b, lx_local(b, v), 1)); }

static LBuffer *list_of(Lower *lw, const Node *n, const char *what, Dim elements) {
  const char *name = arena_printf(lw->p->arena, "%s%u", what, result(n)->id);
  return lower_new_buffer(lw, BUFFER_ARENA, name, DT_I64, dim_mul(lw->m->dims, elements, sizeof(int64_t)));
}

// How many each of `parts` has found becomes where it is to write; their sum is the node's count.
static void add_up(Lower *lw, const Node *n, LBuffer *found, Dim parts) {
  Kernel k = kernel_begin(lw, "add_up");
  LBuilder *b = k.b;
  LExpr *pf = kernel_buffer(&k, "found", found, ACCESS_INOUT), *pc = kernel_count(&k, "count", n), *t;
  Dim tasks = kernel_tasks(&k, 1, (Dim[]){1}, &t);
  LVar *sum = kernel_index(b, "sum", lx_int(b, 0));
  LExpr *i = loop_for(b, "i", lx_int(b, 0), kernel_dim(&k, parts), 1);
  LExpr *before = loop_let(b, "before", lx_local(b, sum)), *own = loop_let(b, "own", lx_load(b, pf, i, 1));
  loop_store(b, pf, i, before);
  loop_set(b, sum, lx_add(b, before, own));
  loop_end_for(b);
  loop_store(b, pc, lx_int(b, 0), lx_local(b, sum));
  kernel_finish(&k, n, tasks, 0, "");
}

// ---- nonzero

static LExpr *is_nonzero(LBuilder *b, LExpr *v) {
  v = lx_cast(b, kernel_computed_in(v->type.dtype), v);
  return lx_op(b, LOOP_NE, v, lx_const(b, v->type, 0));
}

static void find_nonzero(Lower *lw, Node *n, LBuffer *found, Dim total) {
  Kernel k = kernel_begin(lw, "nonzero");
  LBuilder *b = k.b;
  LExpr *px = kernel_in(&k, "x", operand(n, 0)), *pf = kernel_buffer(&k, "found", found, ACCESS_OUT), *t, *lo, *hi;
  Dim tasks = kernel_tasks(&k, 1, (Dim[]){kernel_pieces(lw, CHUNK, total)}, &t);
  kernel_piece(&k, t, CHUNK, total, &lo, &hi);
  LVar *sum = kernel_index(b, "sum", lx_int(b, 0));
  LExpr *i = loop_for(b, "i", lo, hi, 1);
  LExpr *one = lx_select(b, is_nonzero(b, lx_load(b, px, i, 1)), lx_int(b, 1), lx_int(b, 0));
  loop_set(b, sum, lx_add(b, lx_local(b, sum), one));
  loop_end_for(b);
  loop_store(b, pf, t, lx_local(b, sum));
  kernel_finish(&k, n, tasks, 0, "");
}

bool lower_nonzero(Lower *lw, Node *n) {
  const Type *t = operand(n, 0)->type;
  Dim total = lower_product(lw, t->dims, 0, t->rank), parts = kernel_pieces(lw, CHUNK, total);
  LBuffer *found = list_of(lw, n, "found", parts);
  find_nonzero(lw, n, found, total);
  add_up(lw, n, found, parts);
  Kernel k = kernel_begin(lw, "positions");
  LBuilder *b = k.b;
  LExpr *px = kernel_in(&k, "x", operand(n, 0)), *pf = kernel_buffer(&k, "found", found, ACCESS_IN),
        *py = kernel_out(&k, "y", result(n)), *part, *lo, *hi;
  Dim tasks = kernel_tasks(&k, 1, &parts, &part);
  kernel_piece(&k, part, CHUNK, total, &lo, &hi);
  LVar *at = kernel_index(b, "at", lx_load(b, pf, part, 1));
  LExpr *i = loop_for(b, "i", lo, hi, 1);
  loop_if(b, is_nonzero(b, lx_load(b, px, i, 1)));
  LExpr *row = loop_let(b, "row", lx_muli(b, lx_local(b, at), t->rank)), *rest = i;
  for (int d = t->rank - 1; d >= 0; d--) {
    LExpr *size = kernel_dim(&k, t->dims[d]);
    loop_store(b, py, lx_addi(b, row, d), d ? lx_op(b, LOOP_MOD, rest, size) : rest);
    if (d) rest = loop_let(b, "rest", lx_op(b, LOOP_DIV, rest, size));
  }
  increase(b, at);
  loop_end_if(b);
  loop_end_for(b);
  kernel_finish(&k, n, tasks, 0, "");
  return true;
}

// ---- nms

typedef struct Nms {
  Lower *lw;
  Node *n;
  Dim rows[2];           // pictures, classes
  Dim boxes, most;       // of a picture; left of a class, at most
  LBuffer *kept, *found; // [rows][most] numbers of boxes; [rows] how many
} Nms;

// Boxes that are left, a vector of 16 for each of 16 of them: corners and area; without an area there is none.
typedef enum Field { LOW_0, LOW_1, HIGH_0, HIGH_1, AREA, FIELDS } Field;

static LExpr *field_at(LBuilder *b, LExpr *fields, LExpr *box, Field f) {
  LExpr *block = lx_op(b, LOOP_DIV, box, lx_int(b, BLOCK)), *lane = lx_op(b, LOOP_MOD, box, lx_int(b, BLOCK));
  return lx_add(b, fields, lx_add(b, lx_addi(b, lx_muli(b, block, FIELDS * BLOCK), f * BLOCK), lane));
}

static void load_box(LBuilder *b, const Node *n, LExpr *p, LExpr *fields[FIELDS]) {
  bool center = NODE_ATTR(n, NMS, center)->i;
  LExpr *v[4];
  for (int i = 0; i < 4; i++) v[i] = loop_let(b, "side", lx_load(b, p, lx_int(b, i), 1));
  for (int i = 0; i < 2; i++) {
    LExpr *half = center ? loop_let(b, "half", lx_mul(b, v[2 + i], lx_const(b, L_F32, 0.5))) : NULL;
    fields[LOW_0 + i] = loop_let(b, "low", center ? lx_sub(b, v[i], half) : lx_min(b, v[i], v[2 + i]));
    fields[HIGH_0 + i] = loop_let(b, "high", center ? lx_add(b, v[i], half) : lx_max(b, v[i], v[2 + i]));
  }
  LExpr *sides[2];
  for (int i = 0; i < 2; i++) sides[i] = lx_sub(b, fields[HIGH_0 + i], fields[LOW_0 + i]);
  fields[AREA] = loop_let(b, "area", lx_mul(b, sides[0], sides[1]));
}

// Whether one of the first `count` boxes in `fields` overlaps this one by more than the threshold.
static LExpr *is_covered(LBuilder *b, const Node *n, LExpr *fields, LExpr *count, LExpr *const own[FIELDS]) {
  LType vector = L_F32X(BLOCK);
  LExpr *zero = lx_const(b, vector, 0), *wide[FIELDS], *other[FIELDS], *sides[2];
  for (int f = 0; f < FIELDS; f++) wide[f] = loop_let(b, "own", lx_splat(b, BLOCK, own[f]));
  LVar *any = loop_local(b, "any", vector, 0, NULL);
  loop_set(b, any, zero);
  LExpr *first = loop_for(b, "first", lx_int(b, 0), count, BLOCK), *block = lx_muli(b, first, FIELDS);
  for (int f = 0; f < FIELDS; f++)
    other[f] = loop_let(b, "other", lx_load(b, fields, lx_addi(b, block, f * BLOCK), BLOCK));
  for (int i = 0; i < 2; i++) {
    LExpr *high = lx_min(b, other[HIGH_0 + i], wide[HIGH_0 + i]), *low = lx_max(b, other[LOW_0 + i], wide[LOW_0 + i]);
    sides[i] = loop_let(b, "side", lx_sub(b, high, low));
  }
  LExpr *both = loop_let(b, "both", lx_mul(b, sides[0], sides[1]));
  LExpr *all = loop_let(b, "all", lx_sub(b, lx_add(b, wide[AREA], other[AREA]), both));
  LExpr *positive[] = {sides[0], sides[1], wide[AREA], other[AREA], all};
  double threshold = (float)NODE_ATTR(n, NMS, iou_threshold)->f;
  LExpr *hit = lx_op(b, LOOP_LT, lx_const(b, vector, threshold), lx_op(b, LOOP_DIV, both, all));
  for (int i = 0; i < 5; i++) hit = lx_op(b, LOOP_AND, hit, lx_op(b, LOOP_LT, zero, positive[i]));
  loop_set(b, any, lx_max(b, lx_local(b, any), lx_select(b, hit, lx_const(b, vector, 1), zero)));
  loop_end_for(b);
  return lx_op(b, LOOP_LT, lx_const(b, L_F32, 0), lx_unary(b, LOOP_REDUCE_MAX, lx_local(b, any)));
}

static LExpr *scores_better(Kernel *k, void *scores, LExpr *left, LExpr *right) {
  return lx_op(k->b, LOOP_LT, lx_load(k->b, scores, left, 1), lx_load(k->b, scores, right, 1));
}

// The boxes whose score counts, best first; their number into *count.
static LExpr *candidates(Kernel *k, const Nms *s, LExpr *scores, LExpr **count) {
  LBuilder *b = k->b;
  const Attr *least = NODE_ATTR(s->n, NMS, score_threshold);
  LExpr *boxes = kernel_dim(k, s->boxes);
  LExpr *list = kernel_scratch(k, "list", DT_I64, dim_mul(s->lw->m->dims, s->boxes, 2 * sizeof(int64_t)));
  LVar *m = kernel_index(b, "m", lx_int(b, 0));
  LExpr *i = loop_for(b, "i", lx_int(b, 0), boxes, 1), *v = loop_let(b, "score", lx_load(b, scores, i, 1));
  loop_if(b, least->n ? lx_op(b, LOOP_LT, lx_const(b, L_F32, (float)least->floats[0]), v) : lx_op(b, LOOP_EQ, v, v));
  loop_store(b, list, lx_local(b, m), i);
  increase(b, m);
  loop_end_if(b);
  loop_end_for(b);
  *count = loop_let(b, "candidates", lx_local(b, m));
  return merge_sort(k, list, boxes, *count, scores_better, scores);
}

static LExpr *no_boxes(Kernel *k, const Nms *s) {
  LBuilder *b = k->b;
  DimTable *dims = s->lw->m->dims;
  Dim elements = dim_mul(dims, kernel_pieces(s->lw, BLOCK, s->most), FIELDS * BLOCK);
  LExpr *fields = kernel_scratch(k, "fields", DT_F32, dim_mul(dims, elements, sizeof(float)));
  LExpr *i = loop_for(b, "i", lx_int(b, 0), kernel_dim(k, elements), BLOCK);
  loop_store(b, fields, i, lx_const(b, L_F32X(BLOCK), 0));
  loop_end_for(b);
  return fields;
}

// A task a class of a picture.
static void suppress(const Nms *s) {
  Kernel k = kernel_begin(s->lw, "nms");
  LBuilder *b = k.b;
  LExpr *px = kernel_in(&k, "boxes", operand(s->n, IN_NMS_boxes)), *t[2],
        *ps = kernel_in(&k, "scores", operand(s->n, IN_NMS_scores)),
        *pk = kernel_buffer(&k, "kept", s->kept, ACCESS_OUT), *pf = kernel_buffer(&k, "found", s->found, ACCESS_OUT);
  Dim tasks = kernel_tasks(&k, 2, s->rows, t);
  LExpr *boxes = kernel_dim(&k, s->boxes), *most = kernel_dim(&k, s->most), *count;
  LExpr *row = loop_let(b, "row", lx_add(b, lx_mul(b, t[0], kernel_dim(&k, s->rows[1])), t[1]));
  LExpr *scores = loop_let(b, "own_scores", lx_add(b, ps, lx_mul(b, row, boxes)));
  LExpr *own = loop_let(b, "own_boxes", lx_add(b, px, lx_muli(b, lx_mul(b, t[0], boxes), 4)));
  LExpr *list = loop_let(b, "own_kept", lx_add(b, pk, lx_mul(b, row, most)));
  LExpr *sorted = candidates(&k, s, scores, &count), *fields = no_boxes(&k, s);
  LVar *found = kernel_index(b, "found", lx_int(b, 0));
  LExpr *i = loop_for(b, "i", lx_int(b, 0), count, 1), *so_far = loop_let(b, "so_far", lx_local(b, found));
  loop_if(b, lx_op(b, LOOP_LT, so_far, most));
  LExpr *box = loop_let(b, "box", lx_load(b, sorted, i, 1)), *values[FIELDS];
  load_box(b, s->n, loop_let(b, "at", lx_add(b, own, lx_muli(b, box, 4))), values);
  loop_if(b, is_covered(b, s->n, fields, so_far, values));
  loop_else(b);
  for (int f = 0; f < FIELDS; f++)
    loop_store(b, loop_let(b, "field", field_at(b, fields, so_far, (Field)f)), lx_int(b, 0), values[f]);
  loop_store(b, list, so_far, box);
  increase(b, found);
  loop_end_if(b);
  loop_end_if(b);
  loop_end_for(b);
  loop_store(b, pf, row, lx_local(b, found));
  kernel_finish(&k, s->n, tasks, 0, "");
}

static void write_selected(const Nms *s) {
  Kernel k = kernel_begin(s->lw, "selected");
  LBuilder *b = k.b;
  LExpr *pk = kernel_buffer(&k, "kept", s->kept, ACCESS_IN), *pf = kernel_buffer(&k, "found", s->found, ACCESS_IN),
        *py = kernel_out(&k, "y", result(s->n)), *t[2];
  Dim tasks = kernel_tasks(&k, 2, s->rows, t), all = dim_mul(s->lw->m->dims, s->rows[0], s->rows[1]);
  LExpr *row = loop_let(b, "row", lx_add(b, lx_mul(b, t[0], kernel_dim(&k, s->rows[1])), t[1]));
  LExpr *last = lx_addi(b, kernel_dim(&k, all), -1), *next = lx_min(b, lx_addi(b, row, 1), last);
  LExpr *begin = loop_let(b, "first", lx_load(b, pf, row, 1));
  LExpr *end = lx_select(b, lx_op(b, LOOP_LT, row, last), lx_load(b, pf, next, 1), kernel_dim(&k, graph_count(s->n)));
  LExpr *i = loop_for(b, "i", begin, loop_let(b, "behind", end), 1);
  LExpr *at = lx_add(b, lx_mul(b, row, kernel_dim(&k, s->most)), lx_sub(b, i, begin));
  LExpr *values[] = {t[0], t[1], lx_load(b, pk, at, 1)};
  for (int c = 0; c < 3; c++) loop_store(b, py, lx_addi(b, lx_muli(b, i, 3), c), values[c]);
  loop_end_for(b);
  kernel_finish(&k, s->n, tasks, 0, "");
}

bool lower_nms(Lower *lw, Node *n) {
  const Type *scores = operand(n, IN_NMS_scores)->type;
  DimTable *dims = lw->m->dims;
  Nms s = {.lw = lw, .n = n, .rows = {scores->dims[0], scores->dims[1]}, .boxes = scores->dims[2]};
  s.most = dim_min(dims, s.boxes, NODE_ATTR(n, NMS, max_output)->ints[0]);
  Dim rows = dim_mul(dims, s.rows[0], s.rows[1]);
  s.kept = list_of(lw, n, "kept", dim_mul(dims, rows, s.most));
  s.found = list_of(lw, n, "found", rows);
  suppress(&s);
  add_up(lw, n, s.found, rows);
  write_selected(&s);
  return true;
}

// ---- unique

typedef struct Slices {
  LExpr *x, *outer, *size, *inner;
  bool elements; // outer and inner are 1
} Slices;

// v before w: NaN stands behind all others.
static LExpr *before(LBuilder *b, LExpr *v, LExpr *w) {
  LExpr *less = lx_op(b, LOOP_LT, v, w);
  if (!dtype_is_float(v->type.dtype)) return less;
  return lx_op(b, LOOP_OR, less, lx_op(b, LOOP_AND, lx_op(b, LOOP_EQ, v, v), lx_op(b, LOOP_NE, w, w)));
}

static LExpr *element(Kernel *k, LExpr *x, LExpr *at) {
  LExpr *v = lx_load(k->b, x, at, 1);
  return loop_let(k->b, "v", lx_cast(k->b, kernel_computed_in(v->type.dtype), v));
}

// Slices by their first elements that differ.
static LExpr *slice_before(Kernel *k, void *context, LExpr *left, LExpr *right) {
  const Slices *s = context;
  LBuilder *b = k->b;
  if (s->elements) return loop_let(b, "before", before(b, element(k, s->x, right), element(k, s->x, left)));
  LVar *order = kernel_index(b, "order", lx_int(b, 0)); // 1: right before left; 2: left before right
  LExpr *o = loop_for(b, "o", lx_int(b, 0), s->outer, 1), *i = loop_for(b, "i", lx_int(b, 0), s->inner, 1), *v[2];
  loop_if(b, lx_op(b, LOOP_EQ, lx_local(b, order), lx_int(b, 0)));
  for (int side = 0; side < 2; side++) {
    LExpr *slice = lx_add(b, lx_mul(b, o, s->size), side ? right : left);
    v[side] = element(k, s->x, lx_add(b, lx_mul(b, slice, s->inner), i));
  }
  LExpr *behind = lx_select(b, before(b, v[0], v[1]), lx_int(b, 2), lx_int(b, 0));
  loop_set(b, order, lx_select(b, before(b, v[1], v[0]), lx_int(b, 1), behind));
  loop_end_if(b);
  loop_end_for(b);
  loop_end_for(b);
  return loop_let(b, "before", lx_op(b, LOOP_EQ, lx_local(b, order), lx_int(b, 1)));
}

typedef struct Groups {
  LExpr *indices, *counts, *place; // of each group: its first slice, how many; of its first slice: its number
  LVar *found;
} Groups;

static void open_group(LBuilder *b, const Groups *g, LExpr *first) {
  LExpr *at = loop_let(b, "group", lx_local(b, g->found));
  loop_store(b, g->indices, at, first);
  loop_store(b, g->counts, at, lx_int(b, 0));
  loop_store(b, g->place, first, at);
  increase(b, g->found);
}

// One task: sorts the slices' numbers, walks them group by group, and numbers the groups as they are to stand.
static void find_groups(Lower *lw, Node *n, const Dim extents[3]) {
  bool sorted = NODE_ATTR(n, UNIQUE, sorted)->i;
  Kernel k = kernel_begin(lw, "unique");
  LBuilder *b = k.b;
  LExpr *px = kernel_in(&k, "x", operand(n, 0)), *pi = kernel_out(&k, "inverse", n->results[2]), *t,
        *list = kernel_buffer(&k, "list", list_of(lw, n, "order", dim_mul(lw->m->dims, extents[1], 2)), ACCESS_INOUT),
        *first = kernel_buffer(&k, "firsts", list_of(lw, n, "firsts", extents[1]), ACCESS_INOUT);
  Groups g = {kernel_out(&k, "indices", n->results[1]), kernel_inout(&k, "counts", n->results[3]),
              kernel_buffer(&k, "place", list_of(lw, n, "places", extents[1]), ACCESS_INOUT), NULL};
  LExpr *pc = kernel_count(&k, "count", n);
  Dim tasks = kernel_tasks(&k, 1, (Dim[]){1}, &t);
  LExpr *zero = lx_int(b, 0), *size = kernel_dim(&k, extents[1]);
  Slices s = {px, kernel_dim(&k, extents[0]), size, kernel_dim(&k, extents[2]), extents[0] == 1 && extents[2] == 1};
  LExpr *i = loop_for(b, "i", zero, size, 1);
  loop_store(b, list, i, i);
  loop_end_for(b);
  LExpr *order = merge_sort(&k, list, size, size, slice_before, &s);
  g.found = kernel_index(b, "found", zero);
  LVar *start = kernel_index(b, "start", zero);
  i = loop_for(b, "i", zero, size, 1);
  LExpr *own = loop_let(b, "own", lx_load(b, order, i, 1));
  LExpr *last = loop_let(b, "last", lx_load(b, order, lx_max(b, lx_addi(b, i, -1), zero), 1));
  LExpr *differs = slice_before(&k, &s, own, last);
  loop_if(b, lx_op(b, LOOP_OR, lx_op(b, LOOP_EQ, i, zero), differs));
  loop_set(b, start, own);
  if (sorted) open_group(b, &g, own);
  loop_end_if(b);
  loop_store(b, first, own, lx_local(b, start));
  loop_end_for(b);
  if (!sorted) {
    i = loop_for(b, "i", zero, size, 1);
    loop_if(b, lx_op(b, LOOP_EQ, lx_load(b, first, i, 1), i));
    open_group(b, &g, i);
    loop_end_if(b);
    loop_end_for(b);
  }
  i = loop_for(b, "i", zero, size, 1);
  LExpr *group = loop_let(b, "group", lx_load(b, g.place, lx_load(b, first, i, 1), 1));
  loop_store(b, pi, i, group);
  loop_store(b, g.counts, group, lx_addi(b, lx_load(b, g.counts, group, 1), 1));
  loop_end_for(b);
  loop_store(b, pc, zero, lx_local(b, g.found));
  kernel_finish(&k, n, tasks, 0, "");
}

bool lower_unique(Lower *lw, Node *n) {
  Value *x = operand(n, 0);
  const Attr *dim = NODE_ATTR(n, UNIQUE, dim);
  Dim extents[3] = {1, lower_product(lw, x->type->dims, 0, x->type->rank), 1};
  if (dim->n) lower_extents(lw, x->type, (int)dim->ints[0], extents);
  find_groups(lw, n, extents);
  lower_slices(lw, n, x, extents, n->results[1], n->results[0]);
  return true;
}
