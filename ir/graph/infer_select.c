// Shapes of ops whose results are as long as a run finds.
#include "ir/graph/infer_common.h"
#include <string.h>

bool infer_nms(Infer *in) {
  const Type *boxes = operand_type(in, IN_NMS_boxes), *scores = operand_type(in, IN_NMS_scores);
  DimTable *t = in->m->dims;
  if (!infer_rank(in, IN_NMS_boxes, 3) || !infer_rank(in, IN_NMS_scores, 3)) return false;
  if (boxes->dtype != DT_F32 || scores->dtype != DT_F32)
    return infer_fail(in, "nms expects boxes and scores in f32, not %s and %s; cast them", infer_str(in, boxes),
                      infer_str(in, scores));
  if (!infer_may_equal(in, boxes->dims[0], scores->dims[0], "pictures") ||
      !infer_may_equal(in, boxes->dims[1], scores->dims[2], "boxes") ||
      !infer_may_equal(in, boxes->dims[2], 4, "sides"))
    return infer_fail(in, "nms expects boxes [N, B, 4] and scores [N, classes, B], not %s and %s", infer_str(in, boxes),
                      infer_str(in, scores));
  double iou = INFER_ATTR(in, NMS, iou_threshold)->f;
  if (!(iou >= 0 && iou <= 1)) return infer_fail(in, "nms: `iou_threshold` is %g, not from 0 to 1", iou);
  Dim most = INFER_ATTR(in, NMS, max_output)->ints[0];
  if (!infer_hold(in, dim_le(t, 1, most), "`max_output` must be positive"))
    return infer_fail(in, "nms: `max_output` must be positive, not %s", infer_dim_str(in, most));
  Dim rows = mul(in, mul(in, scores->dims[0], scores->dims[1]), dim_min(t, most, boxes->dims[1])), count;
  if (!infer_counted(in, INFER_ATTR(in, NMS, count), rows, &count)) return false;
  return infer_shape(in, DT_I64, 2, (Dim[]){count, 3});
}

bool infer_nonzero(Infer *in) {
  const Type *x = operand_type(in, 0);
  Dim count;
  if (!infer_min_rank(in, 0, 1) ||
      !infer_counted(in, INFER_ATTR(in, NONZERO, count), infer_product(in, x->rank, x->dims), &count))
    return false;
  return infer_shape(in, DT_I64, 2, (Dim[]){count, x->rank});
}

bool infer_compress(Infer *in) {
  const Type *x = operand_type(in, IN_COMPRESS_x), *condition = operand_type(in, IN_COMPRESS_condition);
  int64_t *axis = &INFER_ATTR(in, COMPRESS, dim)->i;
  Dim dims[MAX_RANK];
  if (!infer_min_rank(in, 0, 1) || !infer_rank(in, IN_COMPRESS_condition, 1) || !infer_axis(in, "dim", x->rank, axis))
    return false;
  if (!infer_hold(in, dim_le(in->m->dims, condition->dims[0], x->dims[*axis]), "the condition must fit x"))
    return infer_fail(in, "compress: `%s` (%s) is longer than dimension %d of `%s` (%s)",
                      infer_operand_name(in, IN_COMPRESS_condition), infer_str(in, condition), (int)*axis,
                      infer_operand_name(in, 0), infer_str(in, x));
  memcpy(dims, x->dims, sizeof *dims * (size_t)x->rank);
  if (!infer_counted(in, INFER_ATTR(in, COMPRESS, count), condition->dims[0], &dims[*axis])) return false;
  return infer_shape(in, x->dtype, x->rank, dims);
}

bool infer_unique(Infer *in) {
  const Type *x = operand_type(in, 0);
  Attr *dim = INFER_ATTR(in, UNIQUE, dim);
  if (dim->n > 1) return infer_fail(in, "unique: `dim` is one dimension, or none; it has %d", dim->n);
  if (!infer_axes(in, "dim", x->rank, dim)) return false;
  int axis = dim->n ? (int)dim->ints[0] : 0, rank = dim->n ? x->rank : 1;
  Dim size = dim->n ? x->dims[axis] : infer_product(in, x->rank, x->dims), dims[MAX_RANK], count;
  if (!infer_counted(in, INFER_ATTR(in, UNIQUE, count), size, &count)) return false;
  for (int i = 0; i < rank; i++) dims[i] = i == axis ? count : x->dims[i];
  return infer_shape(in, x->dtype, rank, dims) && infer_shape(in, DT_I64, 1, &count) &&
         infer_shape(in, DT_I64, 1, &size) && infer_shape(in, DT_I64, 1, &count);
}
