// Shapes of token ops, over [N, T, D].
#include "ir/graph/infer_common.h"

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

bool infer_position_embedding(Infer *in) {
  const Type *x = operand_type(in, 0);
  return infer_rank(in, 0, 3) &&
         infer_parameter(in, IN_POSITION_EMBEDDING_embedding, x->dtype, 3, (Dim[]){1, x->dims[1], x->dims[2]}) &&
         infer_same(in, x);
}

bool weights_POSITION_EMBEDDING(Infer *in, const Attr *args, const Type **out) {
  (void)args;
  Dim T, D;
  if (!infer_rank(in, 0, 3) || !infer_known_dim(in, 1, &T) || !infer_known_dim(in, 2, &D)) return false;
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
