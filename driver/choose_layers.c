#include "driver/choose.h"
#include "ir/graph/macs.h"
#include "passes/graph/quantize_plan.h"
#include <math.h>
#include <string.h>

// Each factorization at two errors of outputs, each in f32 and then in integers.
static const Decision alternatives[CHOOSE_ALTERNATIVES] = {
    {.integers = QUANTIZE_NONE},
    {.precision = DT_BF16},
    {.integers = QUANTIZE_STATIC},
    {.integers = QUANTIZE_DYNAMIC},
    {.factorize = {FACTORIZE_SPATIAL, 0.1}},
    {.factorize = {FACTORIZE_SPATIAL, 0.1}, .integers = QUANTIZE_STATIC},
    {.factorize = {FACTORIZE_SPATIAL, 0.03}},
    {.factorize = {FACTORIZE_SPATIAL, 0.03}, .integers = QUANTIZE_STATIC},
    {.factorize = {FACTORIZE_TUCKER2, 0.1}},
    {.factorize = {FACTORIZE_TUCKER2, 0.1}, .integers = QUANTIZE_STATIC},
    {.factorize = {FACTORIZE_TUCKER2, 0.03}},
    {.factorize = {FACTORIZE_TUCKER2, 0.03}, .integers = QUANTIZE_STATIC},
    {.factorize = {FACTORIZE_CHANNEL, 0.1}},
    {.factorize = {FACTORIZE_CHANNEL, 0.1}, .integers = QUANTIZE_STATIC},
    {.factorize = {FACTORIZE_CHANNEL, 0.03}},
    {.factorize = {FACTORIZE_CHANNEL, 0.03}, .integers = QUANTIZE_STATIC},
};

// ---- alternatives

Decision choose_alternative(int a) { return alternatives[a]; }

bool choose_applies(int a, const ChosenLayer *l) {
  const Decision *d = &alternatives[a];
  if (d->integers == QUANTIZE_DYNAMIC) return l->linear;
  if (d->factorize.method == FACTORIZE_CHANNEL) return l->convolution || l->linear;
  return !d->factorize.method || l->convolution;
}

double choose_loss(int a) {
  const Decision *d = &alternatives[a];
  double numbers = d->integers ? 1. / 127 : d->precision == DT_BF16 ? 1. / 512 : 0; // half a step of the largest, about
  return hypot(d->factorize.error, numbers);
}

bool choose_asks_for(int a, int b) {
  const Decision *x = &alternatives[a], *y = &alternatives[b];
  bool factors =
      !y->factorize.method || (x->factorize.method == y->factorize.method && x->factorize.error <= y->factorize.error);
  bool integers = !y->integers || x->integers == y->integers;
  bool precision = y->precision == DT_F32 || x->precision == y->precision;
  return b && factors && integers && precision;
}

bool choose_hands_on(int a) { return alternatives[a].integers == QUANTIZE_STATIC && !alternatives[a].factorize.method; }

// ---- layers

int choose_layer_of(const Choose *k, const char *name) {
  const Decision *d = decisions_find(k->all, name);
  return d ? (int)(d - k->all->list.data) : -1;
}

static void add_layer(Choose *k, const Module *m, const Node *n) {
  const char *name = pass_label(n);
  int at = -1;
  for (size_t i = 0; i < k->layers.len; i++)
    if (!strcmp(k->layers.data[i].name, name)) at = (int)i;
  if (at < 0) {
    ChosenLayer layer = {.name = arena_strdup(k->arena, name)};
    for (int a = 0; a < CHOOSE_ALTERNATIVES; a++) layer.of[a].error = a ? NAN : 0;
    vec_push(&k->layers, layer);
    decisions_put(k->all, &(Decision){.layer = name});
    at = (int)k->layers.len - 1;
  }
  k->layers.data[at].convolution |= n->op == OP_CONV2D;
  k->layers.data[at].linear |= n->op == OP_LINEAR;
  k->layers.data[at].macs += macs_of(m, n);
  k->layers.data[at].of[0].bytes += choose_bytes_of(n);
}

bool choose_find_layers(Choose *k) {
  Build b;
  const char *rest;
  bool ok = build_open(&b, k->path, &k->options, k->diag) && build_until(&b, "quantize", &rest);
  for (const Node *n = ok ? b.module->first : NULL; n; n = n->next)
    if (quantize_is_layer(n)) add_layer(k, b.module, n);
  for (size_t i = 0; i < k->layers.len; i++)
    for (int a = 1; a < CHOOSE_ALTERNATIVES; a++)
      if (!choose_applies(a, &k->layers.data[i])) k->layers.data[i].of[a].refused = "";
  if (ok) k->model = arena_strdup(k->arena, b.module->name);
  if (ok && !rest) {
    diag_error_file(k->diag, k->path, "--max-error needs the pass `quantize` among those that are run");
    ok = false;
  } else if (ok && !k->layers.len) {
    diag_error_file(k->diag, k->path, "--max-error finds no convolution, linear layer or product to choose for");
    ok = false;
  }
  build_close(&b);
  return ok;
}

