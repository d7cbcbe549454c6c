// Shapes of what is taken from regions of a picture.
#include "ir/graph/infer_common.h"

bool infer_roi_align(Infer *in) {
  const Type *x = operand_type(in, IN_ROI_ALIGN_x), *boxes = operand_type(in, IN_ROI_ALIGN_boxes),
             *index = operand_type(in, IN_ROI_ALIGN_index);
  const Attr *size = INFER_ATTR(in, ROI_ALIGN, output_size);
  Attr *samples = INFER_ATTR(in, ROI_ALIGN, sampling_ratio);
  if (!infer_rank(in, IN_ROI_ALIGN_x, 4) || !infer_rank(in, IN_ROI_ALIGN_boxes, 2) ||
      !infer_rank(in, IN_ROI_ALIGN_index, 1) || !infer_float(in, IN_ROI_ALIGN_x) ||
      !infer_same_dtype(in, IN_ROI_ALIGN_boxes, x) || !infer_integers(in, IN_ROI_ALIGN_index) ||
      !infer_positive(in, "output_size", size))
    return false;
  if (!infer_may_equal(in, boxes->dims[1], 4, "sides") ||
      !infer_may_equal(in, boxes->dims[0], index->dims[0], "regions"))
    return infer_fail(in, "roi_align expects boxes [R, 4] and index [R], not %s and %s", infer_str(in, boxes),
                      infer_str(in, index));
  if (samples->i > ROI_SAMPLES_MOST)
    return infer_fail(in, "roi_align: `sampling_ratio` is %lld, at most %d", (long long)samples->i, ROI_SAMPLES_MOST);
  samples->i = max_i64(samples->i, 0);
  for (int i = 0; i < 4; i++)
    if (i != 1 && !infer_takes(in, x->dims[i], boxes->dims[0])) return false;
  return infer_shape(in, x->dtype, 4, (Dim[]){boxes->dims[0], x->dims[1], size->ints[0], size->ints[1]});
}
