#include "passes/lower/lower.h"
#include "ir/core/check.h"
#include "ir/core/checked.h"
#include "passes/lower/explain.h"
#include "passes/lower/kernel.h"
#include "passes/lower/pack.h"
#include "passes/lower/place.h"
#include "passes/lower/strided.h"
#include <string.h>

typedef bool (*LowerFn)(Lower *lw, Node *n);

// A missing lowering of an op that is not composite fails the link.
static const LowerFn functions[OP_COUNT] = {
#define OP(ID, name, family, traits, help) [OP_##ID] = ((traits)&TRAIT_COMPOSITE) ? NULL : lower_##name,
#define IN(...)
#define OPT(...)
#define VARIADIC(...)
#define WEIGHT(...)
#define WEIGHT_IF(...)
#define ATTR(...)
#define ARG(...)
#define IRATTR(...)
#include "ir/graph/ops.def"
};

Dim lower_product(Lower *lw, const Dim *dims, int from, int to) {
  Dim p = 1;
  for (int i = from; i < to; i++) p = dim_mul(lw->m->dims, p, dims[i]);
  return p;
}

int64_t lower_estimate(Lower *lw, Dim d) {
  const int64_t countless = INT64_C(1) << 55; // multiplications of what nobody will run
  if (dim_is_const(d)) return d;
  if (d == DIM_INVALID) return countless;
  int64_t values[MAX_SYMBOLS];
  dim_least(lw->m->dims, values);
  return dim_eval(lw->m->dims, d, values);
}

void row_major(Lower *lw, const Type *t, Dim *strides) {
  Dim s = 1;
  for (int i = t->rank - 1; i >= 0; i--) {
    strides[i] = s;
    s = dim_mul(lw->m->dims, s, t->dims[i]);
  }
}

void phys_of(Lower *lw, const Type *t, Phys *out) {
  DimTable *dims = lw->m->dims;
  int a = t->blocked_axis;
  out->rank = 0;
  for (int i = 0; i < t->rank; i++) {
    if (a >= 0 && i == (a == 0 ? 0 : 1))
      out->dims[out->rank++] = dim_floordiv(dims, dim_add(dims, t->dims[a], BLOCK - 1), BLOCK);
    if (i != a) out->dims[out->rank++] = t->dims[i];
  }
  if (a >= 0) out->dims[out->rank++] = BLOCK;
  Dim s = 1;
  for (int i = out->rank - 1; i >= 0; i--) {
    out->strides[i] = s;
    s = dim_mul(dims, s, out->dims[i]);
  }
}

void phys_of_value(Lower *lw, const Value *v, Phys *out) {
  phys_of(lw, v->type, out);
  const Value *root = v;
  while (lw->places[root->id].in) root = lw->places[root->id].in;
  if (root == v) return;
  Phys whole;
  phys_of(lw, root->type, &whole);
  out->strides[0] = whole.strides[0];
}

int phys_index(const Type *t, int i) {
  int a = t->blocked_axis;
  if (a <= 0 || i == 0) return i;
  return i == a ? 1 : i < a ? i + 1 : i;
}

LBuffer *lower_new_buffer(Lower *lw, LBufferKind kind, const char *name, DType dtype, Dim bytes) {
  const char *free_name = name;
  for (size_t i = lw->p->buffers.len; loop_find_buffer(lw->p, free_name); i++)
    free_name = arena_printf(lw->p->arena, "%s_%zu", name, i);
  return loop_buffer(lw->p, kind, free_name, dtype, bytes);
}

static const char *buffer_name(Lower *lw, const Value *v) {
  const char *prefix = v->kind == VALUE_RESULT ? "v" : "in.";
  if (v->kind == VALUE_RESULT || !v->name) return arena_printf(lw->p->arena, "%s%u", prefix, v->id);
  return arena_printf(lw->p->arena, "%s%s", prefix, v->name);
}

LBuffer *lower_buffer(Lower *lw, Value *v) {
  if (lw->places[v->id].in) return lower_buffer(lw, lw->places[v->id].in);
  LBuffer **slot = &lw->buffers[v->id];
  if (*slot) return *slot;
  if (v->kind == VALUE_WEIGHT) return *slot = pack_row_major(lw, v->weight);
  LBufferKind kind = v->kind == VALUE_INPUT ? BUFFER_INPUT : BUFFER_ARENA;
  *slot = lower_new_buffer(lw, kind, buffer_name(lw, v), v->type->dtype, type_bytes(lw->m, v->type));
  (*slot)->index = v->kind == VALUE_INPUT ? v->index : 0;
  return *slot;
}

