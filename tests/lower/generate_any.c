// Nodes of any op of the table, on values of any element type: operands and attributes are drawn by what their rows in
// ops.def say, and shape inference decides whether they fit. What ranges make sense stands in `drawn` below.
#include "ir/graph/infer.h"
#include "tests/lower/generator.h"
#include <string.h>

enum { DRAWS = 12 };

static bool named(const char *name, const char *part) { return strstr(name, part) != NULL; }

// ---- constants

// Elements of size 1 for floats, small numbers for integers; none of them 0 or below where `positive`.
static Value *any_constant(Generator *g, const Type *t, bool positive) {
  int64_t n = 1;
  for (int i = 0; i < t->rank; i++) n *= size_of(g, t->dims[i]);
  if (n < 1 || n > GENERATOR_ELEMENTS) return NULL;
  if (chance(g, 10)) return graph_splat(g->m, "s", t, positive ? 1 : (double)below(g, 3))->value;
  Blob *b = blob_malloc((size_t)n * dtype_size(t->dtype));
  for (int64_t i = 0; i < n; i++) {
    double v = dtype_is_float(t->dtype) ? noise(&g->state) * 1.5 : (double)between(g, -4, 9);
    if (positive || dtype_is_unsigned(t->dtype)) v = v < 0 ? -v : v;
    if (positive && v < 0.125) v += 1;
    dtype_store(t->dtype, (void *)(uintptr_t)b->data, i, t->dtype == DT_BOOL && !positive ? (double)chance(g, 50) : v);
  }
  return graph_dense(g->m, "c", t, b)->value;
}

static DType any_dtype(Generator *g) { return chance(g, 60) ? g->favourite : (DType)below(g, DT_COUNT); }

// A type that broadcasts with that one, or that itself.
static const Type *broadcasting(Generator *g, const Type *like, DType dtype) {
  Dim dims[MAX_RANK];
  int skip = chance(g, 30) ? (int)below(g, like->rank + 1) : 0, rank = like->rank - skip;
  for (int i = 0; i < rank; i++) dims[i] = known(like, i + skip) && chance(g, 70) ? like->dims[i + skip] : 1;
  return type_get(g->m, dtype, rank, dims);
}

// Numbers of rows, elements or slices: a few, some of them outside.
static Value *indices(Generator *g, const Value *x) {
  DType dtype = chance(g, 50) ? DT_I64 : chance(g, 70) ? DT_I32 : any_dtype(g);
  if (x && chance(g, 50)) return any_constant(g, broadcasting(g, x->type, dtype), false);
  Dim dims[] = {between(g, 1, 5), between(g, 1, 3)};
  return any_constant(g, type_get(g->m, dtype, (int)below(g, 3), dims), false);
}

// ---- operands

static Value *pooled(Generator *g, const Type *type, DType dtype, bool whole) {
  for (int i = 0; i < DRAWS; i++) {
    Value *v = g->pool.data[below(g, (int64_t)g->pool.len)];
    if (whole ? v->type == type : v->type->dtype == dtype) return v;
  }
  return NULL;
}

// What quantized values are read by: one number each, or a table of bytes.
static Value *quantization(Generator *g, OpKind op, const char *name, DType x) {
  DType real = dtype_is_float(x) ? x : DT_F32, integer = op == OP_QUANTIZE_LINEAR ? DT_U8 : x;
  if (named(name, "scale")) return any_constant(g, type_get(g->m, real, 0, NULL), true);
  if (named(name, "zero_point")) return any_constant(g, type_get(g->m, integer, 0, NULL), false);
  if (named(name, "table"))
    return any_constant(g, type_get(g->m, chance(g, 50) ? DT_U8 : DT_I8, 1, (Dim[]){256}), false);
  return NULL;
}

// Boxes, and of which pictures they are.
static Value *regions(Generator *g, int row, DType dtype) {
  enum { REGIONS = 3 };
  bool boxes = row == IN_ROI_ALIGN_boxes;
  return any_constant(g, type_get(g->m, boxes ? dtype : DT_I64, boxes ? 2 : 1, (Dim[]){REGIONS, 4}), false);
}