// ---- times

typedef Vec(int) Sharing; // the layers that share a phase

// The words of a phase's source are layers, and what passes have put into them: "a +scale +relu b".
static void find_sharing(const Choose *k, const char *source, Sharing *s) {
  s->len = 0;
  for (const char *at = source; *at;) {
    size_t n = strcspn(at, " ");
    char *word = xstrndup(at, n);
    int layer = *word == '+' ? -1 : choose_layer_of(k, word);
    if (layer >= 0) vec_push(s, layer);
    free(word);
    at += n + (at[n] == ' ');
  }
}

// Whether phase p makes of the result of a layer of f32, which has been computed, what another layer reads.
static bool converts(const Racer *r, int p, const Sharing *s, const int *taken, const bool *computed) {
  bool own = r->phases[p].macs || !taken || s->len != 1;
  return !own && !taken[s->data[0]] && computed[s->data[0]];
}

// What each of them is of the phase: what they take apart, else their multiplications, else alike.
static double share_of(const Choose *k, const Sharing *s, const double *apart, size_t i) {
  double macs = 0, known = 0;
  bool all = apart;
  for (size_t j = 0; j < s->len; j++) {
    macs += k->layers.data[s->data[j]].macs;
    if (apart) known += apart[s->data[j]], all = all && apart[s->data[j]] > 0;
  }
  if (all) return apart[s->data[i]] / known;
  return macs > 0 ? k->layers.data[s->data[i]].macs / macs : 1. / (double)s->len;
}

void choose_share_times(const Choose *k, const Racer *r, const int *taken, const double *apart, double *front,
                        double *us) {
  Sharing s = {0};
  double waiting = 0;
  int last = -1;
  bool *computed = xcalloc(k->layers.len + 1, sizeof *computed);
  for (size_t i = 0; i < k->layers.len; i++) us[i] = 0;
  for (int p = 0; p < r->n_phases; p++) {
    double time = r->phase_ms[p] * 1e3;
    find_sharing(k, r->phases[p].source, &s);
    if (!s.len || converts(r, p, &s, taken, computed)) {
      waiting += time;
      continue;
    }
    int next = s.data[0];
    if (front && !taken) front[next] += waiting;
    bool changed = taken && !taken[next] && last >= 0 && taken[last];
    double own = front && changed ? fmin(waiting, front[next]) : waiting;
    us[next] += own;
    if (last >= 0) us[last] += waiting - own;
    waiting = 0;
    for (size_t i = 0; i < s.len; i++) {
      us[last = s.data[i]] += time * share_of(k, &s, apart, i);
      computed[last] = computed[last] || r->phases[p].macs;
    }
  }
  if (last >= 0) us[last] += waiting;
  vec_free(&s);
  free(computed);
}

// Nothing is known of what layers take apart that share a kernel.
static void forget_shared(const Choose *k, const Racer *r, double *us) {
  Sharing s = {0};
  for (int p = 0; p < r->n_phases; p++) {
    find_sharing(k, r->phases[p].source, &s);
    for (size_t i = 0; s.len > 1 && i < s.len; i++) us[s.data[i]] = 0;
  }
  vec_free(&s);
}

void choose_share_both(const Choose *k, const Racer racers[2], const int *taken, double *own, double *us) {
  size_t n = k->layers.len + 1;
  double *apart[2] = {xcalloc(n, sizeof(double)), xcalloc(n, sizeof(double))}, *front = xcalloc(n, sizeof *front);
  choose_share_times(k, &racers[0], NULL, NULL, front, apart[0]);
  choose_share_times(k, &racers[1], taken, NULL, front, apart[1]);
  for (int i = 0; i < 2; i++) forget_shared(k, &racers[i], apart[i]);
  choose_share_times(k, &racers[0], NULL, apart[1], NULL, own);
  choose_share_times(k, &racers[1], taken, apart[0], front, us);
  free(apart[0]), free(apart[1]), free(front);
}

// ---- bytes

static double weight_bytes(const Value *v) {
  if (!v || v->kind != VALUE_WEIGHT) return 0;
  return (double)weight_count(v->weight) * (double)dtype_size(v->type->dtype);
}

// Integers and halves stand in front of what makes floats of them.
double choose_bytes_of(const Node *n) {
  double bytes = 0;
  for (int i = 0; i < n->n_operands; i++) {
    const Value *v = operand(n, i);
    bytes += weight_bytes(v);
    bool made = v && v->kind == VALUE_RESULT && (v->node->op == OP_DEQUANTIZE_LINEAR || v->node->op == OP_CAST);
    for (int j = 0; made && j < v->node->n_operands; j++) bytes += weight_bytes(operand(v->node, j));
  }
  return bytes;
}