Dim lower_offset(Lower *lw, const Value *v) {
  Dim at = 0;
  for (; lw->places[v->id].in; v = lw->places[v->id].in) at = dim_add(lw->m->dims, at, lw->places[v->id].at);
  return at;
}

Weight *weight_operand(const Node *n, int i) {
  Value *v = operand(n, i);
  Weight *w = weight_behind(v);
  CHECK(!v || w, "%s `%s` has computed weights: run `decompose` first", op_info(n->op)->name, pass_label(n));
  return w;
}

void lower_alias(Lower *lw, Value *v, Value *as) { lw->buffers[v->id] = lower_buffer(lw, as); }

// A result that is one output and is computed (no view of something else) is written where the caller wants it.
static void place_outputs(Lower *lw) {
  for (size_t i = 0; i < lw->m->outputs.len; i++) {
    Value *v = lw->m->outputs.data[i].value;
    if (v->kind != VALUE_RESULT || lw->buffers[v->id] || op_has(v->node->op, TRAIT_VIEW)) continue;
    if (v->node->op == OP_REORDER && lower_reorder_is_view(v->node)) continue;
    LBuffer *b = lower_new_buffer(lw, BUFFER_OUTPUT, arena_printf(lw->p->arena, "out.%s", lw->m->outputs.data[i].name),
                                  v->type->dtype, type_bytes(lw->m, v->type));
    b->index = (int)i;
    lw->buffers[v->id] = b;
  }
}

// The outputs that are inputs, weights, views or one value twice are copied. Those of no elements need nothing.
static void copy_outputs(Lower *lw) {
  for (size_t i = 0; i < lw->m->outputs.len; i++) {
    Output *o = &lw->m->outputs.data[i];
    Dim count = type_elements(lw->m, o->value->type);
    LBuffer *from = count == 0 ? NULL : lower_buffer(lw, o->value);
    if (from && from->kind == BUFFER_OUTPUT && from->index == (int)i) continue;
    LBuffer *to = lower_new_buffer(lw, BUFFER_OUTPUT, arena_printf(lw->p->arena, "out.%s", o->name),
                                   o->value->type->dtype, from ? from->bytes : 0);
    to->index = (int)i;
    if (from) strided_copy_buffer(lw, o->name, from, to, count);
  }
}

static void describe(Lower *lw) {
  Module *m = lw->m;
  LProgram *p = lw->p;
  for (size_t i = 0; i < m->inputs.len + m->outputs.len; i++) {
    bool in = i < m->inputs.len;
    const Value *v = in ? m->inputs.data[i] : m->outputs.data[i - m->inputs.len].value;
    LTensor t = {
        .name = in ? v->name : m->outputs.data[i - m->inputs.len].name, .dtype = v->type->dtype, .rank = v->type->rank};
    for (int d = 0; d < t.rank; d++) t.dims[d] = v->type->dims[d];
    if (in)
      vec_push(&p->inputs, t);
    else
      vec_push(&p->outputs, t);
  }
  for (size_t i = 0; i < m->assertions.len; i++)
    if (!dim_counts(m->dims, m->assertions.data[i].condition))
      vec_push(&p->assertions, (LAssertion){m->assertions.data[i].condition, m->assertions.data[i].text});
  loop_report_counts(p);
}

// Whoever reads the values that are kept needs all counts: they stand last, in order.
static void report_all_counts(Lower *lw) {
  for (int i = dim_open_count(lw->m->dims); i < dim_symbol_count(lw->m->dims); i++) {
    const char *name = dim_symbol_at(lw->m->dims, i)->name;
    vec_push(&lw->p->counts, (LCount){name, dim_symbol(lw->m->dims, name, 0)});
  }
}

// What must hold of the counts that node n, the last of them, has found: a phase that ends the run where it does not.
static void check_counts(Lower *lw, const Node *n, uint64_t now, uint64_t found) {
  for (size_t i = 0; i < lw->m->assertions.len; i++) {
    Dim condition = lw->m->assertions.data[i].condition;
    uint64_t counts = dim_counts(lw->m->dims, condition);
    if (!(counts & now) || counts & ~found) continue;
    Kernel k = kernel_begin(lw, "assert");
    LExpr *t, *holds = kernel_dim(&k, condition);
    Dim tasks = kernel_tasks(&k, 1, (Dim[]){1}, &t);
    loop_if(k.b, lx_op(k.b, LOOP_EQ, holds, lx_int(k.b, 0)));
    loop_return(k.b, LOOP_ASSERTION_FAILED);
    loop_end_if(k.b);
    kernel_finish(&k, n, tasks, 0, "");
  }
}

