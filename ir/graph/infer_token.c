// Shapes of token ops, over [N, T, D].
#include "ir/graph/infer_common.h"
#include <string.h>

bool infer_class_token(Infer *in) {
  const Type *x = operand_type(in, 0);
  return infer_rank(in, 0, 3) && infer_parameter(in, IN_CLASS_TOKEN_token, x->dtype, 3, (Dim[]){1, 1, x->dims[2]}) &&
         infer_shape(in, x->dtype, 3, (Dim[]){x->dims[0], add(in, x->dims[1], 1), x->dims[2]});
}

bool weights_CLASS_TOKEN(Infer *in, const Attr *args, const Type **out) {
  (void)args;
  Dim D;
  if (!infer_rank(in, 0, 3) || !infer_known_dim(in, 2, &D)) return false;
  out[IN_CLASS_TOKEN_token] = type_get(in->m, operand_type(in, 0)->dtype, 3, (Dim[]){1, 1, D});
  return true;
}

// The side of the square that x's tokens are behind the prefix; 0: they are none.
static int64_t square_side(Dim tokens, int64_t prefix) {
  int64_t side = 0;
  while (dim_is_const(tokens) && side <= INT16_MAX && side * side < tokens - prefix) side++;
  return side * side == tokens - prefix ? side : 0;
}

// Settles `new_size` of an embedding that is resampled, whose tokens are `*tokens` then. The grids are checked.
static bool resampled_tokens(Infer *in, const Attr *old_size, Attr *new_size, int64_t prefix, Dim *tokens) {
  const Type *x = operand_type(in, 0);
  if (prefix < 0 || prefix > INT32_MAX)
    return infer_fail(in, "position_embedding: %lld tokens before the grid", (long long)prefix);
  if (!infer_positive(in, "old_size", old_size) || !infer_positive(in, "new_size", new_size)) return false;
  if (!new_size->n) {
    int64_t side = square_side(x->dims[1], prefix);
    if (!side)
      return infer_fail(in, "position_embedding: the tokens of `%s` (%s) behind %lld are no square; state `new_size`",
                        infer_operand_name(in, 0), infer_str(in, x), (long long)prefix);
    infer_set_ints(in, new_size, 2, (int64_t[]){side, side});
  }
  Dim wanted = add(in, mul(in, new_size->ints[0], new_size->ints[1]), prefix);
  *tokens = add(in, mul(in, old_size->ints[0], old_size->ints[1]), prefix);
  if (infer_may_equal(in, x->dims[1], wanted, "tokens of the new grid")) return true;
  return infer_fail(in,
                    "position_embedding: a grid of %lld x %lld and %lld tokens before it are not the %s of `%s` (%s)",
                    (long long)new_size->ints[0], (long long)new_size->ints[1], (long long)prefix,
                    infer_dim_str(in, x->dims[1]), infer_operand_name(in, 0), infer_str(in, x));
}

bool infer_position_embedding(Infer *in) {
  const Type *x = operand_type(in, 0);
  const Attr *old_size = INFER_ATTR(in, POSITION_EMBEDDING, old_size);
  Attr *new_size = INFER_ATTR(in, POSITION_EMBEDDING, new_size);
  if (!infer_float(in, 0) || !infer_rank(in, 0, 3)) return false;
  Dim tokens = x->dims[1];
  if (!old_size->n && new_size->n) return infer_fail(in, "position_embedding: `new_size` needs `old_size`");
  if (old_size->n &&
      !resampled_tokens(in, old_size, new_size, INFER_ATTR(in, POSITION_EMBEDDING, num_prefix_tokens)->i, &tokens))
    return false;
  if (!infer_parameter(in, IN_POSITION_EMBEDDING_embedding, x->dtype, 3, (Dim[]){1, tokens, x->dims[2]})) return false;
  // As of the sum that it becomes: open dimensions of x are what the embedding has.
  Dim added[3], dims[MAX_RANK];
  memcpy(added, operand_type(in, IN_POSITION_EMBEDDING_embedding)->dims, sizeof added);
  if (old_size->n)
    added[1] = add(in, mul(in, new_size->ints[0], new_size->ints[1]),
                   INFER_ATTR(in, POSITION_EMBEDDING, num_prefix_tokens)->i);
  return infer_broadcast(in, 3, x->dims, 3, added, dims) == 3 && infer_shape(in, x->dtype, 3, dims);
}

bool weights_POSITION_EMBEDDING(Infer *in, const Attr *args, const Type **out) {
  const Attr *old_size = infer_arg(in, args, "old_size");
  Attr new_size = *infer_arg(in, args, "new_size");
  Dim T, D;
  if (!infer_rank(in, 0, 3) || !infer_known_dim(in, 2, &D)) return false;
  if (old_size->n) {
    if (!resampled_tokens(in, old_size, &new_size, infer_arg(in, args, "num_prefix_tokens")->i, &T)) return false;
  } else if (!infer_known_dim(in, 1, &T))
    return false;
  out[IN_POSITION_EMBEDDING_embedding] = type_get(in->m, operand_type(in, 0)->dtype, 3, (Dim[]){1, T, D});
  return true;
}

bool infer_token(Infer *in) {
  const Type *x = operand_type(in, 0);
  int64_t *index = &INFER_ATTR(in, TOKEN, index)->i;
  if (!infer_rank(in, 0, 3)) return false;
  bool absurd = *index <= -MAX_ELEMENTS || *index >= MAX_ELEMENTS;
  Dim T = x->dims[1], least = absurd ? MAX_ELEMENTS : *index < 0 ? -*index : *index + 1; // tokens that there must be
  if (absurd || !infer_hold(in, dim_le(in->m->dims, least, T), "there must be at least %lld tokens", (long long)least))
    return infer_fail(in, "token %lld is not among the %s of `%s` (%s)", (long long)*index, infer_dim_str(in, T),
                      infer_operand_name(in, 0), infer_str(in, x));
  if (*index < 0 && dim_is_const(T)) *index += T;
  return infer_shape(in, x->dtype, 2, (Dim[]){x->dims[0], x->dims[2]});
}
