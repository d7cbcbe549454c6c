// What repeats elements, deals them out or leaves a part of them.
#include "frontend/onnx/folded.h"
#include "frontend/onnx/nodes.h"
#include <string.h>

// Each dimension that is repeated becomes two, [repeats, size], for a while.
bool convert_tile(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  const int64_t *repeats;
  int n, rank = 0;
  if (!x || !call_int_list(c, NULL, 1, &repeats, &n)) return false;
  const Type *t = x->type;
  Dim apart[2 * MAX_RANK], wide[2 * MAX_RANK], dims[MAX_RANK];
  if (n != t->rank) return call_fail(c, "it has %d repeats for %d dimensions", n, t->rank);
  for (int i = 0; i < n; i++) {
    dims[i] = dim_mul(c->im->m->dims, t->dims[i], repeats[i]);
    if (repeats[i] != 1) {
      apart[rank] = 1;
      wide[rank++] = repeats[i];
    }
    wide[rank] = apart[rank] = t->dims[i];
    rank++;
  }
  if (rank > MAX_RANK) return call_fail(c, "it has more than %d dimensions", MAX_RANK);
  Value *y = call_expand(c, call_reshape(c, x, rank, apart), rank, wide);
  return call_result(c, 0, call_reshape(c, y, n, dims));
}

// The picture [N, C, H, W] in other factors of its dimensions, those in another order.
static bool dealt(Call *c, Value *x, const Dim *factors, const int64_t *order, const Dim *dims) {
  return call_result(c, 0, call_reshape(c, call_permute(c, call_reshape(c, x, 6, factors), order), 4, dims));
}

static bool picture_blocks(Call *c, Value *x, int64_t *r) {
  *r = call_int(c, "blocksize", 0);
  if (!x) return false;
  if (x->type->rank != 4) return call_fail(c, "its operand is not of 4 dimensions");
  return (*r > 0 && *r <= 1 << 15) || call_fail(c, "`blocksize` is %lld", (long long)*r);
}

bool convert_depth_to_space(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  int64_t r;
  if (!picture_blocks(c, x, &r)) return false;
  DimTable *t = c->im->m->dims;
  const Dim *d = x->type->dims, dims[] = {d[0], dim_floordiv(t, d[1], r * r), dim_mul(t, d[2], r), dim_mul(t, d[3], r)};
  if (strcmp(call_text(c, "mode", "DCR"), "CRD"))
    return dealt(c, x, (Dim[]){d[0], r, r, dims[1], d[2], d[3]}, (int64_t[]){0, 3, 4, 1, 5, 2}, dims);
  return dealt(c, x, (Dim[]){d[0], dims[1], r, r, d[2], d[3]}, (int64_t[]){0, 1, 4, 2, 5, 3}, dims);
}

bool convert_space_to_depth(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  int64_t r;
  if (!picture_blocks(c, x, &r)) return false;
  DimTable *t = c->im->m->dims;
  const Dim *d = x->type->dims,
            dims[] = {d[0], dim_mul(t, d[1], r * r), dim_floordiv(t, d[2], r), dim_floordiv(t, d[3], r)};
  return dealt(c, x, (Dim[]){d[0], d[1], dims[2], r, dims[3], r}, (int64_t[]){0, 3, 5, 1, 2, 4}, dims);
}

// `op` of column - row, for the last two dimensions of a t, and k.
static Value *diagonal(Call *c, OpKind op, const Type *t, int64_t k) {
  Value *row = call_positions(c, t, t->rank - 2), *column = call_positions(c, t, t->rank - 1);
  return call_with(c, op, row && column ? call_binary(c, OP_SUB, column, row) : NULL, (double)k);
}

bool convert_trilu(Call *c, OpKind op) {
  (void)op;
  if (call_is_empty(c, 0)) return call_result_known(c, 0, call_known(c, 0));
  Value *x = call_value(c, 0);
  const int64_t *k, zero = 0;
  int n;
  if (!x || !call_int_list(c, NULL, 1, &k, &n)) return false;
  if (x->type->rank < 2) return call_fail(c, "its operand is no matrix");
  if (n > 1) return call_fail(c, "its k is not one number");
  if (n < 1) k = &zero;
  Value *kept = diagonal(c, call_int(c, "upper", 1) ? OP_GE : OP_LE, x->type, *k);
  return call_result(c, 0, call_where(c, kept, x, call_scalar(c, x->type->dtype, 0)));
}

bool convert_eye_like(Call *c, OpKind op) {
  (void)op;
  const Type *t = call_type(c, 0);
  if (!t || t->rank != 2) return call_fail(c, "its operand is no matrix");
  DType dtype = t->dtype;
  int64_t wanted = call_int(c, "dtype", 0);
  if (wanted && !tensor_dtype(wanted, &dtype))
    return call_fail(c, "nncc has no elements of type %s", tensor_type_name(wanted));
  return call_result(c, 0, call_cast(c, diagonal(c, OP_EQ, t, call_int(c, "k", 0)), dtype));
}

static bool whole(const Known *k, Dim *i) {
  *i = k->e->i;
  return k->n == 1 && (!known_is_real(k) || ratio_whole(*k->e, i));
}

// Numbers in order: between sizes that may be open, in whole steps.
bool convert_range(Call *c, OpKind op) {
  (void)op;
  const Known *start = call_need_known(c, 0), *end = start ? call_need_known(c, 1) : NULL,
              *step = end ? call_need_known(c, 2) : NULL;
  Dim from, to, by;
  if (!step) return false;
  if (known_fold(c)) return true;
  if (!whole(start, &from) || !whole(end, &to) || !whole(step, &by) || end->dtype != start->dtype ||
      step->dtype != start->dtype || !dim_is_const(by))
    return call_fail(c, "it is neither of known numbers nor of sizes in whole steps");
  DType counted = known_is_real(start) ? DT_I64 : start->dtype;
  return call_result(c, 0, call_cast(c, call_arange(c, counted, from, to, by), start->dtype));
}

// The elements of the first lens[b] of each sequence in reverse order.
bool convert_reverse_sequence(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0), *lengths = call_cast(c, call_value(c, 1), DT_I64);
  int64_t time = call_int(c, "time_axis", 0), batch = call_int(c, "batch_axis", 1);
  if (!x || !lengths || !call_axis(c, &time, x->type->rank) || !call_axis(c, &batch, x->type->rank)) return false;
  const Type *t = x->type;
  if (time == batch || lengths->type->rank != 1) return call_fail(c, "its lengths are not one a sequence");
  Value *at = call_positions(c, t, (int)time);
  lengths = call_insert_dims(c, lengths, 1, t->rank - 1 - (int)batch);
  Value *back = call_with(c, OP_SUB, call_binary(c, OP_SUB, lengths, at), 1);
  Value *from = call_where(c, call_binary(c, OP_LT, at, lengths), back, at);
  return call_result(c, 0, call_gather(c, x, time, call_expand(c, from, t->rank, t->dims)));
}
