// Results whose length a run finds. From then on the length is the dimension of the node that found it.
#include "frontend/write_onnx/export.h"

// `counted`: a term that has `count` elements along the axis.
static void found(Export *e, Dim count, Term *counted, int64_t axis) {
  if (dim_is_const(count)) return;
  Term *t = EXPORT(e, "Shape", counted);
  export_int(e, "start", axis);
  export_int(e, "end", axis + 1);
  dims_found(e, count, t);
}

void write_nms(Export *e) {
  const Attr *least = EXPORT_ATTR(e, NMS, score_threshold);
  Term *inputs[5] = {export_operand(e, IN_NMS_boxes), export_operand(e, IN_NMS_scores),
                     dims_number(e, EXPORT_ATTR(e, NMS, max_output)->ints[0]),
                     export_scalar(e, DT_F32, EXPORT_ATTR(e, NMS, iou_threshold)->f)};
  if (least->n) inputs[4] = export_scalar(e, DT_F32, least->floats[0]);
  Term *y = export_op(e, e->row->op, least->n ? 5 : 4, inputs);
  export_int(e, "center_point_box", EXPORT_ATTR(e, NMS, center)->i);
  export_result(e, 0, y);
  found(e, export_result_type(e)->dims[0], y, 0);
}

// ONNX has a column, not a row, for each position.
void write_nonzero(Export *e) {
  Term *columns = EXPORT(e, e->row->op, export_in(e, 0));
  Term *y = shape_permute(e, columns, 2, (int64_t[]){1, 0});
  export_result(e, 0, y);
  found(e, export_result_type(e)->dims[0], y, 0);
}

void write_compress(Export *e) {
  int64_t axis = EXPORT_ATTR(e, COMPRESS, dim)->i;
  Term *condition = export_operand(e, IN_COMPRESS_condition);
  if (export_type(e, IN_COMPRESS_condition)->dtype != DT_BOOL) condition = export_cast(e, condition, DT_BOOL);
  Term *y = EXPORT(e, e->row->op, export_operand(e, IN_COMPRESS_x), condition);
  export_int(e, "axis", axis);
  export_result(e, 0, y);
  found(e, export_result_type(e)->dims[axis], y, axis);
}

void write_unique(Export *e) {
  const Attr *dim = EXPORT_ATTR(e, UNIQUE, dim);
  Term *y = EXPORT(e, e->row->op, export_in(e, 0)), *others[3];
  export_int(e, "sorted", EXPORT_ATTR(e, UNIQUE, sorted)->i);
  if (dim->n) export_int(e, "axis", dim->ints[0]);
  for (int i = 0; i < 3; i++) others[i] = export_further(e);
  export_out(e, y);
  for (int i = 0; i < 3; i++) export_result(e, i + 1, others[i]);
  found(e, e->node->results[1]->type->dims[0], others[0], 0);
}