static const char *meta_text(Arena *a, const Attr *v) {
  StrBuf b = {0};
  int n = v->kind == ATTR_INTS || v->kind == ATTR_FLOATS || v->kind == ATTR_STRINGS ? v->n : 1;
  bool list = v->kind == ATTR_INTS || v->kind == ATTR_FLOATS || v->kind == ATTR_STRINGS;
  if (list) strbuf_putc(&b, '[');
  for (int i = 0; i < n; i++) {
    if (i) strbuf_puts(&b, ", ");
    switch (v->kind) {
    case ATTR_INTS: strbuf_printf(&b, "%lld", (long long)v->ints[i]); break;
    case ATTR_FLOATS: strbuf_double(&b, v->floats[i]); break;
    case ATTR_STRINGS: strbuf_quoted(&b, v->strings[i]); break;
    case ATTR_FLOAT: strbuf_double(&b, v->f); break;
    case ATTR_STRING:
    case ATTR_ENUM: strbuf_quoted(&b, v->s); break;
    case ATTR_BOOL: strbuf_puts(&b, v->i ? "true" : "false"); break;
    default: strbuf_printf(&b, "%lld", (long long)v->i);
    }
  }
  if (list) strbuf_putc(&b, ']');
  char *text = arena_strdup(a, strbuf_str(&b));
  strbuf_free(&b);
  return text;
}

static void describe_meta(Lower *lw) {
  for (size_t i = 0; i < lw->m->meta.len; i++) {
    const MetaEntry *e = &lw->m->meta.data[i];
    if (!strcmp(e->key, "labels") && e->value.kind == ATTR_STRINGS)
      for (int j = 0; j < e->value.n; j++) vec_push(&lw->p->labels, e->value.strings[j]);
    else
      vec_push(&lw->p->meta, (LMeta){e->key, meta_text(lw->p->arena, &e->value)});
  }
}

// Functions that are computed to an f32's accuracy only.
static bool is_f32_function(const Node *n) {
  return n->op == OP_ERF || n->op == OP_POW ||
         (n->op == OP_GELU && strcmp(NODE_ATTR(n, GELU, approximate)->s, "tanh") != 0);
}

// Ops that move elements or treat them one by one, and matmul, take every type; the others are compiled for f32.
static bool takes_types(Lower *lw, const Node *n) {
  static const char *const any_type[] = {"elementwise", "index", "order", "reduce", "select", "shape", "token"};
  bool any = n->op == OP_MATMUL;
  for (size_t i = 0; i < sizeof any_type / sizeof *any_type; i++) any |= !strcmp(op_info(n->op)->family, any_type[i]);
  if (any && !is_f32_function(n)) return true;
  DType d = operand(n, 0)->type->dtype;
  bool bytes =
      n->op == OP_QUANTIZED_CONV2D || n->op == OP_QUANTIZED_LINEAR || n->op == OP_MAX_POOL2D || n->op == OP_BYTE_TABLE;
  if (bytes && (d == DT_U8 || d == DT_I8)) return true;
  if (d == DT_F32 || (any && d != DT_F64)) return true;
  diag_error(lw->diag, n->span, "%s of %s is not compiled yet; cast its operand to f32", op_info(n->op)->name,
             dtype_name(d));
  return false;
}

bool lower_run(PassContext *c) {
  Module *m = c->module;
  Lower lw = {.m = m, .p = loop_program_create(m->name, m->dims), .target = &c->target, .pass = c, .diag = c->diag};
  lw.buffers = arena_array(lw.p->arena, LBuffer *, m->n_values);
  lw.places = arena_array(lw.p->arena, Within, m->n_values);
  lw.sums = arena_array(lw.p->arena, BandSums, m->n_values);
  lw.deferred = arena_array(lw.p->arena, bool, m->n_values);
  describe(&lw);
  describe_meta(&lw);
  place_outputs(&lw);
  place_run(&lw);
  bool ok = true;
  uint64_t found = 0;
  for (Node *n = m->first; n; n = n->next) {
    CHECK(functions[n->op], "`%s` is composite and reached lowering: run `decompose` first", op_info(n->op)->name);
    size_t first = lw.p->phases.len;
    ok &= takes_types(&lw, n) && functions[n->op](&lw, n);
    uint64_t now = dim_counts(m->dims, graph_count(n));
    found |= now;
    if (now) check_counts(&lw, n, now, found);
    explain_phases(&lw, n, first);
  }
  if (ok) copy_outputs(&lw);
  if (c->options.keep_all) report_all_counts(&lw);
  c->program = lw.p;
  c->buffers = lw.buffers;
  return ok;
}
