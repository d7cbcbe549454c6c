// Recurrent layers. ONNX has the weights of both directions in one tensor, the gates in another order.
#include "ir/graph/recurrent.h"
#include "frontend/write_onnx/export.h"
#include "ir/core/checked.h"

typedef struct Layer {
  Export *e;
  const RecurrentCell *cell;
  int64_t directions, size;
  Term *weight, *state_weight; // [directions, gates, size, features], [directions, gates, size, size]
  Term *bias, *state_bias;     // [directions, gates, size]; NULL: none
  Term *h0, *c0, *lengths, *peepholes;
} Layer;

static const Attr *attr(const Layer *l, const char *name) {
  int i = recurrent_attr(l->e->node->op, name);
  return i < 0 ? NULL : &l->e->node->attrs[i];
}

static bool flag(const Layer *l, const char *name) { return attr(l, name) && attr(l, name)->i; }

// The gates in ONNX's order: i, o, f, c; z, r, h.
static Term *ordered(const Layer *l, Term *x) {
  static const int lstm[] = {0, 3, 1, 2}, gru[] = {1, 0, 2};
  const int *order = l->cell->op == OP_LSTM ? lstm : gru;
  Term *parts[4];
  if (l->cell->gates == 1) return x;
  for (int g = 0; g < l->cell->gates; g++) parts[g] = shape_slice(l->e, x, 1, order[g], order[g] + 1);
  return shape_concat(l->e, l->cell->gates, parts, 1);
}

static Term *matrix(const Layer *l, Term *x, Dim columns) {
  return shape_reshape(l->e, ordered(l, x), 3, (Dim[]){l->directions, l->cell->gates * l->size, columns});
}

static Term *no_bias(const Layer *l, int64_t gates) {
  return shape_reshape(l->e, export_filled(l->e, l->e->dtype, l->directions * gates * l->size, 0), 3,
                       (Dim[]){l->directions, gates, l->size});
}

static Term *biases(const Layer *l) {
  if (!l->bias && !l->state_bias) return NULL;
  Term *parts[] = {l->bias, l->state_bias};
  for (int i = 0; i < 2; i++) {
    Term *all = ordered(l, parts[i] ? parts[i] : no_bias(l, l->cell->gates));
    parts[i] = shape_reshape(l->e, all, 2, (Dim[]){l->directions, l->cell->gates * l->size});
  }
  return shape_concat(l->e, 2, parts, 1);
}

static const char *function_name(const char *name) {
  static const char *const names[][2] = {
      {"sigmoid", "Sigmoid"},      {"tanh", "Tanh"},    {"relu", "Relu"}, {"hard_sigmoid", "HardSigmoid"},
      {"leaky_relu", "LeakyRelu"}, {"affine", "Affine"}};
  size_t i = 0;
  while (strcmp(names[i][0], name)) i++;
  return names[i][1];
}

// ONNX's lists of numbers have those of the functions that take some.
static void put_functions(const Layer *l) {
  const char *names[2 * RECURRENT_ROLES];
  double alpha[2 * RECURRENT_ROLES], beta[2 * RECURRENT_ROLES];
  int n = 0, n_alpha = 0, n_beta = 0;
  for (int d = 0; d < l->directions; d++)
    for (RecurrentRole role = 0; role < RECURRENT_ROLES; role++) {
      if (recurrent_function_index(l->cell, role) < 0) continue;
      RecurrentFunction f = recurrent_function(l->e->node, role);
      bool line = !strcmp(f.name, "hard_sigmoid") || !strcmp(f.name, "affine");
      names[n++] = function_name(f.name);
      if (line || !strcmp(f.name, "leaky_relu")) alpha[n_alpha++] = f.alpha;
      if (line) beta[n_beta++] = f.beta;
    }
  export_texts(l->e, "activations", n, names);
  if (n_alpha) export_floats(l->e, "activation_alpha", n_alpha, alpha);
  if (n_beta) export_floats(l->e, "activation_beta", n_beta, beta);
}

static void put_attributes(const Layer *l) {
  double clip = attr(l, "clip")->f;
  export_int(l->e, "hidden_size", l->size);
  export_text(l->e, "direction", l->directions == 2 ? "bidirectional" : flag(l, "reverse") ? "reverse" : "forward");
  if (isfinite(clip)) export_float(l->e, "clip", clip);
  if (flag(l, "coupled")) export_int(l->e, "input_forget", 1);
  if (l->cell->op == OP_GRU) export_int(l->e, "linear_before_reset", flag(l, "reset_after"));
  put_functions(l);
}