static Value *any_operand(Generator *g, OpKind op, int row, Value *first) {
  const char *name = op_info(op)->operands[row].name;
  if (first && op == OP_ROI_ALIGN) return regions(g, row, first->type->dtype);
  bool quantizes = op == OP_QUANTIZE_LINEAR || op == OP_DEQUANTIZE_LINEAR || op == OP_BYTE_TABLE;
  Value *v = first && quantizes && chance(g, 90) ? quantization(g, op, name, first->type->dtype) : NULL;
  if (v) return v;
  if (named(name, "index") && chance(g, 60)) return indices(g, first);
  if (named(name, "condition") && chance(g, 60)) return pooled(g, NULL, DT_BOOL, false);
  if (!first || chance(g, 15)) return any(g);
  DType dtype = first->type->dtype == DT_BOOL && op == OP_WHERE ? any_dtype(g) : first->type->dtype;
  bool divides = op == OP_DIV && !dtype_is_float(dtype); // integers by 0 are an error
  if (divides || chance(g, 40)) return any_constant(g, broadcasting(g, first->type, dtype), divides);
  return pooled(g, first->type, dtype, chance(g, 40));
}

// ---- attributes

static const int64_t *axes_of(Generator *g, int rank) {
  int64_t *axes = arena_array(g->m->arena, int64_t, MAX_RANK + 1);
  for (int i = 0; i < rank; i++) axes[i] = i;
  for (int i = rank - 1; i > 0; i--) {
    int64_t j = below(g, i + 1), t = axes[i];
    axes[i] = axes[j];
    axes[j] = t;
  }
  return axes;
}

// Dimensions of the same number of elements: two joined, one split, or all in one.
static Attr other_shape(Generator *g, const Type *t) {
  Dim dims[MAX_RANK + 1];
  int n = 0, at = (int)below(g, t->rank + 1), kind = (int)below(g, 3);
  if (kind == 2) return ints(g, ATTR_DIMS, 1, (Dim[]){-1});
  for (int i = 0; i < t->rank; i++) {
    int64_t part = between(g, 1, 4);
    if (kind == 0 && i == at && i + 1 < t->rank && known(t, i) && known(t, i + 1))
      dims[n++] = t->dims[i] * t->dims[i + 1], i++;
    else if (kind == 1 && i == at && known(t, i) && t->dims[i] % part == 0 && t->rank < 6)
      dims[n++] = part, dims[n++] = t->dims[i] / part;
    else
      dims[n++] = t->dims[i];
  }
  return ints(g, ATTR_DIMS, n, dims);
}

static Attr larger_shape(Generator *g, const Type *t) {
  Dim dims[MAX_RANK + 1];
  int more = t->rank < 5 ? (int)below(g, 2) : 0;
  for (int i = 0; i < t->rank + more; i++)
    dims[i] = i < more || t->dims[i - more] == 1 ? between(g, 1, 4) : chance(g, 50) ? t->dims[i - more] : -1;
  return ints(g, ATTR_DIMS, t->rank + more, dims);
}

typedef struct Draw {
  OpKind op;
  const Type *x; // the first operand's; a scalar's where there is none
  int listed;    // length of lists that go together
  const int64_t *axes;
} Draw;

static int64_t drawn_number(Generator *g, const Draw *d, const char *name) {
  int rank = d->x->rank;
  if (named(name, "dim") && !named(name, "dims")) return rank ? below(g, rank) - (chance(g, 20) ? rank : 0) : 0;
  if (named(name, "padding") || named(name, "index") || named(name, "correction")) return below(g, 2);
  if (named(name, "shift")) return between(g, -3, 9);
  if (named(name, "pad")) return between(g, -1, 2);
  if (named(name, "features") && rank && known(d->x, rank - 1)) return d->x->dims[rank - 1];
  if (named(name, "channels") || named(name, "sizes")) return between(g, 1, 17);
  if (named(name, "output_size")) return between(g, 1, 6);
  if (named(name, "groups") && known(d->x, 1) && chance(g, 30)) return d->x->dims[1];
  return between(g, 1, chance(g, 20) ? 5 : 3);
}

