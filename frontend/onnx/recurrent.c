// LSTM, GRU and RNN. ONNX has the weights of both directions in one tensor, the gates in another order.
#include "ir/graph/recurrent.h"
#include "frontend/onnx/nodes.h"
#include <string.h>
#include <strings.h>

// Operands of all three: X, W, R, B, sequence_lens, initial_h; of LSTM also initial_c and P.
enum { OF_X, OF_W, OF_R, OF_B, OF_LENGTHS, OF_H, OF_C, OF_PEEPHOLES };

typedef struct Layer {
  Call *c;
  const RecurrentCell *cell;
  int directions;
  int64_t size;     // of the state
  bool batch_first; // `layout`
} Layer;

// ---- weights

// Where ONNX has the gates of PyTorch's order.
static const int *order_of(const RecurrentCell *cell) {
  static const int lstm[] = {0, 2, 3, 1}, gru[] = {1, 0, 2}, rnn[] = {0}; // i, o, f, c; z, r, h
  return cell->op == OP_LSTM ? lstm : cell->op == OP_GRU ? gru : rnn;
}

// Of a constant [directions, rows, ...] the gates of a direction, whose first row is `first`, as a constant.
static Value *constant_gates(const Layer *l, Value *v, int direction, int64_t first) {
  const Type *t = v->type;
  Module *m = l->c->im->m;
  DType stored;
  const char *from = weight_data(v->weight, &stored);
  int G = l->cell->gates;
  Dim dims[] = {G * l->size, t->rank == 3 ? t->dims[2] : 1};
  size_t row = (size_t)dims[1] * dtype_size(stored), gate = (size_t)l->size * row;
  Blob *b = blob_malloc(gate * (size_t)G);
  from += (size_t)(direction * t->dims[1] + first) * row;
  for (int g = 0; g < G; g++) memcpy((char *)b->data + g * gate, from + order_of(l->cell)[g] * gate, gate);
  const char *name = arena_printf(m->arena, "%s.%d", v->weight->name, direction);
  return graph_dense(m, name, type_get(m, stored, t->rank - 1, dims), b)->value;
}

// The same of any value.
static Value *gates_of(const Layer *l, Value *v, int direction, int64_t first) {
  Call *c = l->c;
  DType stored;
  if (v->kind == VALUE_WEIGHT && weight_data(v->weight, &stored)) return constant_gates(l, v, direction, first);
  Value *parts[4], *of = call_slice(c, v, 0, direction, direction + 1);
  for (int g = 0; g < l->cell->gates; g++) {
    int64_t at = first + order_of(l->cell)[g] * l->size;
    if (!(parts[g] = call_slice(c, of, 1, at, at + l->size))) return NULL;
  }
  Value *all = call_concat(c, 1, l->cell->gates, parts);
  return all ? call_reshape(c, all, v->type->rank - 1, all->type->dims + 1) : NULL;
}

static bool read_weights(const Layer *l, Value **operands) {
  Value *w = call_value(l->c, OF_W), *r = call_value(l->c, OF_R), *bias = call_value(l->c, OF_B);
  int64_t rows = l->cell->gates * l->size;
  for (int d = 0; d < l->directions; d++) {
    Value **of = operands + l->cell->weights + d * RECURRENT_WEIGHTS;
    if (!(of[INPUT_WEIGHT] = gates_of(l, w, d, 0)) || !(of[STATE_WEIGHT] = gates_of(l, r, d, 0))) return false;
    if (bias && (!(of[INPUT_BIAS] = gates_of(l, bias, d, 0)) || !(of[STATE_BIAS] = gates_of(l, bias, d, rows))))
      return false;
  }
  return true;
}

static bool has_dims(const Type *t, int rank, const Dim *dims) {
  if (!t || t->rank != rank) return false;
  for (int i = 0; i < rank; i++)
    if (t->dims[i] != dims[i]) return false;
  return true;
}

