// Channels that can be removed together, on random graphs: any choice of them that are not fixed can be cut out, the
// module is then in order, and it computes what the whole one does where nobody reads the channels removed, because the
// weights that would are zero.
#include "passes/graph/cut.h"
#include "passes/graph/open_attention.h"
#include "tests/lower/generate.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

// cmocka.h wants the standard headers before it
#include <cmocka.h>

enum { GRAPHS = 1000 };

static uint32_t next(uint32_t *seed) { return (*seed = *seed * 1664525u + 1013904223u) >> 8; }

// A layer behind each output, so that outputs do not fix most of what there is.
static void add_heads(Module *m, uint32_t seed) {
  enum { OUT = 3 };
  for (size_t k = 0; k < m->outputs.len; k++) {
    Value *v = m->outputs.data[k].value;
    const Type *t = v->type;
    bool picture = t->rank == 4 && next(&seed) % 4;
    int axis = picture ? 1 : t->rank - 1;
    if (t->rank < 2 || !dim_is_const(t->dims[axis]) || t->dtype != DT_F32) continue;
    double data[OUT * 4096];
    if (t->dims[axis] > 4096) continue;
    for (int64_t i = 0; i < OUT * t->dims[axis]; i++) data[i] = (double)(next(&seed) % 2001) / 1000 - 1;
    const Type *w = type_get(m, DT_F32, picture ? 4 : 2, (Dim[]){OUT, t->dims[axis], 1, 1});
    Value *operands[] = {v, constant_dense(m, "head", w, data)->value};
    Node *head =
        graph_node(m, &(NodeSpec){.op = picture ? OP_CONV2D : OP_LINEAR, .n_operands = 2, .operands = operands});
    assert_non_null(head);
    m->outputs.data[k].value = result(head);
  }
}

// Attention as layers, of which heads can be removed.
static void open_all(Module *m) {
  for (Node *n = m->first, *next; n; n = next) {
    next = n->next;
    if (n->op == OP_ATTENTION) assert_true(open_attention(m, m->diag, n));
  }
}

static int64_t count_heads(const Module *m) {
  int64_t heads = 0;
  for (const Node *n = m->first; n; n = n->next)
    if (n->op == OP_ATTENTION_CORE) heads += NODE_ATTR(n, ATTENTION_CORE, heads)->i;
  return heads;
}

// ---- a choice

// Whether an axis kept something; its first class stays where it did not.
static bool keep_one(Channels *c, bool *removed, const Value *v) {
  bool right = true;
  for (int axis = 0; v && axis < v->type->rank; axis++) {
    const int *numbers = channels_along(c, v, axis);
    if (!numbers || cut_kept(c, removed, v->type->dims[axis], numbers)) continue;
    removed[channels_class(c, numbers[0])] = right = false;
  }
  return right;
}

static int choose(Module *m, Channels *c, uint32_t seed, bool *removed) {
  int count = 0;
  for (size_t i = 0; i < c->parent.len; i++) {
    int class = channels_class(c, (int)i);
    removed[class] = !channels_fixed(c, class) && (class == (int)i ? next(&seed) % 2 : removed[class]);
  }
  for (Node *n = m->first; n; n = n->next) {
    for (int i = 0; i < n->n_operands; i++) keep_one(c, removed, operand(n, i));
    for (int i = 0; i < n->n_results; i++) keep_one(c, removed, n->results[i]);
  }
  for (size_t i = 0; i < c->parent.len; i++) count += removed[i];
  return count;
}

// ---- nobody reads them

// The weight with zeros for the inputs that are removed.
static Weight *masked(Module *m, Channels *c, const bool *removed, const ChannelLayer *l, const int *numbers) {
  Weight *w = l->p.weight;
  const Type *t = w->type;
  int64_t n = weight_count(w), inner = 1;
  double *data = xmalloc(sizeof *data * (size_t)n);
  for (int i = l->in + 1; i < t->rank; i++) inner *= t->dims[i];
  for (int64_t i = 0; i < n; i++)
    data[i] = removed[channels_class(c, numbers[i / inner % t->dims[l->in]])] ? 0 : weight_at(w, i);
  Weight *zeroed = constant_dense(m, "masked", t, data);
  free(data);
  return zeroed;
}