static int list_length(Generator *g, const Draw *d, const AttrInfo *row) {
  if (row->length) return row->length;
  if (!strcmp(row->name, "padding")) return (int)(int64_t[]){1, 3, 6}[below(g, 3)];
  if (!strcmp(row->name, "pad")) return 2 * d->listed;
  if (row->kind == ATTR_FLOATS) return known(d->x, 1) ? (int)d->x->dims[1] : 1;
  return d->listed;
}

static Attr drawn_ints(Generator *g, const Draw *d, const AttrInfo *row) {
  int64_t list[256];
  int n = list_length(g, d, row);
  if (n > 64) n = 64;
  bool axes = !row->length && named(row->name, "dim");
  for (int i = 0; i < n; i++) list[i] = axes ? d->axes[i] : drawn_number(g, d, row->name);
  return ints(g, row->kind, n, list);
}

static Attr drawn_dims(Generator *g, const Draw *d, const AttrInfo *row) {
  if (named(row->name, "shape")) return other_shape(g, d->x);
  if (named(row->name, "size") && !row->length) return larger_shape(g, d->x);
  int64_t list[MAX_RANK];
  int n = row->length ? row->length : d->listed;
  for (int i = 0; i < n; i++)
    list[i] = named(row->name, "start") ? below(g, 3) : named(row->name, "end") ? between(g, 1, 20) : between(g, 1, 9);
  return ints(g, ATTR_DIMS, n, list);
}

static Attr drawn_floats(Generator *g, const Draw *d, const AttrInfo *row) {
  double list[64];
  int n = list_length(g, d, row);
  if (n > 64) n = 64;
  for (int i = 0; i < n; i++) list[i] = (double)between(g, 1, 10) / 4;
  return (Attr){ATTR_FLOATS, n, {.floats = arena_memdup(g->m->arena, list, sizeof list)}};
}

static const char *any_choice(Generator *g, const char *choices) {
  int n = 1;
  for (const char *p = choices; *p; p++) n += *p == '|';
  for (n = (int)below(g, n); n; n--) choices = strchr(choices, '|') + 1;
  return intern(g->m->names, arena_printf(g->m->arena, "%.*s", (int)strcspn(choices, "|"), choices));
}

static Attr drawn(Generator *g, const Draw *d, const AttrInfo *row) {
  static const double floats[] = {0.25, 0.5, 1, 1.5, 2, -1};
  bool fallback = row->fallback.kind != ATTR_NONE,
       positive = d->op == OP_LOCAL_RESPONSE_NORM; // it divides by a sum that might be nearly 0
  if (fallback && (chance(g, 40) || (row->role == ROLE_IRATTR && chance(g, 70)))) return row->fallback;
  switch (row->kind) {
  case ATTR_INT: return number(drawn_number(g, d, row->name));
  case ATTR_FLOAT: return real(named(row->name, "eps") ? 0.01 : floats[below(g, positive ? 5 : 6)]);
  case ATTR_BOOL: return flag(chance(g, 50));
  case ATTR_ENUM: return (Attr){ATTR_ENUM, 0, {.s = any_choice(g, row->choices)}};
  case ATTR_DTYPE: return (Attr){ATTR_DTYPE, 0, {.i = any_dtype(g)}};
  case ATTR_DIMS: return drawn_dims(g, d, row);
  case ATTR_FLOATS: return drawn_floats(g, d, row);
  case ATTR_PADDING: return padding(g, 2);
  case ATTR_INTS: return drawn_ints(g, d, row);
  default: return row->fallback;
  }
}

// ---- nodes

static bool is_weight(const OperandInfo *row) { return row->kind == OPERAND_WEIGHT || row->kind == OPERAND_WEIGHT_IF; }

