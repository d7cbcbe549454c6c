// Recurrent layers and their loop over time, one sample of one direction after the other. LSTM: Hochreiter and
// Schmidhuber, 1997, with the peepholes of Gers and Schmidhuber, 2000; GRU: Cho et al., 2014.
#include "ir/graph/recurrent.h"
#include "ir/ref/ref_ops.h"
#include <math.h>
#include <string.h>

typedef struct Loop {
  RefCall *call;
  const RecurrentCell *cell;
  int64_t steps, batch, size, directions;
  bool batch_first, reverse, coupled, reset_after, return_state;
  double clip;
  RecurrentFunction functions[RECURRENT_ROLES];
  double *gates;      // W x + b: [steps, batch, directions, gates, size], or with batch first
  double *weight;     // R: [directions, gates, size, size]
  const double *bias; // d of GRU's n: [directions, size]; NULL: 0
  const RefTensor *h0, *c0, *lengths, *peepholes; // NULL: absent
} Loop;

static double applied(const Loop *l, RecurrentRole role, double v) {
  RecurrentFunction f = l->functions[role];
  if (role != OF_OUTPUT) v = v > l->clip ? l->clip : v < -l->clip ? -l->clip : v;
  if (!strcmp(f.name, "sigmoid")) return 1 / (1 + exp(-v));
  if (!strcmp(f.name, "tanh")) return tanh(v);
  if (!strcmp(f.name, "relu")) return v < 0 ? 0 : v;
  if (!strcmp(f.name, "leaky_relu")) return v < 0 ? f.alpha * v : v;
  double line = f.alpha * v + f.beta;
  return !strcmp(f.name, "affine") ? line : line < 0 ? 0 : line > 1 ? 1 : line;
}

// What one sample of one direction has.
typedef struct State {
  int64_t direction;
  double *h, *c, *next, *gated; // [size]
} State;

// Element j of R v for a gate.
static double product(const Loop *l, int64_t direction, int gate, int64_t j, const double *v) {
  const double *row = l->weight + ((direction * l->cell->gates + gate) * l->size + j) * l->size;
  double sum = 0;
  for (int64_t k = 0; k < l->size; k++) sum += row[k] * v[k];
  return sum;
}

static void step_lstm(const Loop *l, State *s, const double *x) {
  int64_t H = l->size;
  const double *p = l->peepholes ? l->peepholes->f + s->direction * 3 * H : NULL; // i, o, f
  for (int64_t j = 0; j < H; j++) {
    double a[4];
    for (int g = 0; g < 4; g++) a[g] = x[g * H + j] + product(l, s->direction, g, j, s->h);
    if (p) a[0] += p[j] * s->c[j], a[1] += p[2 * H + j] * s->c[j];
    double i = applied(l, OF_GATES, a[0]), f = l->coupled ? 1 - i : applied(l, OF_GATES, a[1]);
    s->c[j] = f * s->c[j] + i * applied(l, OF_CANDIDATE, a[2]);
    if (p) a[3] += p[H + j] * s->c[j];
    s->next[j] = applied(l, OF_GATES, a[3]) * applied(l, OF_OUTPUT, s->c[j]);
  }
}

static void step_gru(const Loop *l, State *s, const double *x) {
  int64_t H = l->size, d = s->direction;
  bool after = l->reset_after;
  for (int64_t j = 0; j < H; j++) s->gated[j] = applied(l, OF_GATES, x[j] + product(l, d, 0, j, s->h));
  for (int64_t j = 0; j < H && !after; j++) s->gated[j] *= s->h[j];
  for (int64_t j = 0; j < H; j++) {
    double z = applied(l, OF_GATES, x[H + j] + product(l, d, 1, j, s->h)), bias = l->bias ? l->bias[d * H + j] : 0;
    double recurrent = product(l, d, 2, j, after ? s->h : s->gated) + bias;
    double n = applied(l, OF_CANDIDATE, x[2 * H + j] + (after ? s->gated[j] : 1) * recurrent);
    s->next[j] = z * s->h[j] + (1 - z) * n;
  }
}

static void step_rnn(const Loop *l, State *s, const double *x) {
  for (int64_t j = 0; j < l->size; j++)
    s->next[j] = applied(l, OF_CANDIDATE, x[j] + product(l, s->direction, 0, j, s->h));
}

static void run_sample(const Loop *l, State *s, int64_t sample) {
  int64_t H = l->size, T = l->steps, D = l->directions, G = l->cell->gates;
  int64_t length = l->lengths ? min_i64(max_i64(l->lengths->i[sample], 0), T) : T;
  bool backwards = s->direction == 1 || l->reverse;
  for (int64_t i = 0; i < length; i++) {
    int64_t t = backwards ? length - 1 - i : i, at = l->batch_first ? sample * T + t : t * l->batch + sample;
    const double *x = l->gates + (at * D + s->direction) * G * H;
    if (l->cell->op == OP_LSTM) step_lstm(l, s, x);
    if (l->cell->op == OP_GRU) step_gru(l, s, x);
    if (l->cell->op == OP_RNN) step_rnn(l, s, x);
    memcpy(s->h, s->next, sizeof *s->h * (size_t)H);
    memcpy(l->call->out[0].f + (at * D + s->direction) * H, s->h, sizeof *s->h * (size_t)H);
  }
}

