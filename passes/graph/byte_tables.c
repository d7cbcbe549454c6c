// byte-tables: what is computed element by element from one tensor of u8 or i8, up to a quantize_linear to u8 or i8, is
// one of 256 results: the reference interpreter computes them now. A table behind a product of integers is looked up
// before that stores its result, where nothing else reads it.
//
// Needs all else that goes into it to be constants of one element. Each operation rounds to f32, as it would without a
// table: sums of equal scales lie just between two steps.
//
//   %1 = dequantize_linear %q, @s, @z : f32[1, 8, 6, 6]
//   %2 = silu %1 : f32[1, 8, 6, 6]
//   %3 = quantize_linear %2, @t, @z : u8[1, 8, 6, 6]
// becomes
//   %3 = byte_table %q, @table : u8[1, 8, 6, 6]
#include "passes/graph/quantization.h"

enum { ENTRIES = 256, MOST_NODES = 64 };

// The nodes from `x` to a result, in a module of their own, of one byte after the other.
typedef struct Trial {
  PassContext *c;
  Module *m;
  Value *x;     // what all comes from; NULL: not known yet
  bool through; // whether tables are looked through
  Value *input; // x, in m
  int n;        // nodes so far
  const Node *nodes[MOST_NODES];
  Value *copies[MOST_NODES]; // their results in m
} Trial;

static bool is_byte(const Type *t) { return t->dtype == DT_U8 || t->dtype == DT_I8; }

static bool computes(const Node *n) {
  return op_is_elementwise(n->op) || n->op == OP_QUANTIZE_LINEAR || n->op == OP_DEQUANTIZE_LINEAR;
}

// Where bytes begin that are not computed further back.
static bool is_source(const Trial *t, const Value *v) {
  if (!is_byte(v->type) || v->kind == VALUE_WEIGHT) return false;
  return v->kind == VALUE_INPUT || v->node->op == OP_QUANTIZE_LINEAR || !(t->through && v->node->op == OP_BYTE_TABLE);
}

static Value *constant_copy(Trial *t, const Value *v, bool table) {
  RefTensor value = {0};
  if (!quantization_is_constant(v) || type_elements(t->c->module, v->type) != (table ? ENTRIES : 1)) return NULL;
  if (!quantization_evaluate(t->c, v, &value)) return NULL;
  const Type *type = type_get(t->m, v->type->dtype, table, (Dim[]){ENTRIES});
  Blob *b = blob_malloc((size_t)type_bytes(t->m, type));
  ref_tensor_pack(&value, type->dtype, (void *)b->data);
  ref_tensor_free(&value);
  return graph_dense(t->m, "c", type, b)->value;
}

static Value *copy(Trial *t, const Value *v);

static Value *copy_node(Trial *t, const Node *n) {
  enum { MOST = 4 };
  bool table = n->op == OP_BYTE_TABLE;
  Value *operands[MOST] = {0};
  if (!(computes(n) || table) || n->n_operands > MOST || t->n == MOST_NODES) return NULL;
  for (int i = 0; i < n->n_operands; i++) {
    if (!operand(n, i)) continue;
    bool entries = table && i == IN_BYTE_TABLE_table;
    operands[i] = entries ? constant_copy(t, operand(n, i), true) : copy(t, operand(n, i));
    if (!operands[i]) return NULL;
  }
  Node *made = graph_node(t->m, &(NodeSpec){n->op, n->n_operands, operands, n->attrs, NULL, n->span});
  if (!made || t->n == MOST_NODES) return NULL;
  t->nodes[t->n] = n;
  return t->copies[t->n++] = result(made);
}

static Value *copy(Trial *t, const Value *v) {
  Value *constant = constant_copy(t, v, false);
  if (constant) return constant;
  if (is_source(t, v)) {
    if (t->x && t->x != v) return NULL;
    if (!t->x) t->input = graph_input(t->m, "x", type_get(t->m, v->type->dtype, 1, (Dim[]){ENTRIES}));
    t->x = (Value *)v;
    return t->input;
  }
  if (v->kind != VALUE_RESULT) return NULL;
  for (int i = 0; i < t->n; i++)
    if (t->nodes[i] == v->node) return t->copies[i];
  return copy_node(t, v->node);
}

static void round_result(void *user, const Value *v, RefTensor *t) {
  (void)user, (void)v;
  for (int64_t i = 0; t->f && t->type->dtype == DT_F32 && i < t->count; i++) t->f[i] = (float)t->f[i];
}

