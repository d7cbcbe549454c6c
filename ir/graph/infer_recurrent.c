// Shapes of recurrent layers.
#include "ir/graph/infer_common.h"
#include "ir/graph/recurrent.h"

static const Attr *attr(const Infer *in, const char *name) { return &in->attrs[recurrent_attr(in->op, name)]; }

static bool check_functions(Infer *in, const RecurrentCell *cell) {
  static const char *const lists[] = {"alpha", "beta"};
  for (int i = 0; i < 2; i++) {
    int n = attr(in, lists[i])->n;
    if (n && n != cell->functions)
      return infer_fail(in, "%s: `%s` has %d numbers for %d functions", op_info(in->op)->name, lists[i], n,
                        cell->functions);
  }
  if (attr(in, "clip")->f > 0) return true;
  return infer_fail(in, "%s: `clip` must be positive", op_info(in->op)->name);
}

// Operand i: how many steps each of `batch` samples has.
static bool check_lengths(Infer *in, int i, Dim batch) {
  const Type *t = operand_type(in, i);
  return !t || (infer_integers(in, i) && infer_parameter(in, i, t->dtype, 1, &batch));
}

// y, and the states that the node returns.
static bool results(Infer *in, const RecurrentCell *cell, Dim directions, Dim H) {
  const Type *x = operand_type(in, 0);
  Dim batch = x->dims[attr(in, "batch_first")->i ? 0 : 1];
  if (!infer_shape(in, x->dtype, 3, (Dim[]){x->dims[0], x->dims[1], mul(in, directions, H)})) return false;
  for (int i = 0; attr(in, "return_state")->i && i < cell->states; i++)
    if (!infer_shape(in, x->dtype, 3, (Dim[]){directions, batch, H})) return false;
  return true;
}

static bool check_direction(Infer *in, const RecurrentCell *cell, int first, Dim H) {
  const Type *x = operand_type(in, 0);
  Dim rows = cell->gates * H;
  if (!operand_type(in, first + INPUT_WEIGHT) || !operand_type(in, first + STATE_WEIGHT))
    return infer_fail(in, "%s: a direction needs both `%s` and `%s`", op_info(in->op)->name,
                      infer_operand_name(in, first + INPUT_WEIGHT), infer_operand_name(in, first + STATE_WEIGHT));
  return infer_parameter(in, first + INPUT_WEIGHT, x->dtype, 2, (Dim[]){rows, x->dims[2]}) &&
         infer_parameter(in, first + STATE_WEIGHT, x->dtype, 2, (Dim[]){rows, H}) &&
         infer_parameter(in, first + INPUT_BIAS, x->dtype, 1, &rows) &&
         infer_parameter(in, first + STATE_BIAS, x->dtype, 1, &rows);
}

static bool is_two_way(const Infer *in, const RecurrentCell *cell) {
  for (int i = 0; i < RECURRENT_WEIGHTS; i++)
    if (operand_type(in, cell->weights + RECURRENT_WEIGHTS + i)) return true;
  return false;
}

static bool infer_layer(Infer *in) {
  const RecurrentCell *cell = recurrent_cell(in->op);
  const Type *x = operand_type(in, 0), *r = operand_type(in, cell->weights + STATE_WEIGHT);
  if (!infer_rank(in, 0, 3) || !infer_float(in, 0) || !infer_rank(in, cell->weights + STATE_WEIGHT, 2)) return false;
  bool two_way = is_two_way(in, cell);
  Dim H = r->dims[1], batch = x->dims[attr(in, "batch_first")->i ? 0 : 1], state[] = {1 + two_way, batch, H};
  if (!dim_is_const(H))
    return infer_fail(in, "%s: the size of its state, dimension 1 of `%s` (%s), must be known", op_info(in->op)->name,
                      infer_operand_name(in, cell->weights + STATE_WEIGHT), infer_str(in, r));
  if (two_way && attr(in, "reverse")->i)
    return infer_fail(in, "%s: `reverse` is for a layer of one direction", op_info(in->op)->name);
  if (!check_functions(in, cell) || !check_direction(in, cell, cell->weights, H) ||
      (two_way && !check_direction(in, cell, cell->weights + RECURRENT_WEIGHTS, H)) ||
      !infer_parameter(in, cell->h0, x->dtype, 3, state) || !check_lengths(in, cell->lengths, batch))
    return false;
  bool lstm = cell->states == 2;
  return (!lstm || (infer_parameter(in, cell->c0, x->dtype, 3, state) &&
                    infer_parameter(in, cell->peepholes, x->dtype, 2, (Dim[]){1 + two_way, 3 * H}))) &&
         results(in, cell, 1 + two_way, H);
}

