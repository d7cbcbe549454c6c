#include "ir/graph/macs.h"
#include "ir/graph/recurrent.h"

double macs_extent(const Module *m, Dim d) {
  int64_t values[MAX_SYMBOLS];
  dim_least(m->dims, values);
  return (double)dim_eval(m->dims, d, values);
}

double macs_product(const Module *m, const Type *t, int from, int to) {
  double n = 1;
  for (int i = from < 0 ? 0 : from; i < to; i++) n *= macs_extent(m, t->dims[i]);
  return n;
}

static double elements(const Module *m, const Type *t) { return macs_product(m, t, 0, t->rank); }

// Of an operand that is a matrix applied at every one of `rows` positions.
static double matrix(const Module *m, const Node *n, int index, double rows) {
  const Value *w = operand(n, index);
  return w ? rows * elements(m, w->type) : 0;
}

static double attention_macs(const Module *m, const Node *n) {
  static const int weights[] = {IN_ATTENTION_qkv_weight, IN_ATTENTION_q_weight, IN_ATTENTION_k_weight,
                                IN_ATTENTION_v_weight, IN_ATTENTION_proj_weight};
  const Type *x = operand(n, 0)->type;
  double rows = macs_product(m, x, 0, x->rank - 1), tokens = macs_extent(m, x->dims[x->rank - 2]),
         width = macs_extent(m, x->dims[x->rank - 1]);
  double macs = 2 * rows * tokens * width; // q k^T and the sum over v
  for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) macs += matrix(m, n, weights[i], rows);
  return macs;
}

// Of both products of each direction.
static double recurrent_macs(const Module *m, const Node *n) {
  const RecurrentCell *cell = recurrent_cell(n->op);
  double rows = macs_product(m, operand(n, 0)->type, 0, 2), macs = 0;
  for (int first = cell->weights; first <= cell->weights + RECURRENT_WEIGHTS; first += RECURRENT_WEIGHTS)
    macs += matrix(m, n, first + INPUT_WEIGHT, rows) + matrix(m, n, first + STATE_WEIGHT, rows);
  return macs;
}

double macs_of(const Module *m, const Node *n) {
  const Type *out = result(n)->type, *x = n->n_operands && operand(n, 0) ? operand(n, 0)->type : NULL;
  switch (n->op) {
  case OP_CONV2D: return elements(m, out) * macs_product(m, operand(n, IN_CONV2D_weight)->type, 1, 4);
  case OP_CONV_TRANSPOSE2D: return elements(m, x) * macs_product(m, operand(n, IN_CONV_TRANSPOSE2D_weight)->type, 1, 4);
  case OP_CONV3D: return elements(m, out) * macs_product(m, operand(n, IN_CONV3D_weight)->type, 1, 5);
  case OP_CONV_TRANSPOSE3D: return elements(m, x) * macs_product(m, operand(n, IN_CONV_TRANSPOSE3D_weight)->type, 1, 5);
  case OP_PATCH_EMBED: return elements(m, out) * macs_product(m, operand(n, IN_PATCH_EMBED_weight)->type, 1, 4);
  case OP_LINEAR: return elements(m, out) * macs_extent(m, operand(n, IN_LINEAR_weight)->type->dims[1]);
  case OP_MATMUL: return elements(m, out) * macs_extent(m, x->dims[x->rank - 1]);
  case OP_ATTENTION: return attention_macs(m, n);
  case OP_LSTM:
  case OP_GRU:
  case OP_RNN: return recurrent_macs(m, n);
  case OP_RECURRENT: {
    double width = (double)NODE_ATTR(n, RECURRENT, hidden_size)->i;
    return elements(m, x) * width;
  }
  case OP_ATTENTION_CORE: return 2 * macs_product(m, out, 0, out->rank) * macs_extent(m, out->dims[out->rank - 2]);
  case OP_SCALED_DOT_PRODUCT_ATTENTION: {
    const Type *k = operand(n, 1)->type;
    return (elements(m, x) + elements(m, out)) * macs_extent(m, k->dims[k->rank - 2]);
  }
  default: return 0;
  }
}
