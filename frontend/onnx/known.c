#include "frontend/onnx/known.h"
#include "frontend/onnx/import.h"
#include <math.h>
#include <string.h>

// ---- making

Known *known_new(Module *m, DType dtype, int rank, const int64_t *dims) {
  int64_t n = 1;
  for (int i = 0; i < rank; i++)
    if (dims[i] < 0 || !dim_is_const(dims[i]) || !checked_mul(n, dims[i], &n) || n > KNOWN_MAX) return NULL;
  Known *k = arena_new(m->arena, Known);
  k->dtype = dtype;
  k->rank = rank;
  if (rank) memcpy(k->dims, dims, sizeof *dims * (size_t)rank);
  k->n = n;
  k->e = arena_array(m->arena, KnownElement, n);
  return k;
}

const Known *known_ints(Module *m, DType dtype, int n, const Dim *list) {
  Known *k = known_new(m, dtype, 1, (int64_t[]){n});
  for (int i = 0; k && i < n; i++) k->e[i].i = list[i];
  return k;
}

// Integers from 2^62 on are symbolic as Dims; as ends of slices, where they occur, they mean: as far as it goes.
Dim known_int(int64_t v) { return min_i64(v, DIM_SYMBOLIC - 1); }

const Known *known_of_weight(Module *m, Weight *w) {
  DType stored;
  const void *data = weight_count(w) <= KNOWN_MAX ? weight_data(w, &stored) : NULL;
  if (!data) return NULL;
  Known *k = known_new(m, w->type->dtype, w->type->rank, w->type->dims);
  for (int64_t i = 0; k && i < k->n; i++)
    if (dtype_is_float(k->dtype))
      k->e[i].f = dtype_load(stored, data, i);
    else
      k->e[i].i = known_int(dtype_load_int(stored, data, i));
  return k;
}

bool known_is_const(const Known *k) {
  for (int64_t i = 0; i < k->n; i++)
    if (known_is_open(k, i)) return false;
  return true;
}

// ---- into the graph

static Value *constant(Module *m, const Known *k, const char *hint) {
  Blob *b = blob_malloc((size_t)k->n * dtype_size(k->dtype));
  for (int64_t i = 0; i < k->n; i++)
    if (dtype_is_float(k->dtype))
      dtype_store(k->dtype, (void *)b->data, i, k->e[i].f);
    else
      dtype_store_int(k->dtype, (void *)b->data, i,
                      k->e[i].i == DIM_SYMBOLIC - 1 ? INT64_MAX : k->e[i].i); // see known_int
  return graph_dense(m, hint, type_get(m, k->dtype, k->rank, k->dims), b)->value;
}

static Value *node(Module *m, OpKind op, int n, Value *const *operands, const Attr *attrs) {
  Node *made = graph_node(m, &(NodeSpec){.op = op, .n_operands = n, .operands = operands, .attrs = attrs});
  return made ? result(made) : NULL;
}

// Of integers, which may be open: an open dimension is what arange makes of it alone.
static Value *open_vector(Module *m, DType dtype, const Known *k) {
  Value **parts = arena_array(m->arena, Value *, k->n);
  for (int64_t i = 0; i < k->n; i++) {
    Dim *range = arena_array(m->arena, Dim, 2);
    range[0] = k->e[i].i;
    range[1] = dim_add(m->dims, k->e[i].i, 1);
    Attr attrs[] = {[ATTR_ARANGE_start] = {ATTR_DIMS, 1, .ints = range},
                    [ATTR_ARANGE_end] = {ATTR_DIMS, 1, .ints = range + 1},
                    [ATTR_ARANGE_step] = {.kind = ATTR_INT, .i = 1},
                    [ATTR_ARANGE_dtype] = {.kind = ATTR_DTYPE, .i = dtype}};
    if (!(parts[i] = node(m, OP_ARANGE, 0, NULL, attrs))) return NULL;
  }
  Attr dim = {.kind = ATTR_INT, .i = 0};
  return k->n == 1 ? parts[0] : node(m, OP_CONCAT, (int)k->n, parts, &dim);
}

// Real numbers: those that are open divided, and the others added.
static Value *open_reals(Module *m, const Known *k, const char *hint) {
  Known over = *k, under = *k, others = *k;
  over.e = arena_array(m->arena, KnownElement, k->n);
  under.e = arena_array(m->arena, KnownElement, k->n);
  others.e = arena_array(m->arena, KnownElement, k->n);
  under.rank = others.rank = 1, under.dims[0] = others.dims[0] = k->n;
  for (int64_t i = 0; i < k->n; i++) {
    bool open = known_is_open(k, i);
    over.e[i].i = open ? k->e[i].i : 0;
    under.e[i].f = open ? (double)k->e[i].den : 1;
    others.e[i].f = open ? 0 : k->e[i].f;
  }
  Value *v = open_vector(m, DT_I64, &over);
  Attr to = {.kind = ATTR_DTYPE, .i = k->dtype};
  if (v) v = node(m, OP_CAST, 1, &v, &to);
  if (v) v = node(m, OP_DIV, 2, (Value *[]){v, constant(m, &under, hint)}, NULL);
  return v ? node(m, OP_ADD, 2, (Value *[]){v, constant(m, &others, hint)}, NULL) : NULL;
}

Value *known_value(Module *m, const Known *k, const char *hint) {
  if (known_is_const(k)) return constant(m, k, hint);
  Value *v = dtype_is_float(k->dtype) ? open_reals(m, k, hint) : open_vector(m, k->dtype, k);
  Attr shape = {ATTR_DIMS, k->rank, .ints = k->dims};
  return !v || k->rank == 1 ? v : node(m, OP_RESHAPE, 1, &v, &shape);
}