static void run(const Loop *l) {
  int64_t H = l->size;
  size_t bytes = sizeof(double) * (size_t)H;
  double *all = xcalloc(4 * (size_t)H, sizeof *all);
  State s = {.h = all, .c = all + H, .next = all + 2 * H, .gated = all + 3 * H};
  for (s.direction = 0; s.direction < l->directions; s.direction++)
    for (int64_t n = 0; n < l->batch; n++) {
      int64_t at = (s.direction * l->batch + n) * H;
      memset(all, 0, 4 * bytes);
      if (l->h0) memcpy(s.h, l->h0->f + at, bytes);
      if (l->c0) memcpy(s.c, l->c0->f + at, bytes);
      run_sample(l, &s, n);
      if (!l->return_state) continue;
      memcpy(l->call->out[1].f + at, s.h, bytes);
      if (l->cell->states == 2) memcpy(l->call->out[2].f + at, s.c, bytes);
    }
  free(all);
}

static bool flag(const Node *n, const char *name) {
  int i = recurrent_attr(n->op, name);
  return i >= 0 && n->attrs[i].i;
}

static Loop loop_of(RefCall *c, int64_t directions, int64_t size) {
  const Node *n = c->node;
  Loop l = {.call = c, .cell = recurrent_cell_of(n->op, n->attrs), .size = size, .directions = directions};
  l.batch_first = flag(n, "batch_first");
  l.reverse = flag(n, "reverse");
  l.coupled = flag(n, "coupled");
  l.reset_after = flag(n, "reset_after");
  l.return_state = flag(n, "return_state");
  l.clip = n->attrs[recurrent_attr(n->op, "clip")].f;
  for (int i = 0; i < RECURRENT_ROLES; i++)
    if (recurrent_function_index(l.cell, i) >= 0) l.functions[i] = recurrent_function(n, i);
  l.steps = c->in[0]->dims[l.batch_first];
  l.batch = c->in[0]->dims[!l.batch_first];
  l.weight = xcalloc((size_t)(directions * l.cell->gates * size * size), sizeof *l.weight);
  return l;
}

bool ref_recurrent(RefCall *c) {
  const RefTensor *w = ref_in(c, IN_RECURRENT_weight), *bias = ref_in(c, IN_RECURRENT_bias);
  int64_t H = NODE_ATTR(c->node, RECURRENT, hidden_size)->i, U = w->dims[1], G = w->dims[2];
  Loop l = loop_of(c, w->dims[0], H);
  for (int64_t i = 0; i < l.directions * G * H * H; i++) {
    int64_t k = i % H, j = i / H % H, g = i / H / H % G, d = i / H / H / G;
    l.weight[i] = w->f[(((d * U + j / 16) * G + g) * H + k) * 16 + j % 16];
  }
  l.gates = c->in[0]->f;
  l.bias = bias ? bias->f : NULL;
  l.h0 = ref_in(c, IN_RECURRENT_h0);
  l.c0 = ref_in(c, IN_RECURRENT_c0);
  l.lengths = ref_in(c, IN_RECURRENT_lengths);
  l.peepholes = ref_in(c, IN_RECURRENT_peepholes);
  run(&l);
  free(l.weight);
  return true;
}

// d of GRU's n stays apart, to be multiplied by r; the other biases of both products are added up.
static void add_state_bias(Loop *l, double *n_bias, const RefTensor *bias, int64_t direction, int64_t rows) {
  int64_t H = l->size, GH = l->cell->gates * H, apart = l->cell->op == OP_GRU ? 2 * H : GH;
  for (int64_t k = 0; bias && k < rows * apart; k++)
    l->gates[(k / apart * l->directions + direction) * GH + k % apart] += bias->f[k % apart];
  for (int64_t j = 0; bias && apart < GH && j < H; j++) n_bias[direction * H + j] = bias->f[apart + j];
}

static bool ref_layer(RefCall *c) {
  const RecurrentCell *cell = recurrent_cell(c->node->op);
  bool two_way = ref_in(c, cell->weights + RECURRENT_WEIGHTS) != NULL;
  int64_t H = ref_in(c, cell->weights + STATE_WEIGHT)->dims[1], GH = cell->gates * H;
  Loop l = loop_of(c, 1 + two_way, H);
  int64_t rows = l.steps * l.batch;
  double *n_bias = xcalloc((size_t)(2 * H), sizeof *n_bias);
  l.gates = xcalloc((size_t)max_i64(rows * l.directions * GH, 1), sizeof *l.gates);
  for (int64_t d = 0; d < l.directions; d++) {
    int first = cell->weights + (int)d * RECURRENT_WEIGHTS;
    ref_affine(rows, c->in[0]->f, ref_in(c, first + INPUT_WEIGHT), ref_in(c, first + INPUT_BIAS), l.gates + d * GH,
               l.directions * GH);
    add_state_bias(&l, n_bias, ref_in(c, first + STATE_BIAS), d, rows);
    memcpy(l.weight + d * GH * H, ref_in(c, first + STATE_WEIGHT)->f, sizeof(double) * (size_t)(GH * H));
  }
  l.bias = n_bias;
  l.h0 = ref_in(c, cell->h0);
  l.c0 = cell->c0 < 0 ? NULL : ref_in(c, cell->c0);
  l.lengths = ref_in(c, cell->lengths);
  l.peepholes = cell->peepholes < 0 ? NULL : ref_in(c, cell->peepholes);
  run(&l);
  free(l.gates);
  free(n_bias);
  free(l.weight);
  return true;
}

bool ref_lstm(RefCall *c) { return ref_layer(c); }
bool ref_gru(RefCall *c) { return ref_layer(c); }
bool ref_rnn(RefCall *c) { return ref_layer(c); }