// Of steps, batch and features; the result has the directions before the batch.
static void put_layer(const Layer *l, Term *x, Dim features) {
  Export *e = l->e;
  const Type *t = export_result_type(e);
  bool batch_first = flag(l, "batch_first");
  int64_t swapped[] = {1, 0, 2};
  if (batch_first) x = shape_permute(e, x, 3, swapped);
  Term *inputs[] = {x,
                    matrix(l, l->weight, features),
                    matrix(l, l->state_weight, l->size),
                    biases(l),
                    l->lengths ? export_cast(e, l->lengths, DT_I32) : NULL,
                    l->h0,
                    l->c0,
                    l->peepholes};
  const char *op = l->cell->op == OP_LSTM ? "LSTM" : l->cell->op == OP_GRU ? "GRU" : "RNN";
  Term *y = export_op(e, op, 8, inputs), *states[2];
  put_attributes(l);
  for (int i = 1; i < e->node->n_results; i++) states[i - 1] = export_further(e);
  y = shape_permute(e, y, 4, batch_first ? (int64_t[]){2, 0, 1, 3} : (int64_t[]){0, 2, 1, 3});
  export_out(e, shape_reshape(e, y, 3, t->dims));
  for (int i = 1; i < e->node->n_results; i++) {
    DType own = e->node->results[i]->type->dtype;
    export_result(e, i, own == e->dtype ? states[i - 1] : export_cast(e, states[i - 1], own));
  }
}

// That weight of each direction one after the other, as [directions, gates, size, ...]; NULL: none has it.
static Term *of_directions(const Layer *l, RecurrentWeight which, Dim columns) {
  Term *parts[2];
  bool any = false;
  for (int d = 0; d < l->directions; d++) {
    parts[d] = export_in(l->e, l->cell->weights + d * RECURRENT_WEIGHTS + (int)which);
    any |= parts[d] != NULL;
  }
  for (int d = 0; any && d < l->directions; d++)
    if (!parts[d]) parts[d] = export_filled(l->e, l->e->dtype, l->cell->gates * l->size, 0);
  if (!any) return NULL;
  Term *all = l->directions == 1 ? parts[0] : shape_concat(l->e, 2, parts, 0);
  Dim dims[] = {l->directions, l->cell->gates, l->size, columns};
  return shape_reshape(l->e, all, columns ? 4 : 3, dims);
}

void write_recurrent_layer(Export *e) {
  const RecurrentCell *cell = recurrent_cell(e->node->op);
  Dim features = export_type(e, 0)->dims[2];
  Layer l = {.e = e, .cell = cell, .size = export_type(e, cell->weights + STATE_WEIGHT)->dims[1]};
  l.directions = operand(e->node, cell->weights + RECURRENT_WEIGHTS) ? 2 : 1;
  l.weight = of_directions(&l, INPUT_WEIGHT, features);
  l.state_weight = of_directions(&l, STATE_WEIGHT, l.size);
  l.bias = of_directions(&l, INPUT_BIAS, 0);
  l.state_bias = of_directions(&l, STATE_BIAS, 0);
  l.h0 = export_in(e, cell->h0);
  l.lengths = export_operand(e, cell->lengths);
  if (cell->c0 >= 0) l.c0 = export_in(e, cell->c0);
  if (cell->peepholes >= 0) l.peepholes = export_in(e, cell->peepholes);
  put_layer(&l, export_in(e, 0), features);
}

// Its gates are sums already: W picks those of a direction.
void write_recurrent(Export *e) {
  const RecurrentCell *cell = recurrent_cell_of(e->node->op, e->node->attrs);
  int64_t H = EXPORT_ATTR(e, RECURRENT, hidden_size)->i, D = export_type(e, IN_RECURRENT_weight)->dims[0];
  int64_t G = cell->gates, U = ceil_div(H, 16), all = D * G * H;
  Layer l = {.e = e, .cell = cell, .size = H, .directions = D};
  Term *square = EXPORT(e, "Expand", export_scalar(e, e->dtype, 0), export_list(e, 2, (int64_t[]){all, all}));
  l.weight = shape_reshape(e, EXPORT(e, "EyeLike", square), 4, (Dim[]){D, G, H, all});
  Term *r = shape_permute(e, export_in(e, IN_RECURRENT_weight), 5, (int64_t[]){0, 2, 1, 4, 3});
  l.state_weight = shape_slice(e, shape_reshape(e, r, 4, (Dim[]){D, G, U * 16, H}), 2, 0, H);
  Term *bias = export_in(e, IN_RECURRENT_bias); // of GRU's n, the last gate
  if (bias) {
    Term *parts[] = {no_bias(&l, G - 1), shape_reshape(e, bias, 3, (Dim[]){D, 1, H})};
    l.state_bias = shape_concat(e, 2, parts, 1);
  }
  l.h0 = export_in(e, IN_RECURRENT_h0);
  l.c0 = export_in(e, IN_RECURRENT_c0);
  l.lengths = export_operand(e, IN_RECURRENT_lengths);
  l.peepholes = export_in(e, IN_RECURRENT_peepholes);
  put_layer(&l, export_in(e, IN_RECURRENT_x), all);
}
