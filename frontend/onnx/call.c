// A node while it is converted: its operands, attributes and results, and the nodes of the graph that it becomes.
#include "frontend/onnx/import.h"
#include <stdlib.h>
#include <string.h>

// ---- messages

const char *call_name(const Call *c) {
  const OnnxNode *n = c->node;
  Arena *a = c->im->m->arena;
  if (n->name && *n->name) return arena_printf(a, "node `%s` (%s)", n->name, n->op_type);
  return arena_printf(a, "the node of `%s` (%s)", n->output.data[0], n->op_type);
}

bool call_fail(const Call *c, const char *fmt, ...) {
  StrBuf b = {0};
  va_list ap;
  va_start(ap, fmt);
  strbuf_vprintf(&b, fmt, ap);
  va_end(ap);
  diag_error_file(c->im->diag, c->im->path, "%s: %s", call_name(c), strbuf_str(&b));
  strbuf_free(&b);
  return false;
}

// ---- operands

bool call_has(const Call *c, int i) { return i < c->n_in && c->in[i]; }

Value *call_value(Call *c, int i) {
  if (!call_has(c, i)) return NULL;
  OnnxValue *v = c->in[i];
  const char *name = c->node->input.data[i];
  if (!v->value && v->known && !v->known->n) return call_fail(c, "`%s` has no elements", name), NULL;
  return import_value(c->im, v, name);
}

const Type *call_type(Call *c, int i) {
  if (!call_has(c, i)) return NULL;
  const OnnxValue *v = c->in[i];
  if (v->list) return call_fail(c, "`%s` is a list of tensors", c->node->input.data[i]), NULL;
  return v->value ? v->value->type : type_get(c->im->m, v->known->dtype, v->known->rank, v->known->dims);
}

const Known *call_known(Call *c, int i) {
  if (!call_has(c, i)) return NULL;
  OnnxValue *v = c->in[i];
  if (!v->known && v->value && v->value->kind == VALUE_WEIGHT) v->known = known_of_weight(c->im->m, v->value->weight);
  return v->known;
}

// Has the inputs that v is computed from, and whose values were given, known from the start: true where there were
// such.
static bool freeze_all(Importer *im, const Value *v, bool *seen) {
  if (seen[v->id]) return false;
  seen[v->id] = true;
  bool any = false;
  if (v->kind == VALUE_INPUT) {
    OnnxValue *input = import_input(im, v->name);
    any = input && input->frozen && !im->freeze[input->frozen - 1];
    if (any) im->freeze[input->frozen - 1] = true;
  }
  for (int i = 0; v->kind == VALUE_RESULT && i < v->node->n_operands; i++)
    if (operand(v->node, i)) any |= freeze_all(im, operand(v->node, i), seen);
  return any;
}

const Known *call_need_known(Call *c, int i) {
  const Known *k = call_known(c, i);
  if (k || !call_has(c, i)) return k;
  Importer *im = c->im;
  OnnxValue *v = c->in[i];
  if (v->list) return call_fail(c, "`%s` is a list of tensors", c->node->input.data[i]), NULL;
  if (v->frozen && (k = v->known = import_frozen(im, v->frozen - 1))) return k;
  bool *seen = xcalloc(im->m->n_values, sizeof *seen);
  im->again |= freeze_all(im, v->value, seen);
  free(seen);
  if (im->again) return NULL;
  call_fail(c, "what it makes depends on the elements of `%s`, which are not known when it is compiled",
            c->node->input.data[i]);
  return NULL;
}

const Known *call_need_ints(Call *c, int i) {
  const Known *k = call_need_known(c, i);
  if (!k || !dtype_is_float(k->dtype)) return k;
  call_fail(c, "`%s` is not of integers", c->node->input.data[i]);
  return NULL;
}

// ---- attributes

const OnnxAttribute *call_attr(const Call *c, const char *name) {
  for (size_t i = 0; i < c->node->attribute.n; i++) {
    const OnnxAttribute *a = &c->node->attribute.data[i];
    if (!a->name || strcmp(a->name, name)) continue;
    if (!a->ref_attr_name || !*a->ref_attr_name) return a;
    const Scope *s = c->im->scope; // of the function whose attribute it is
    while (s && !s->function) s = s->outer;
    if (!s) return NULL;
    const OnnxNode *caller = s->caller;
    for (size_t k = 0; k < caller->attribute.n; k++)
      if (caller->attribute.data[k].name && !strcmp(caller->attribute.data[k].name, a->ref_attr_name))
        return &caller->attribute.data[k];
    for (size_t k = 0; k < s->function->attribute_proto.n; k++) {
      const OnnxAttribute *fallback = &s->function->attribute_proto.data[k];
      if (fallback->name && !strcmp(fallback->name, a->ref_attr_name)) return fallback;
    }
    return NULL;
  }
  return NULL;
}