// The entries in the order of the index's bits. False where it cannot be computed.
static bool evaluate(Trial *t, RefTensor *out) {
  RefTensor in = {0};
  bool ok = ref_tensor_create(&in, t->m, t->input->type, NULL);
  for (int i = 0; ok && i < ENTRIES; i++) in.i[i] = t->input->type->dtype == DT_I8 ? (int8_t)i : i;
  ok = ok && ref_run(t->m, NULL, &in, out, round_result, NULL, t->m->diag);
  ref_tensor_free(&in);
  return ok;
}

static bool is_identity(const RefTensor *table, const Type *x, const Type *y) {
  for (int i = 0; i < ENTRIES; i++)
    if ((table->i[i] & 255) != i) return false;
  return x == y;
}

static Value *table_weight(PassContext *c, const Node *n, const RefTensor *value) {
  Module *m = c->module;
  DType dtype = result(n)->type->dtype;
  Blob *b = blob_malloc(ENTRIES);
  ref_tensor_pack(value, dtype, (void *)b->data);
  return graph_dense(m, rewrite_name(m, n->name, "table"), type_get(m, dtype, 1, (Dim[]){ENTRIES}), b)->value;
}

static bool same_dims(const Type *a, const Type *b) {
  bool same = a->rank == b->rank;
  for (int i = 0; same && i < a->rank; i++) same = a->dims[i] == b->dims[i];
  return same;
}

static bool tabulate(PassContext *c, Node *n, bool through) {
  Diag *quiet = diag_create(); // what cannot be computed is left as it is, and says so itself
  Trial t = {.c = c, .m = module_create(quiet), .through = through};
  Value *y = copy_node(&t, n);
  RefTensor entries = {0};
  bool found = y && t.x && same_dims(t.x->type, result(n)->type);
  if (found) graph_output(t.m, "y", y);
  if (found && (found = evaluate(&t, &entries))) {
    Value *operands[] = {t.x, NULL};
    Value *with = t.x;
    if (!is_identity(&entries, t.x->type, result(n)->type)) {
      operands[1] = table_weight(c, n, &entries);
      with = rewrite_before(c->module, n, OP_BYTE_TABLE, 2, operands, NULL);
    }
    pass_remark(c, n, false, "%s and %d operations before it are looked up", pass_label(n), t.n - 1);
    pass_count(c, "tables", 1);
    rewrite_supersede(c->module, n, with);
  }
  ref_tensor_free(&entries);
  module_destroy(t.m);
  diag_destroy(quiet);
  return found;
}

// ---- behind products

static void fuse(PassContext *c, Node *n) {
  Value *x = operand(n, IN_BYTE_TABLE_x), *operands[IN_QUANTIZED_CONV2D_table + 1] = {0};
  Node *p = x->kind == VALUE_RESULT ? x->node : NULL;
  bool product = p && (p->op == OP_QUANTIZED_CONV2D || p->op == OP_QUANTIZED_LINEAR);
  if (!product || operand(p, IN_QUANTIZED_CONV2D_table) || x->type->dtype != result(n)->type->dtype) return;
  if (graph_use_count(c->module, x) != 1 || graph_is_output(c->module, x)) return;
  for (int i = 0; i < p->n_operands; i++) operands[i] = operand(p, i);
  operands[IN_QUANTIZED_CONV2D_table] = operand(n, IN_BYTE_TABLE_table);
  pass_remark(c, n, false, "%s is looked up by %s", pass_label(n), pass_label(p));
  pass_count(c, "tables behind products", 1);
  rewrite_supersede(c->module, n,
                    rewrite_named(c->module, n, p->name, p->op, IN_QUANTIZED_CONV2D_table + 1, operands, p->attrs));
}

_Static_assert((int)IN_QUANTIZED_CONV2D_table == (int)IN_QUANTIZED_LINEAR_table, "one order of operands");

bool byte_tables_run(PassContext *c) {
  Module *m = c->module;
  for (Node *n = m->first, *next; n; n = next) {
    next = n->next;
    if (n->op != OP_QUANTIZE_LINEAR || !is_byte(result(n)->type)) continue;
    if (!tabulate(c, n, true)) tabulate(c, n, false);
  }
  for (Node *n = m->first, *next; n; n = next) {
    next = n->next;
    if (n->op == OP_BYTE_TABLE) fuse(c, n);
  }
  return true;
}