// The weights that shape inference asks for; now and then values made so far.
static bool weights(Generator *g, OpKind op, Value **operands, const Attr *args, Attr *attrs) {
  const OpInfo *info = op_info(op);
  const Type **types = arena_array(g->m->arena, const Type *, info->n_operands + 1);
  Infer in = {.m = g->m, .op = op, .n_operands = info->n_operands, .operands = operands, .attrs = attrs};
  size_t assertions = g->m->assertions.len;
  bool ok = infer_weights(&in, args, types);
  g->m->assertions.len = assertions; // the node's will come again
  if (!ok) return false;
  for (int i = 0; i < info->n_operands; i++) {
    if (!is_weight(&info->operands[i]) || !types[i]) continue;
    if (chance(g, 10)) operands[i] = pooled(g, types[i], 0, true);
    if (!operands[i]) operands[i] = any_constant(g, types[i], named(info->operands[i].name, "var"));
    if (!operands[i]) return false;
  }
  return true;
}

static Value *try_op(Generator *g, OpKind op) {
  const OpInfo *info = op_info(op);
  Value *operands[16] = {0}, *first = NULL;
  int n = 0;
  for (int i = 0; i < info->n_operands; i++) {
    const OperandInfo *row = &info->operands[i];
    int count = row->kind == OPERAND_VARIADIC ? (int)between(g, 1, 4) : 1;
    for (int k = 0; k < count; k++, n++) {
      if (is_weight(row) || (row->kind == OPERAND_OPT && chance(g, 60))) continue;
      operands[n] = any_operand(g, op, i, first);
      if (!first) first = operands[n];
    }
  }
  Draw d = {op, first ? first->type : type_get(g->m, DT_F32, 0, NULL), 0, NULL};
  d.axes = axes_of(g, d.x->rank);
  d.listed = chance(g, 30) ? d.x->rank : d.x->rank ? (int)between(g, 1, d.x->rank) : 0;
  Attr *attrs = defaults(g, op), *args = arena_array(g->m->arena, Attr, info->n_params + 1);
  for (int i = 0; i < info->n_params; i++) {
    args[i] = drawn(g, &d, &info->params[i]);
    if (info->params[i].index >= 0) attrs[info->params[i].index] = args[i];
  }
  if (!weights(g, op, operands, args, attrs)) return NULL;
  return add(g, op, n, operands, attrs);
}

bool generator_leaves_out(OpKind op) {
  return op == OP_REORDER || op == OP_QUANTIZED_CONV2D || op == OP_QUANTIZED_LINEAR || op == OP_RECURRENT ||
         (op_info(op)->traits & TRAIT_COUNTED);
}

Value *generate_op(Generator *g, Value *x) {
  (void)x;
  OpKind op = (OpKind)below(g, OP_COUNT);
  if (generator_leaves_out(op)) return NULL;
  for (int i = 0; i < 2 * DRAWS; i++) {
    Value *y = try_op(g, op);
    diag_clear(g->m->diag);
    if (y) return y;
  }
  return NULL;
}

void generator_any_inputs(Generator *g) {
  g->favourite = chance(g, 30) ? DT_F32 : (DType)below(g, DT_COUNT);
  int count = (int)between(g, 1, 3);
  for (int i = 0; i < count; i++) {
    Dim dims[5];
    int rank = (int)below(g, 6);
    for (int k = 0; k < rank; k++) dims[k] = (int64_t[]){1, 2, 3, 5, 7, 16, 17}[below(g, rank > 3 ? 5 : 7)];
    if (rank && chance(g, 20)) {
      int open = (int)below(g, rank), symbol = dim_symbol_count(g->m->dims);
      Dim size = dims[open];
      dims[open] = dim_symbol(g->m->dims, arena_printf(g->m->arena, "S%d", i), 64);
      g->symbols[symbol] = size;
    }
    const Type *t = type_get(g->m, any_dtype(g), rank, dims);
    vec_push(&g->pool, graph_input(g->m, arena_printf(g->m->arena, "a%d", i), t));
  }
}