// `m` is a clone of the module that *c describes: its values have the same ids.
static void mask(Module *m, Channels *c, const bool *removed) {
  ChannelLayer l;
  for (Node *n = m->first; n; n = n->next) {
    if (!channels_layer(n, &l)) continue;
    const int *numbers = channels_along(c, l.p.weight->value, l.in);
    if (numbers) graph_set_operand(n, 1, masked(m, c, removed, &l, numbers)->value);
  }
}

// ---- results

static RefTensor *evaluate(Module *m, const Generated *g, uint32_t seed) {
  RefTensor *in = generate_inputs(m, g->symbols, seed, false), *out = xcalloc(m->outputs.len + 1, sizeof *out);
  assert_true(ref_run(m, g->symbols, in, out, NULL, NULL, m->diag));
  for (size_t i = 0; i < m->inputs.len; i++) ref_tensor_free(&in[i]);
  free(in);
  return out;
}

static void compare(uint32_t seed, const Module *m, RefTensor *want, RefTensor *got) {
  for (size_t i = 0; i < m->outputs.len; i++) {
    double most = 1e-3, error = 0;
    assert_int_equal(want[i].count, got[i].count);
    for (int64_t k = 0; k < want[i].count; k++) {
      double x = ref_at(&want[i], k), y = ref_at(&got[i], k);
      most = fmax(most, fabs(x));
      if (!(fabs(x - y) <= error)) error = fabs(x - y);
    }
    if (!(error <= 1e-9 * most)) fail_msg("graph %u, output %s: %g of %g", seed, m->outputs.data[i].name, error, most);
    ref_tensor_free(&want[i]);
    ref_tensor_free(&got[i]);
  }
  free(want);
  free(got);
}

// How many classes were removed, and heads among them.
static int check(uint32_t seed, int64_t *heads) {
  Diag *d = diag_create();
  Generated g = generate(GENERATED_LAYERS, seed, d);
  open_all(g.m);
  add_heads(g.m, seed);
  *heads += count_heads(g.m);
  Channels *c = channels_create(g.m);
  bool *removed = xcalloc(c->parent.len + 1, sizeof *removed);
  int count = choose(g.m, c, seed, removed);
  if (count) {
    Module *whole = module_clone(g.m);
    mask(whole, c, removed);
    cut_channels(g.m, c, removed);
    StrBuf problems = {0};
    if (!graph_verify(g.m, &problems)) fail_msg("graph %u: %s", seed, strbuf_str(&problems));
    strbuf_free(&problems);
    compare(seed, whole, evaluate(whole, &g, seed), evaluate(g.m, &g, seed));
    module_destroy(whole);
  }
  *heads -= count_heads(g.m);
  channels_free(c);
  free(removed);
  module_destroy(g.m);
  diag_destroy(d);
  return count;
}

static void test_random(void **state) {
  (void)state;
  int graphs = 0, classes = 0;
  int64_t heads = 0;
  for (uint32_t seed = 1; seed <= GRAPHS; seed++) {
    int count = check(seed, &heads);
    classes += count;
    graphs += count > 0;
  }
  print_message("%d classes cut out of %d graphs, %lld heads among them\n", classes, graphs, (long long)heads);
  assert_true(graphs > GRAPHS / 10 && heads > 0);
}

int main(int argc, char **argv) {
  int64_t heads = 0;
  if (argc > 1) return printf("%d classes\n", check((uint32_t)atoi(argv[1]), &heads)), 0;
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
  return cmocka_run_group_tests_name("channels", tests, NULL, NULL);
}
