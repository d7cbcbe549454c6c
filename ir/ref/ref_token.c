// Tokens of Vision Transformers, [N, T, D].
#include "ir/ref/ref_ops.h"
#include <string.h>

bool ref_class_token(RefCall *c) {
  const RefTensor *x = ref_in(c, IN_CLASS_TOKEN_x), *token = ref_in(c, IN_CLASS_TOKEN_token);
  int64_t D = x->dims[2], tokens = x->dims[1] * D;
  for (int64_t n = 0; n < x->dims[0]; n++) {
    double *out = c->out->f + n * (tokens + D);
    memcpy(out, token->f, sizeof *out * (size_t)D);
    memcpy(out + D, x->f + n * tokens, sizeof *out * (size_t)tokens);
  }
  return true;
}

bool ref_position_embedding(RefCall *c) {
  const RefTensor *x = ref_in(c, IN_POSITION_EMBEDDING_x), *embedding = ref_in(c, IN_POSITION_EMBEDDING_embedding);
  RefWalk w = ref_walk(x->rank, x->dims);
  if (!ref_walk_broadcast(&w, 0, c, embedding, 0)) return false;
  for (int64_t k = 0; k < x->count; k++, ref_walk_next(&w)) c->out->f[k] = x->f[k] + embedding->f[w.offset[0]];
  return true;
}

bool ref_token(RefCall *c) {
  const RefTensor *x = ref_in(c, IN_TOKEN_x);
  int64_t T = x->dims[1], D = x->dims[2], index = NODE_ATTR(c->node, TOKEN, index)->i;
  index += index < 0 ? T : 0;
  if (index < 0 || index >= T) return ref_fail(c, "there is no token %ld among %ld", (long)index, (long)T);
  for (int64_t n = 0; n < x->dims[0]; n++)
    for (int64_t d = 0; d < D; d++) ref_move(c->out, n * D + d, x, (n * T + index) * D + d);
  return true;
}
