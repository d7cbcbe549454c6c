// Element types, shared by the graph IR, the loop IR and the weight readers.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum DType {
  DT_F32,
  DT_F16,
  DT_BF16,
  DT_I8,
  DT_U8,
  DT_I32,
  DT_I64,
  DT_BOOL,
  DT_F64,
  DT_I16,
  DT_U16,
  DT_U32,
  DT_U64,
  DT_COUNT
} DType;

size_t dtype_size(DType t);      // bytes an element
const char *dtype_name(DType t); // "f32", ..., "u64"
const char *dtype_code(DType t); // safetensors' name: "F32", ..., "U64"
const char *dtype_list(void);    // all names, for messages: "f32, f64, ... and bool"
bool dtype_from_name(const char *name, DType *t);
bool dtype_is_float(DType t);
bool dtype_is_half(DType t);     // f16, bf16: 16 bits that nothing computes in
bool dtype_is_unsigned(DType t); // bool too
bool dtype_is_wide(DType t);     // integers that a double does not hold: i64, u64
// Bits of an integer type's magnitude: 7 of i8, 8 of u8, 1 of bool.
int dtype_value_bits(DType t);

// The smallest value: -INFINITY of floats.
double dtype_lowest(DType t);

// Whether v is one of an integer type's values; of floats any is.
bool dtype_holds(DType t, double v);

// Element `i` of a packed array as a double, and back (rounded to nearest even; integers saturate, bool is v != 0).
double dtype_load(DType t, const void *data, int64_t i);
void dtype_store(DType t, void *data, int64_t i, double v);
// The same of integers and bool, exactly: u64 as the int64_t of its bits. Storing wraps; bool is v != 0.
int64_t dtype_load_int(DType t, const void *data, int64_t i);
void dtype_store_int(DType t, void *data, int64_t i, int64_t v);
// An integer of type t, as dtype_load_int gives it, as a double.
double dtype_int_to_double(DType t, int64_t v);
// Element `i` of type `from` as element `j` of type `to`: rounded once to a float, exact or wrapped between integers.
void dtype_convert(DType to, void *out, int64_t j, DType from, const void *data, int64_t i);