static bool check_weights(const Layer *l) {
  Call *c = l->c;
  Dim rows = l->cell->gates * l->size, D = l->directions;
  const Type *x = call_type(c, OF_X), *w = call_type(c, OF_W), *bias = call_type(c, OF_B);
  if (!x || x->rank != 3) return call_fail(c, "its operand X is not of 3 dimensions");
  if (!has_dims(w, 3, (Dim[]){D, rows, x->dims[2]}))
    return call_fail(c, "W is %s; it has to be of %d directions and %lld rows, for %s",
                     w ? type_str(c->im->m, w) : "absent", l->directions, (long long)rows, type_str(c->im->m, x));
  if (!has_dims(call_type(c, OF_R), 3, (Dim[]){D, rows, l->size}))
    return call_fail(c, "R does not belong to W and a state of %lld", (long long)l->size);
  return !call_has(c, OF_B) || has_dims(bias, 2, (Dim[]){D, 2 * rows}) ||
         call_fail(c, "B is no list of %lld numbers for each direction", (long long)(2 * rows));
}

static void set(const Layer *l, Attr *attrs, const char *name, Attr v) { attrs[recurrent_attr(l->cell->op, name)] = v; }

// ---- functions

typedef struct FunctionRow {
  const char *onnx, *name;
  int numbers; // that it takes: none, alpha, alpha and beta
  double alpha, beta;
} FunctionRow;

static const FunctionRow functions[] = {
    {"Sigmoid", "sigmoid", 0, 1, 0},
    {"Tanh", "tanh", 0, 1, 0},
    {"Relu", "relu", 0, 1, 0},
    {"HardSigmoid", "hard_sigmoid", 2, 0.2, 0.5},
    {"LeakyRelu", "leaky_relu", 1, 0.01, 0},
    {"Affine", "affine", 2, 1, 0},
};

static const FunctionRow *find_function(ProtoBytes name) {
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
    if (strlen(functions[i].onnx) == name.size && !strncasecmp(functions[i].onnx, (const char *)name.data, name.size))
      return &functions[i];
  return NULL;
}

// Numbers are taken in order, by those functions that have some.
static bool read_functions(const Layer *l, Attr *attrs) {
  Call *c = l->c;
  const OnnxAttribute *a = call_attr(c, "activations");
  if (!a || !a->strings.n) return true;
  int each = l->cell->functions, n_alpha, n_beta, at_alpha = 0, at_beta = 0;
  const double *alphas, *betas;
  double alpha[2][RECURRENT_ROLES], beta[2][RECURRENT_ROLES];
  const FunctionRow *rows[2][RECURRENT_ROLES];
  bool same = true, numbers = false;
  if (a->strings.n != (size_t)(each * l->directions))
    return call_fail(c, "it has %zu activations, not %d", a->strings.n, each * l->directions);
  n_alpha = call_floats(c, "activation_alpha", &alphas);
  n_beta = call_floats(c, "activation_beta", &betas);
  for (int k = 0; k < each * l->directions; k++) {
    int d = k / each, i = k % each;
    ProtoBytes name = a->strings.data[k];
    const FunctionRow *f = rows[d][i] = find_function(name);
    if (!f) return call_fail(c, "its activation `%.*s` is not known", (int)name.size, (const char *)name.data);
    alpha[d][i] = f->numbers > 0 && at_alpha < n_alpha ? alphas[at_alpha++] : f->alpha;
    beta[d][i] = f->numbers > 1 && at_beta < n_beta ? betas[at_beta++] : f->beta;
    same = same && f == rows[0][i] && alpha[d][i] == alpha[0][i] && beta[d][i] == beta[0][i];
    numbers |= f->numbers > 0;
  }
  if (!same) return call_fail(c, "activations of its directions that differ are not known");
  for (RecurrentRole role = 0; role < RECURRENT_ROLES; role++) {
    int i = recurrent_function_index(l->cell, role);
    if (i >= 0) set(l, attrs, recurrent_function_attr(l->cell->op, role), call_word(c, rows[0][i]->name));
  }
  if (!numbers) return true;
  set(l, attrs, "alpha", call_reals(c, each, alpha[0]));
  set(l, attrs, "beta", call_reals(c, each, beta[0]));
  return true;
}

// ---- the node

static bool wanted(const Call *c, int i) { return i < c->n_out && *c->node->output.data[i]; }