// AttributeProto.AttributeType; files of the first IR versions do not state it.
enum { OF_FLOAT = 1, OF_INT, OF_STRING, OF_FLOATS = 6, OF_INTS };

static const OnnxAttribute *of_kind(const Call *c, const char *name, int64_t type, const char *kind) {
  const OnnxAttribute *a = call_attr(c, name);
  if (!a || !a->type || a->type == type) return a;
  call_fail(c, "`%s` is not %s", name, kind);
  return NULL;
}

int64_t call_int(const Call *c, const char *name, int64_t fallback) {
  const OnnxAttribute *a = of_kind(c, name, OF_INT, "an integer");
  return a ? known_int(a->i) : fallback;
}

// The shortest decimal that is this float: 1e-5 and not 9.99999975e-6 is what was meant.
static double decimal(float v) {
  StrBuf b = {0};
  strbuf_float(&b, v);
  double d = strtod(b.s, NULL);
  strbuf_free(&b);
  return d;
}

double call_float(const Call *c, const char *name, double fallback) {
  const OnnxAttribute *a = of_kind(c, name, OF_FLOAT, "a number");
  return a ? decimal(a->f) : fallback;
}

const char *call_text(const Call *c, const char *name, const char *fallback) {
  const OnnxAttribute *a = of_kind(c, name, OF_STRING, "a text");
  if (!a) return fallback;
  return a->s.size ? arena_strndup(c->im->m->arena, (const char *)a->s.data, a->s.size) : "";
}

int call_ints(const Call *c, const char *name, const int64_t **ints) {
  const OnnxAttribute *a = of_kind(c, name, OF_INTS, "a list of integers");
  size_t n = a && a->ints.n < KNOWN_MAX ? a->ints.n : 0;
  int64_t *list = arena_array(c->im->m->arena, int64_t, n);
  for (size_t i = 0; i < n; i++) list[i] = known_int(a->ints.data[i]);
  *ints = list;
  return (int)n;
}

int call_floats(const Call *c, const char *name, const double **floats) {
  const OnnxAttribute *a = of_kind(c, name, OF_FLOATS, "a list of numbers");
  size_t n = a && a->floats.n < KNOWN_MAX ? a->floats.n : 0;
  double *list = arena_array(c->im->m->arena, double, n);
  for (size_t i = 0; i < n; i++) list[i] = decimal(a->floats.data[i]);
  *floats = list;
  return (int)n;
}

bool call_int_list(Call *c, const char *name, int i, const int64_t **ints, int *n) {
  *n = -1;
  if (name && call_attr(c, name)) return *n = call_ints(c, name, ints), true;
  if (!call_has(c, i)) return true;
  const Known *k = call_need_ints(c, i);
  if (!k) return false;
  int64_t *list = arena_array(c->im->m->arena, int64_t, k->n);
  for (int64_t j = 0; j < k->n; j++) list[j] = k->e[j].i;
  *ints = list;
  *n = (int)k->n;
  return true;
}

bool call_real_list(Call *c, const char *name, int i, const double **reals, int *n) {
  *n = -1;
  if (name && call_attr(c, name)) return *n = call_floats(c, name, reals), true;
  if (!call_has(c, i)) return true;
  const Known *k = call_need_known(c, i);
  if (!k) return false;
  if (!dtype_is_float(k->dtype) && k->n) return call_fail(c, "`%s` is not of real numbers", c->node->input.data[i]);
  if (!known_is_const(k)) return call_fail(c, "`%s` depends on an open dimension", c->node->input.data[i]);
  double *list = arena_array(c->im->m->arena, double, k->n);
  for (int64_t j = 0; j < k->n; j++) list[j] = k->e[j].f;
  *reals = list;
  *n = (int)k->n;
  return true;
}

bool call_axis(Call *c, int64_t *axis, int rank) {
  if (*axis < -rank || *axis >= rank)
    return call_fail(c, "its axis %lld is not one of %d dimensions", (long long)*axis, rank);
  if (*axis < 0) *axis += rank;
  return true;
}

// ---- nodes

Attr *call_attrs(Call *c, OpKind op) { return arena_array(c->im->m->arena, Attr, op_info(op)->n_attrs); }

Attr call_list(Call *c, AttrKind kind, int n, const int64_t *list) {
  return (Attr){.kind = kind, .n = n, .ints = arena_memdup(c->im->m->arena, list, sizeof *list * (size_t)n)};
}

Attr call_reals(Call *c, int n, const double *list) {
  return (Attr){.kind = ATTR_FLOATS, .n = n, .floats = arena_memdup(c->im->m->arena, list, sizeof *list * (size_t)n)};
}

Attr call_word(Call *c, const char *word) { return (Attr){.kind = ATTR_ENUM, .s = intern(c->im->m->names, word)}; }

