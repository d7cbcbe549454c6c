// Attention of opsets 23 on.
#include "frontend/onnx/attend.h"
#include "frontend/onnx/nodes.h"
#include <math.h>

// A mask may be shorter than the keys: those behind are not seen.
static Value *lengthened(Call *c, Value *mask, Dim keys) {
  if (!mask || !mask->type->rank) return mask;
  Dim last = mask->type->dims[mask->type->rank - 1];
  if (last == keys || last == 1 || !dim_is_const(last) || !dim_is_const(keys) || last > keys) return mask;
  int64_t before[MAX_RANK] = {0}, after[MAX_RANK] = {0};
  after[mask->type->rank - 1] = keys - last;
  return call_pad(c, mask, before, after, "constant", mask->type->dtype == DT_BOOL ? 0 : -INFINITY);
}

static Value *joined(Call *c, Value *past, Value *now) {
  return past ? call_concat(c, 2, 2, (Value *[]){past, now}) : now;
}

// Operand 6: how many keys of each sample count. Those behind are masked, and positions are counted from the last.
static bool read_lengths(Call *c, Attend *a, Value **counted) {
  *counted = NULL;
  if (!call_has(c, 6)) return true;
  Value *lengths = call_cast(c, call_value(c, 6), DT_I64);
  if (!lengths || lengths->type->rank != 1) return call_fail(c, "its numbers of keys are no list");
  lengths = call_insert_dims(c, lengths, 1, 3);
  *counted = call_binary(c, OP_LT, call_arange(c, DT_I64, 0, a->k->type->dims[2], 1), lengths);
  a->offsets = call_binary(c, OP_SUB, lengths, call_dim(c, a->q->type->dims[2]));
  return *counted && a->offsets;
}

bool convert_attention(Call *c, OpKind op) {
  (void)op;
  Attend a = {.q = call_value(c, 0), .k = call_value(c, 1), .v = call_value(c, 2)};
  if (!a.q || !a.k || !a.v) return call_fail(c, "it needs queries, keys and values");
  DType dtype = a.q->type->dtype;
  bool flat = a.q->type->rank == 3;
  if (flat) {
    int64_t heads = call_int(c, "q_num_heads", 0), shared = call_int(c, "kv_num_heads", 0);
    if (!(a.q = attend_split(c, a.q, heads)) || !(a.k = attend_split(c, a.k, shared)) ||
        !(a.v = attend_split(c, a.v, shared)))
      return false;
  }
  Value *past = call_value(c, 4), *counted;
  if (past && past->type->rank == 4) a.past = past->type->dims[2];
  a.k = joined(c, past, a.k);
  a.v = joined(c, call_value(c, 5), a.v);
  if (!a.k || !a.v || a.k->type->rank != 4 || a.q->type->rank != 4)
    return call_fail(c, "its operands are not of 3 or 4 dimensions");
  if (c->n_out > 1) call_result(c, 1, a.k);
  if (c->n_out > 2) call_result(c, 2, a.v);
  if (!read_lengths(c, &a, &counted)) return false;
  a.mask = lengthened(c, call_value(c, 3), a.k->type->dims[2]);
  if (a.mask && a.mask->type->dtype != DT_BOOL) a.mask = call_cast(c, a.mask, DT_F32);
  a.mask = attend_restrict(c, a.mask, counted);
  a.causal = call_int(c, "is_causal", 0);
  a.left = call_int(c, "left_window_size", -1);
  a.right = call_int(c, "right_window_size", -1);
  a.scale = call_float(c, "scale", 0);
  a.softcap = call_float(c, "softcap", 0);
  a.shown = c->n_out > 3 && *c->node->output.data[3] ? (int)call_int(c, "qk_matmul_output_mode", 0) : -1;
  a.q = call_cast(c, a.q, DT_F32);
  a.k = call_cast(c, a.k, DT_F32);
  a.v = call_cast(c, a.v, DT_F32);
  Value *y = call_cast(c, attend(c, &a), dtype);
  if (a.shown >= 0 && !call_result(c, 3, call_cast(c, a.scores, dtype))) return false;
  return call_result(c, 0, flat ? attend_join(c, y) : y);
}
