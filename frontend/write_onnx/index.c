// Numbers in order, and elements taken by number.
#include "frontend/write_onnx/export.h"

void write_arange(Export *e) {
  Dim start = EXPORT_ATTR(e, ARANGE, start)->ints[0], end = EXPORT_ATTR(e, ARANGE, end)->ints[0];
  DType dtype = (DType)EXPORT_ATTR(e, ARANGE, dtype)->i;
  Term *from = dims_number(e, start), *to = dims_number(e, end);
  Term *y = EXPORT(e, e->row->op, from, to, export_integer(e, EXPORT_ATTR(e, ARANGE, step)->i));
  export_result(e, 0, dtype == DT_I64 ? y : export_cast(e, y, dtype));
}

static bool all_within(const Value *index, Dim size) {
  if (index->kind != VALUE_WEIGHT || !dim_is_const(size)) return false;
  DType stored;
  const void *data = weight_data(index->weight, &stored);
  for (int64_t i = 0, n = weight_count(index->weight); i < n; i++) {
    int64_t v = dtype_load_int(stored, data, i);
    if (v < 0 || v >= size) return false;
  }
  return true;
}

// Numbers outside of [0, size) are moved to its nearest end, where ONNX would count them from the end or fail.
static Term *clamped(Export *e, int i, Dim size) {
  Term *index = export_operand(e, i);
  DType own = export_type(e, i)->dtype, dtype = own == DT_I32 || own == DT_U64 ? own : DT_I64;
  if (own != dtype) index = export_cast(e, index, dtype);
  if (!all_within(operand(e->node, i), size)) {
    Dim last = dim_sub(e->m->dims, size, 1);
    Term *most = dim_is_const(last) && dtype == DT_I64 ? export_integer(e, last)
                 : dim_is_const(last)                  ? export_scalar(e, dtype, (double)last)
                                                       : dims_number(e, last);
    if (!dim_is_const(last) && dtype != DT_I64) most = export_cast(e, most, dtype);
    index = EXPORT(e, "Clip", index, export_scalar(e, dtype, 0), most);
  }
  return dtype == DT_U64 ? export_cast(e, index, DT_I64) : index;
}

static void write_rows(Export *e, int x, int index, int64_t axis) {
  Term *numbers = clamped(e, index, export_type(e, x)->dims[axis]);
  Term *y = EXPORT(e, e->row->op, export_operand(e, x), numbers);
  export_int(e, "axis", axis);
  export_result(e, 0, y);
}

void write_embedding(Export *e) { write_rows(e, IN_EMBEDDING_table, IN_EMBEDDING_index, 0); }

void write_index_select(Export *e) {
  write_rows(e, IN_INDEX_SELECT_x, IN_INDEX_SELECT_index, EXPORT_ATTR(e, INDEX_SELECT, dim)->i);
}

void write_gather(Export *e) { write_rows(e, IN_GATHER_x, IN_GATHER_index, EXPORT_ATTR(e, GATHER, dim)->i); }

void write_scatter(Export *e) {
  static const char *const names[][2] = {
      {"none", "none"}, {"sum", "add"}, {"prod", "mul"}, {"amax", "max"}, {"amin", "min"}};
  int64_t axis = EXPORT_ATTR(e, SCATTER, dim)->i;
  int how = 0;
  while (strcmp(names[how][0], EXPORT_ATTR(e, SCATTER, reduce)->s)) how++;
  Term *numbers = clamped(e, IN_SCATTER_index, export_type(e, IN_SCATTER_x)->dims[axis]);
  Term *y = EXPORT(e, e->row->op, export_operand(e, IN_SCATTER_x), numbers, export_operand(e, IN_SCATTER_src));
  export_int(e, "axis", axis);
  export_text(e, "reduction", names[how][1]);
  export_result(e, 0, y);
}

// Which takes no more than 4096 samples of a part each way: ONNX's as many as a region has pixels.
void write_roi_align(Export *e) {
  const int64_t *size = EXPORT_ATTR(e, ROI_ALIGN, output_size)->ints;
  Term *index = clamped(e, IN_ROI_ALIGN_index, export_type(e, IN_ROI_ALIGN_x)->dims[0]);
  if (export_type(e, IN_ROI_ALIGN_index)->dtype == DT_I32) index = export_cast(e, index, DT_I64);
  Term *y = EXPORT(e, e->row->op, export_in(e, IN_ROI_ALIGN_x), export_in(e, IN_ROI_ALIGN_boxes), index);
  export_int(e, "output_height", size[0]);
  export_int(e, "output_width", size[1]);
  export_float(e, "spatial_scale", EXPORT_ATTR(e, ROI_ALIGN, spatial_scale)->f);
  export_int(e, "sampling_ratio", EXPORT_ATTR(e, ROI_ALIGN, sampling_ratio)->i);
  export_text(e, "mode", EXPORT_ATTR(e, ROI_ALIGN, mode)->s);
  export_text(e, "coordinate_transformation_mode",
              EXPORT_ATTR(e, ROI_ALIGN, aligned)->i ? "half_pixel" : "output_half_pixel");
  export_out(e, y);
}