Node *call_make(Call *c, OpKind op, int n, Value *const *operands, const Attr *attrs) {
  const OpInfo *info = op_info(op);
  for (int i = 0; i < n; i++) { // of an operand that could not be made, something was said already
    OperandKind kind = info->operands[i < info->n_operands ? i : info->n_operands - 1].kind;
    if (!operands[i] && kind != OPERAND_OPT && kind != OPERAND_WEIGHT_IF) return NULL;
  }
  const char *name = c->node->name && *c->node->name ? c->node->name : NULL;
  int before = diag_errors(c->im->diag);
  Node *node = graph_node(c->im->m, &(NodeSpec){op, n, operands, attrs, name, {0}});
  if (!node && diag_errors(c->im->diag) > before) diag_note(c->im->diag, (Span){0}, "in %s", call_name(c));
  return node;
}

Value *call_node(Call *c, OpKind op, int n, Value *const *operands, const Attr *attrs) {
  Node *node = call_make(c, op, n, operands, attrs);
  return node ? result(node) : NULL;
}

Value *call_scalar(Call *c, DType dtype, double v) {
  Module *m = c->im->m;
  StrBuf b = {0};
  strbuf_printf(&b, "%s:", dtype_name(dtype));
  strbuf_double(&b, v);
  Weight *w = graph_find_weight(m, strbuf_str(&b));
  if (!w) w = graph_splat(m, strbuf_str(&b), type_get(m, dtype, 0, NULL), v);
  strbuf_free(&b);
  return w->value;
}

Value *call_constant(Call *c, DType dtype, int rank, const int64_t *dims, const double *elements) {
  const Type *t = type_get(c->im->m, dtype, rank, dims);
  int64_t n = 1;
  for (int i = 0; i < rank; i++) n *= dims[i];
  Blob *b = blob_malloc((size_t)n * dtype_size(dtype));
  for (int64_t i = 0; i < n; i++) dtype_store(dtype, (void *)b->data, i, elements[i]);
  return graph_dense(c->im->m, "c", t, b)->value;
}

Value *call_reshape(Call *c, Value *x, int rank, const Dim *dims) {
  if (!x) return NULL;
  bool same = x->type->rank == rank;
  for (int i = 0; same && i < rank; i++) same = x->type->dims[i] == dims[i];
  if (same) return x;
  Attr *a = call_attrs(c, OP_RESHAPE);
  a[ATTR_RESHAPE_shape] = call_list(c, ATTR_DIMS, rank, dims);
  return call_unary(c, OP_RESHAPE, x, a);
}

Value *call_permute(Call *c, Value *x, const int64_t *dims) {
  if (!x) return NULL;
  bool same = true;
  for (int i = 0; same && i < x->type->rank; i++) same = dims[i] == i;
  if (same) return x;
  Attr *a = call_attrs(c, OP_PERMUTE);
  a[ATTR_PERMUTE_dims] = call_list(c, ATTR_INTS, x->type->rank, dims);
  return call_unary(c, OP_PERMUTE, x, a);
}

Value *call_cast(Call *c, Value *x, DType dtype) {
  if (!x || x->type->dtype == dtype) return x;
  Attr *a = call_attrs(c, OP_CAST);
  a[ATTR_CAST_dtype] = (Attr){.kind = ATTR_DTYPE, .i = dtype};
  return call_unary(c, OP_CAST, x, a);
}

Value *call_insert_dims(Call *c, Value *x, int at, int n) {
  if (!x || !n) return x;
  Dim dims[2 * MAX_RANK];
  int rank = x->type->rank;
  for (int i = 0; i < rank + n; i++) dims[i] = i < at ? x->type->dims[i] : i < at + n ? 1 : x->type->dims[i - n];
  if (rank + n > MAX_RANK) return call_fail(c, "it has more than %d dimensions", MAX_RANK), NULL;
  return call_reshape(c, x, rank + n, dims);
}

// ---- results

bool call_result(Call *c, int i, Value *v) {
  if (i < c->n_out) c->out[i].value = v;
  return v;
}

bool call_result_empty(Call *c, int i, DType dtype, int rank, const Dim *dims) {
  for (int d = 0; d < rank; d++)
    if (!dim_is_const(dims[d])) return call_fail(c, "a tensor of no elements has an open dimension");
  return call_result_known(c, i, known_new(c->im->m, dtype, rank, dims));
}

bool call_is_empty(Call *c, int i) {
  const Known *k = call_known(c, i);
  return k && !k->n;
}

bool call_result_known(Call *c, int i, const Known *k) {
  enum { NODE = 64 }; // elements: a long list counts as several nodes, whose number bounds what loops allocate
  if (k) c->im->nodes += (int)(k->n / NODE);
  if (i < c->n_out) c->out[i].known = k;
  return k;
}
