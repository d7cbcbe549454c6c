// One-node modules for the reference's tests: operands in, expected results out.
//
//   expect(OP_RELU, NO_ATTRS, IN(f32(D(2), V(-1, 3))), OUT(f32(D(2), V(0, 3))));
#pragma once
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ir/ref/ref.h"

typedef struct Array {
  DType dtype;
  int rank;
  const int64_t *dims;
  const double *v; // row-major; NULL: an absent operand
} Array;

typedef struct Setting {
  const char *name;
  Attr value;
} Setting;

typedef struct Arrays {
  int n;
  const Array *at;
} Arrays;

typedef struct Settings {
  int n;
  const Setting *at;
} Settings;

#define COUNTED(T, ...)                                                                                                \
  (int)(sizeof((const T[]){__VA_ARGS__}) / sizeof(T)), (const T[]) { __VA_ARGS__ }
#define D(...) COUNTED(int64_t, __VA_ARGS__)
#define SCALAR 0, NULL
#define V(...)                                                                                                         \
  (const double[]) { __VA_ARGS__ }
#define IN(...)                                                                                                        \
  (Arrays) { COUNTED(Array, __VA_ARGS__) }
#define OUT(...)                                                                                                       \
  (Arrays) { COUNTED(Array, __VA_ARGS__) }
#define ATTRS(...)                                                                                                     \
  (Settings) { COUNTED(Setting, __VA_ARGS__) }
#define NO_ATTRS                                                                                                       \
  (Settings) { 0, NULL }
#define NO_OPERANDS                                                                                                    \
  (Arrays) { 0, NULL }
#define ABSENT                                                                                                         \
  (Array) { 0 }

static inline Array array(DType t, int rank, const int64_t *dims, const double *v) { return (Array){t, rank, dims, v}; }
static inline Array f32(int rank, const int64_t *dims, const double *v) { return array(DT_F32, rank, dims, v); }

static inline Setting number(const char *name, int64_t v) { return (Setting){name, {ATTR_INT, 0, {.i = v}}}; }
static inline Setting flag(const char *name, bool v) { return (Setting){name, {ATTR_BOOL, 0, {.i = v}}}; }
static inline Setting real(const char *name, double v) { return (Setting){name, {ATTR_FLOAT, 0, {.f = v}}}; }
static inline Setting word(const char *name, const char *v) { return (Setting){name, {ATTR_ENUM, 0, {.s = v}}}; }
static inline Setting dtype(const char *name, DType v) { return (Setting){name, {ATTR_DTYPE, 0, {.i = v}}}; }
static inline Setting list(const char *name, int n, const int64_t *v) {
  return (Setting){name, {ATTR_INTS, n, {.ints = v}}};
}
static inline Setting dims(const char *name, int n, const int64_t *v) {
  return (Setting){name, {ATTR_DIMS, n, {.ints = v}}};
}
static inline Setting padding(const char *name, const int64_t v[4]) {
  return (Setting){name, {ATTR_PADDING, 4, {.ints = v}}};
}
static inline Setting reals(const char *name, int n, const double *v) {
  return (Setting){name, {ATTR_FLOATS, n, {.floats = v}}};
}
#define PAD(...)                                                                                                       \
  (const int64_t[]) { __VA_ARGS__ }

// A module with one input a present operand, one node, and all results as outputs.
typedef struct Fixture {
  Diag *diag;
  Module *m;
  RefTensor *inputs, *outputs;
} Fixture;
Fixture fixture_create(OpKind op, Settings settings, Arrays in);
void fixture_free(Fixture *f);
bool fixture_run(Fixture *f); // fills f->outputs

// Runs the node and compares: types and dims exactly, values to 1e-12 relative.
void expect(OpKind op, Settings settings, Arrays in, Arrays out);
// The run fails with a message that contains `text`.
void expect_failure(OpKind op, Settings settings, Arrays in, const char *text);
void compare(const RefTensor *t, const Array *expected);

// Seeded values in (-1, 1).
double *noise(int64_t n, uint64_t seed);
