// Evaluation of nodes and modules.
#include "ir/ref/ref_ops.h"

static const RefFunction functions[OP_COUNT] = {
#define OP(ID, name, ...) [OP_##ID] = ref_##name,
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

bool ref_fail(const RefCall *c, const char *fmt, ...) {
  StrBuf text = {0};
  va_list ap;
  va_start(ap, fmt);
  strbuf_vprintf(&text, fmt, ap);
  va_end(ap);
  const char *name = c->node->name ? c->node->name : "";
  diag_error(c->ctx->diag, c->node->span, "%s%s%s: %s", op_info(c->node->op)->name, *name ? " @" : "", name,
             strbuf_str(&text));
  strbuf_free(&text);
  return false;
}

static void free_all(RefTensor *t, int64_t n) {
  for (int64_t k = 0; k < n; k++) ref_tensor_free(&t[k]);
}

bool ref_node(const RefContext *ctx, const Node *n, const RefTensor *const *operands, RefTensor *results) {
  RefCall call = {ctx, n, operands, results};
  bool ok = true;
  for (int k = 0; k < n->n_results; k++)
    if (!ref_tensor_create(&results[k], ctx->m, n->results[k]->type, ctx->symbols) && ok)
      ok = ref_fail(&call, "its result does not fit into memory");
  ok = ok && functions[n->op](&call);
  for (int k = 0; k < n->n_results && ok; k++) ref_settle(&results[k]);
  if (!ok) free_all(results, n->n_results);
  return ok;
}

void ref_found(const RefCall *c, int64_t n) {
  c->ctx->symbols[dim_symbol_index(c->ctx->m->dims, graph_count(c->node))] = n;
  for (int k = 0; k < c->node->n_results; k++) ref_resize(&c->out[k], c);
}

// ---- modules
typedef struct Run {
  RefContext ctx;
  const RefTensor *inputs;
  RefTensor *values;  // by value id; of results and weights while they are needed
  uint32_t *last_use; // by value id, the position of the last node that reads it; outputs are never past it
  uint64_t found;     // counts, as dim_counts
} Run;

static const Span NOWHERE = {0};

static bool check_symbols(const Run *r) {
  for (int k = 0; k < dim_open_count(r->ctx.m->dims); k++) {
    const Symbol *s = dim_symbol_at(r->ctx.m->dims, k);
    int64_t v = r->ctx.symbols[k];
    if (v >= s->min && v <= s->max) continue;
    diag_error(r->ctx.diag, NOWHERE, "%s = %ld lies outside of %ld to %ld", s->name, (long)v, (long)s->min,
               (long)s->max);
    return false;
  }
  return true;
}

static bool check_inputs(const Run *r) {
  for (size_t k = 0; k < r->ctx.m->inputs.len; k++) {
    const Value *v = r->ctx.m->inputs.data[k];
    const RefTensor *t = &r->inputs[k];
    bool fits = t->rank == v->type->rank && (dtype_is_float(v->type->dtype) ? t->f != NULL : t->i != NULL);
    for (int d = 0; d < t->rank && fits; d++)
      fits = t->dims[d] == dim_eval(r->ctx.m->dims, v->type->dims[d], r->ctx.symbols);
    if (fits) continue;
    diag_error(r->ctx.diag, NOWHERE, "the input `%s` is not a %s", v->name, type_str(r->ctx.m, v->type));
    return false;
  }
  return true;
}

// Those that are decided by the counts `now`, which were found just now; without, by none.
static bool check_assertions(const Run *r, uint64_t now) {
  for (size_t k = 0; k < r->ctx.m->assertions.len; k++) {
    const Assertion *a = &r->ctx.m->assertions.data[k];
    uint64_t counts = dim_counts(r->ctx.m->dims, a->condition);
    if (counts & ~r->found || (now ? !(counts & now) : counts != 0)) continue;
    if (dim_eval(r->ctx.m->dims, a->condition, r->ctx.symbols)) continue;
    diag_error(r->ctx.diag, a->span, "%s", a->text);
    return false;
  }
  return true;
}

static void find_last_uses(Run *r) {
  uint32_t at = 0;
  for (const Node *n = r->ctx.m->first; n; n = n->next, at++) {
    for (int k = 0; k < n->n_operands; k++)
      if (n->operands[k].value) r->last_use[n->operands[k].value->id] = at;
    for (int k = 0; k < n->n_results; k++) r->last_use[n->results[k]->id] = at;
  }
  for (size_t k = 0; k < r->ctx.m->outputs.len; k++) r->last_use[r->ctx.m->outputs.data[k].value->id] = UINT32_MAX;
}

// The value's tensor, a weight's made now; NULL after a message.
static const RefTensor *fetch(Run *r, const Value *v) {
  if (v->kind == VALUE_INPUT) return &r->inputs[v->index];
  RefTensor *t = &r->values[v->id];
  if (v->kind == VALUE_WEIGHT && !t->f && !t->i && !ref_tensor_from_weight(t, r->ctx.m, v->weight)) {
    diag_error(r->ctx.diag, NOWHERE, "the weight `%s` has no data", v->weight->name);
    return NULL;
  }
  return t;
}

static void release(Run *r, const Value *v, uint32_t at) {
  if (v && v->kind != VALUE_INPUT && r->last_use[v->id] == at) ref_tensor_free(&r->values[v->id]);
}

static bool run_node(Run *r, const Node *n, uint32_t at, RefObserver observe, void *user) {
  const RefTensor **in = xcalloc((size_t)n->n_operands + 1, sizeof *in);
  RefTensor *out = xcalloc((size_t)n->n_results + 1, sizeof *out);
  bool ok = true;
  for (int k = 0; k < n->n_operands && ok; k++)
    if (operand(n, k)) ok = (in[k] = fetch(r, operand(n, k))) != NULL;
  ok = ok && ref_node(&r->ctx, n, in, out);
  uint64_t now = dim_counts(r->ctx.m->dims, graph_count(n));
  r->found |= now;
  for (int k = 0; k < n->n_results && ok; k++) {
    r->values[n->results[k]->id] = out[k];
    if (observe) observe(user, n->results[k], &out[k]);
  }
  for (int k = 0; k < n->n_operands; k++) release(r, operand(n, k), at);
  for (int k = 0; k < n->n_results; k++) release(r, n->results[k], at);
  free(in);
  free(out);
  return ok && (!now || check_assertions(r, now));
}

static bool collect_outputs(Run *r, RefTensor *outputs) {
  for (size_t k = 0; k < r->ctx.m->outputs.len; k++) {
    const Output *o = &r->ctx.m->outputs.data[k];
    const RefTensor *t = fetch(r, o->value);
    if (t && ref_tensor_copy(&outputs[k], t)) continue;
    if (t) diag_error(r->ctx.diag, NOWHERE, "the output `%s` does not fit into memory", o->name);
    free_all(outputs, (int64_t)k);
    return false;
  }
  return true;
}

bool ref_run(Module *m, const int64_t *symbols, const RefTensor *inputs, RefTensor *outputs, RefObserver observe,
             void *user, Diag *diag) {
  int64_t all[MAX_SYMBOLS] = {0};
  for (int k = 0; k < dim_open_count(m->dims); k++) all[k] = symbols[k];
  dim_fill_counts(m->dims, all);
  Run r = {{m, all, diag},
           inputs,
           xcalloc((size_t)m->n_values + 1, sizeof *r.values),
           xcalloc((size_t)m->n_values + 1, sizeof *r.last_use),
           0};
  bool ok = check_symbols(&r) && check_inputs(&r) && check_assertions(&r, 0);
  find_last_uses(&r);
  uint32_t at = 0;
  for (const Node *n = m->first; n && ok; n = n->next) ok = run_node(&r, n, at++, observe, user);
  ok = ok && collect_outputs(&r, outputs);
  free_all(r.values, m->n_values);
  free(r.values);
  free(r.last_use);
  return ok;
}
