// What random graphs are run on, and the values that nodes have there.
#include "passes/pass.h"
#include "tests/lower/generator.h"
#include <math.h>

// ---- inputs

static double any_element(DType t, uint64_t *seed, bool special) {
  static const double specials[] = {NAN, INFINITY, -INFINITY, 3e38, -3e38, 1e-40, -0.0, 0};
  if (!dtype_is_float(t)) {
    double v = next(seed) % 256;
    return t == DT_BOOL ? fmod(v, 2) : dtype_holds(t, v - 100) ? v - 100 : v;
  }
  if (special && next(seed) % 16 == 0) return specials[next(seed) % 8];
  return noise(seed) * 2;
}

RefTensor *generate_inputs(const Module *m, const int64_t *symbols, uint64_t seed, bool special) {
  RefTensor *in = xcalloc(m->inputs.len + 1, sizeof *in);
  for (size_t i = 0; i < m->inputs.len; i++) {
    DType t = m->inputs.data[i]->type->dtype;
    CHECK(ref_tensor_create(&in[i], m, m->inputs.data[i]->type, symbols), "no memory");
    void *packed = xcalloc((size_t)in[i].count + 1, dtype_size(t));
    for (int64_t k = 0; k < in[i].count; k++) dtype_store(t, packed, k, any_element(t, &seed, special));
    ref_tensor_unpack(&in[i], t, packed);
    free(packed);
  }
  return in;
}

void generated_inputs_free(RefTensor *in, const Module *m) {
  for (size_t i = 0; i < m->inputs.len; i++) ref_tensor_free(&in[i]);
  free(in);
}

// ---- nodes

void tamer_free(Tamer *t) {
  for (size_t i = 0; i < t->values.len; i++) ref_tensor_free(&t->values.data[i]);
  vec_free(&t->values);
}

static RefTensor *at(Tamer *t, Generator *g, const Value *v) {
  while (t->values.len < g->m->n_values) vec_push(&t->values, (RefTensor){0});
  RefTensor *r = &t->values.data[v->id];
  if (v->kind == VALUE_WEIGHT && !r->f && !r->i) CHECK(ref_tensor_from_weight(r, g->m, v->weight), "no memory");
  return r;
}

// Most elements are numbers, and none is so large that a square of it is not one.
static bool is_tame(const RefTensor *r) {
  int64_t bad = 0;
  for (int64_t k = 0; r->f && k < r->count; k++) {
    bad += !isfinite(r->f[k]);
    if (isfinite(r->f[k]) && fabs(r->f[k]) > (r->type->dtype == DT_F16 ? 1e3 : 1e6)) return false;
  }
  return 4 * bad <= r->count;
}

static bool evaluate(Tamer *t, Generator *g, const Node *n) {
  const RefTensor **operands = xcalloc((size_t)n->n_operands + 1, sizeof *operands);
  RefTensor *results = xcalloc((size_t)n->n_results, sizeof *results);
  for (int i = 0; i < n->n_operands; i++)
    if (operand(n, i)) at(t, g, operand(n, i));
  for (int i = 0; i < n->n_operands; i++)
    if (operand(n, i)) operands[i] = at(t, g, operand(n, i));
  bool ok = ref_node(&(RefContext){g->m, g->symbols, g->m->diag}, n, operands, results), tame = ok;
  for (int i = 0; ok && i < n->n_results; i++) {
    tame &= is_tame(&results[i]);
    *at(t, g, n->results[i]) = results[i];
  }
  free(results);
  free(operands);
  diag_clear(g->m->diag);
  return tame;
}

void tamer_create(Tamer *t, Generator *g, uint64_t seed) {
  *t = (Tamer){0};
  RefTensor *in = generate_inputs(g->m, g->symbols, seed, false);
  for (size_t i = 0; i < g->m->inputs.len; i++) *at(t, g, g->m->inputs.data[i]) = in[i];
  free(in);
  for (Node *n = g->m->first; n; n = n->next) evaluate(t, g, n);
}

// Whether the compiler takes the module so far: what it says that it does not compile yet is no failure.
static bool is_compiled(Generator *g) {
  Diag *d = diag_create();
  Module *m = module_clone(g->m);
  m->diag = d;
  graph_output(m, "last", result(m->last));
  PassContext c;
  PassOptions options = passes_options();
  bool ok = passes_init(&c, m, NULL, d, &options);
  c.target = (LowerTarget){.vector_bytes = 32, .vector_registers = 16, .has_fma = true};
  ok = ok && passes_run(&c, "decompose,assign-layouts,lower");
  passes_free(&c);
  if (c.program) loop_program_destroy(c.program);
  module_destroy(m);
  diag_destroy(d);
  return ok;
}

void tamer_keep(Tamer *t, Generator *g, Maker make) {
  Node *last = g->m->last;
  size_t pool = g->pool.len, assertions = g->m->assertions.len;
  int n_nodes = g->n_nodes;
  make(g, any(g));
  bool tame = true;
  for (Node *n = last ? last->next : g->m->first; n && tame; n = n->next) tame = evaluate(t, g, n);
  if (tame && (g->m->last == last || is_compiled(g))) return;
  while (g->m->last != last) graph_remove(g->m, g->m->last);
  g->pool.len = pool;
  g->m->assertions.len = assertions;
  g->n_nodes = n_nodes;
}
