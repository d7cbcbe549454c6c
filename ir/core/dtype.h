// Element types, shared by the graph IR, the loop IR and the weight readers.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum DType { DT_F32, DT_F16, DT_BF16, DT_I8, DT_U8, DT_I32, DT_I64, DT_BOOL, DT_COUNT } DType;

size_t dtype_size(DType t);      // bytes an element
const char *dtype_name(DType t); // "f32", ..., "bool"
bool dtype_is_float(DType t);
bool dtype_from_name(const char *name, DType *t);

// Element `i` of a packed array as a double, and back (rounded to nearest even; integers saturate, bool is v != 0).
double dtype_load(DType t, const void *data, int64_t i);
void dtype_store(DType t, void *data, int64_t i, double v);
