// Tokens of Vision Transformers, [N, T, D].
#include "ir/ref/ref_ops.h"
#include <string.h>

bool ref_class_token(RefCall *c) {
  const RefTensor *x = ref_in(c, IN_CLASS_TOKEN_x), *token = ref_in(c, IN_CLASS_TOKEN_token);
  int64_t D = x->dims[2], tokens = x->dims[1] * D;
  for (int64_t n = 0; n < x->dims[0]; n++) {
    int64_t *out = ref_cells(c->out) + n * (tokens + D);
    memcpy(out, ref_cells(token), sizeof *out * (size_t)D);
    memcpy(out + D, ref_cells(x) + n * tokens, sizeof *out * (size_t)tokens);
  }
  return true;
}

bool ref_position_embedding(RefCall *c) {
  const RefTensor *x = ref_in(c, IN_POSITION_EMBEDDING_x), *embedding = ref_in(c, IN_POSITION_EMBEDDING_embedding);
  const Attr *old_size = NODE_ATTR(c->node, POSITION_EMBEDDING, old_size),
             *new_size = NODE_ATTR(c->node, POSITION_EMBEDDING, new_size);
  int64_t D = x->dims[2], each = x->dims[1] * D;
  double *positions = xmalloc(sizeof *positions * (size_t)max_i64(each, 1));
  if (old_size->n)
    ref_resample_positions(embedding->f, old_size->ints, new_size->ints,
                           NODE_ATTR(c->node, POSITION_EMBEDDING, num_prefix_tokens)->i, D, positions);
  else
    memcpy(positions, embedding->f, sizeof *positions * (size_t)each);
  for (int64_t k = 0; k < x->count; k++) c->out->f[k] = x->f[k] + positions[k % each];
  free(positions);
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