bool infer_lstm(Infer *in) { return infer_layer(in); }
bool infer_gru(Infer *in) { return infer_layer(in); }
bool infer_rnn(Infer *in) { return infer_layer(in); }

static bool layer_weights(Infer *in, const Attr *args, const Type **out) {
  const RecurrentCell *cell = recurrent_cell(in->op);
  const Type *x = operand_type(in, 0);
  int64_t hidden = infer_arg(in, args, "hidden_size")->i, layer = infer_arg(in, args, "layer")->i;
  bool bias = infer_arg(in, args, "bias")->i;
  Dim features;
  if (!infer_rank(in, 0, 3) || !infer_known_dim(in, 2, &features) || !infer_count(in, "hidden_size", hidden))
    return false;
  if (layer < 0) return infer_fail(in, "%s: `layer` counts from 0", op_info(in->op)->name);
  Dim rows = cell->gates * hidden;
  for (int i = 0; i < 2; i++) {
    const Type **of = out + cell->weights + i * RECURRENT_WEIGHTS;
    of[INPUT_WEIGHT] = type_get(in->m, x->dtype, 2, (Dim[]){rows, features});
    of[STATE_WEIGHT] = type_get(in->m, x->dtype, 2, (Dim[]){rows, hidden});
    of[INPUT_BIAS] = of[STATE_BIAS] = bias ? type_get(in->m, x->dtype, 1, &rows) : NULL;
  }
  return true;
}

bool weights_LSTM(Infer *in, const Attr *args, const Type **out) { return layer_weights(in, args, out); }
bool weights_GRU(Infer *in, const Attr *args, const Type **out) { return layer_weights(in, args, out); }
bool weights_RNN(Infer *in, const Attr *args, const Type **out) { return layer_weights(in, args, out); }

bool infer_recurrent(Infer *in) {
  const RecurrentCell *cell = recurrent_cell_of(in->op, in->attrs);
  const Type *x = operand_type(in, IN_RECURRENT_x), *w = operand_type(in, IN_RECURRENT_weight);
  int64_t H = INFER_ATTR(in, RECURRENT, hidden_size)->i;
  if (!infer_rank(in, IN_RECURRENT_x, 3) || !infer_float(in, IN_RECURRENT_x) ||
      !infer_rank(in, IN_RECURRENT_weight, 5) || !infer_count(in, "hidden_size", H))
    return false;
  Dim directions = w->dims[0], batch = x->dims[INFER_ATTR(in, RECURRENT, batch_first)->i ? 0 : 1];
  Dim panels[] = {directions, ceil_div(H, 16), cell->gates, H, 16}, state[] = {directions, batch, H};
  if (directions != 1 && directions != 2)
    return infer_fail(in, "recurrent: `%s` (%s) is not of one or two directions",
                      infer_operand_name(in, IN_RECURRENT_weight), infer_str(in, w));
  if (!infer_may_equal(in, x->dims[2], mul(in, directions, cell->gates * H), "the gates of all directions"))
    return infer_fail(in, "recurrent: `%s` (%s) is not of %lld gates of %lld", infer_operand_name(in, 0),
                      infer_str(in, x), (long long)(directions * cell->gates), (long long)H);
  return check_functions(in, cell) && infer_parameter(in, IN_RECURRENT_weight, x->dtype, 5, panels) &&
         infer_parameter(in, IN_RECURRENT_bias, x->dtype, 2, (Dim[]){directions, H}) &&
         infer_parameter(in, IN_RECURRENT_h0, x->dtype, 3, state) &&
         infer_parameter(in, IN_RECURRENT_c0, x->dtype, 3, state) && check_lengths(in, IN_RECURRENT_lengths, batch) &&
         infer_parameter(in, IN_RECURRENT_peepholes, x->dtype, 2, (Dim[]){directions, 3 * H}) &&
         results(in, cell, directions, H);
}
