// The table of rows.def: one writer for each op of the IR, or this does not compile or link.
#include "frontend/write_onnx/export.h"

enum {
#define ROW(ID, writer, onnx, types) ROW_##ID,
#include "frontend/write_onnx/rows.def"
  ROWS
};
_Static_assert((int)ROWS == (int)OP_COUNT, "an op of ops.def has no row");

static const ExportRow rows[] = {
#define ROW(ID, writer, onnx, types) [OP_##ID] = {OP_##ID, write_##writer, onnx, types},
#include "frontend/write_onnx/rows.def"
};

const ExportRow *export_row(OpKind op) { return &rows[op]; }