static bool read_attributes(const Layer *l, Attr *attrs, bool reverse) {
  Call *c = l->c;
  double clip = call_float(c, "clip", 0);
  if (clip < 0) return call_fail(c, "its `clip` is below 0");
  set(l, attrs, "batch_first", ATTR_B(l->batch_first));
  set(l, attrs, "reverse", ATTR_B(reverse));
  set(l, attrs, "return_state", ATTR_B(wanted(c, 1) || wanted(c, 2)));
  if (clip > 0) set(l, attrs, "clip", ATTR_F(clip));
  if (l->cell->op == OP_LSTM) set(l, attrs, "coupled", ATTR_B(call_int(c, "input_forget", 0) != 0));
  if (l->cell->op == OP_GRU) set(l, attrs, "reset_after", ATTR_B(call_int(c, "linear_before_reset", 0) != 0));
  return read_functions(l, attrs);
}

// NULL: every sample has all steps.
static Value *lengths_of(const Layer *l) {
  const Known *k = call_known(l->c, OF_LENGTHS);
  Dim steps = call_type(l->c, OF_X)->dims[l->batch_first];
  bool all = k != NULL;
  for (int64_t i = 0; all && i < k->n; i++) all = k->e[i].i == steps;
  return all ? NULL : call_value(l->c, OF_LENGTHS);
}

// With `layout` ONNX has the batch of states before the directions.
static Value *state(const Layer *l, Value *v) {
  return l->batch_first && v ? call_permute(l->c, v, (int64_t[]){1, 0, 2}) : v;
}

static bool put_results(const Layer *l, const Node *n, DType dtype) {
  Call *c = l->c;
  const Type *t = result(n)->type;
  Dim steps = t->dims[0], batch = t->dims[1], D = l->directions; // or the other way round
  Value *y = result(n);
  if (D == 1 && !l->batch_first)
    y = call_reshape(c, y, 4, (Dim[]){steps, 1, batch, l->size});
  else
    y = call_reshape(c, y, 4, (Dim[]){steps, batch, D, l->size});
  if (D == 2 && !l->batch_first) y = call_permute(c, y, (int64_t[]){0, 2, 1, 3});
  if (wanted(c, 0) && !call_result(c, 0, call_cast(c, y, dtype))) return false;
  for (int i = 1; i <= l->cell->states; i++)
    if (wanted(c, i) && !call_result(c, i, call_cast(c, state(l, n->results[i]), dtype))) return false;
  return true;
}

bool convert_recurrent(Call *c, OpKind op) {
  Layer l = {.c = c, .cell = recurrent_cell(op), .batch_first = call_int(c, "layout", 0) != 0};
  const char *direction = call_text(c, "direction", "forward");
  const Type *r = call_type(c, OF_R);
  bool reverse = !strcmp(direction, "reverse"), both = !strcmp(direction, "bidirectional");
  if (!reverse && !both && strcmp(direction, "forward"))
    return call_fail(c, "its direction `%s` is not known", direction);
  if (!r || r->rank != 3 || !dim_is_const(r->dims[2])) return call_fail(c, "R is no matrix for each direction");
  l.directions = 1 + both;
  l.size = r->dims[2];
  if (call_int(c, "hidden_size", l.size) != l.size)
    return call_fail(c, "its hidden_size is not that of R, %lld", (long long)l.size);
  Attr *attrs = call_attrs(c, op);
  Value *operands[32] = {call_value(c, OF_X)};
  if (!check_weights(&l) || !read_attributes(&l, attrs, reverse) || !read_weights(&l, operands)) return false;
  DType dtype = operands[0]->type->dtype;
  operands[l.cell->h0] = state(&l, call_value(c, OF_H));
  if (op == OP_LSTM) operands[l.cell->c0] = state(&l, call_value(c, OF_C));
  if (op == OP_LSTM) operands[l.cell->peepholes] = call_value(c, OF_PEEPHOLES);
  int n = op_info(op)->n_operands;
  for (int i = 0; i < n; i++)
    if (operands[i]) operands[i] = call_cast(c, operands[i], DT_F32);
  operands[l.cell->lengths] = lengths_of(&l);
  Node *made = call_make(c, op, n, operands, attrs);
  return made && put_results(&l, made, dtype);
}
