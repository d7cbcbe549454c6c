// What the op functions of the reference share: the call, broadcasting walks, the matrix product, activations.
#pragma once
#include "ir/ref/ref.h"

typedef struct RefCall {
  const RefContext *ctx;
  const Node *node;
  const RefTensor *const *in; // node->n_operands of them, NULL where absent
  RefTensor *out;             // node->n_results of them, zeroed; rounded to their types after the call
} RefCall;

typedef bool (*RefFunction)(RefCall *c);

// ref_conv2d, ref_linear, ...: one function for each row of ops.def.
#define OP(ID, name, ...) bool ref_##name(RefCall *c);
#define IN(...)
#define OPT(...)
#define VARIADIC(...)
#define WEIGHT(...)
#define WEIGHT_IF(...)
#define ATTR(...)
#define ARG(...)
#define IRATTR(...)
#include "ir/graph/ops.def"

// Operand i, NULL when absent.
static inline const RefTensor *ref_in(const RefCall *c, int i) { return i < c->node->n_operands ? c->in[i] : NULL; }
static inline int64_t ref_dim(const RefCall *c, Dim d) { return dim_eval(c->ctx->m->dims, d, c->ctx->symbols); }
// A dimension's number, counted from the end when negative.
static inline int ref_axis(int64_t axis, int rank) { return (int)(axis < 0 ? axis + rank : axis); }
// The node's count is n: its results, which have room for its capacity, take the dimensions that follow.
void ref_found(const RefCall *c, int64_t n);
// Reports at the node; returns false.
bool ref_fail(const RefCall *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// ---- elements (ref_tensor.c)
// The elements as cells of 8 bytes, for ops that only move them.
static inline int64_t *ref_cells(const RefTensor *t) { return t->f ? (int64_t *)(void *)t->f : t->i; }
static inline void ref_move(RefTensor *to, int64_t i, const RefTensor *from, int64_t j) {
  if (to->f)
    to->f[i] = from->f[j];
  else
    to->i[i] = from->i[j];
}
int64_t ref_product(const int64_t *dims, int n);
void ref_resize(RefTensor *t, const RefCall *c);             // to what its type is now: no larger than it was made
void ref_strides(const RefTensor *t, int64_t *strides);      // row-major, in elements
void ref_settle(RefTensor *t);                               // floats rounded, integers wrapped to the type
int64_t ref_truncate(DType to, double v);                    // towards zero, saturating; NaN is 0
double ref_rounded(DType to, const RefTensor *t, int64_t k); // element k as a float type has it that it is cast to
// Integers of a type in their order: what is added to the bits of its elements so that they compare as int64_t.
static inline int64_t ref_bias(DType t) { return t == DT_U64 ? INT64_MIN : 0; }
// Integer k for comparisons with others of its type.
static inline int64_t ref_key(const RefTensor *t, int64_t k) { return t->i[k] ^ ref_bias(t->type->dtype); }
void ref_copy_cells(RefTensor *to, const RefTensor *from);

// What max_pool2d has as the place of a maximum where a window sees only padding: no plane has so many elements.
#define REF_NO_PLACE ((int64_t)1 << 40)

// ---- by number (ref_index.c)
// Number k of `index`, moved into [0, size).
int64_t ref_number(const RefTensor *index, int64_t k, int64_t size);

// ---- walks (ref_walk.c)
// The indices of a shape in row-major order, with the offsets that up to REF_VIEWS strided views have there.
enum { REF_VIEWS = 4 };
typedef struct RefWalk {
  int rank;
  int64_t dims[MAX_RANK], at[MAX_RANK];
  int64_t stride[REF_VIEWS][MAX_RANK], offset[REF_VIEWS];
} RefWalk;
RefWalk ref_walk(int rank, const int64_t *dims);
// Lets `view` address t without its last `skip` dimensions, broadcast to the walk's shape; reports a misfit.
bool ref_walk_broadcast(RefWalk *w, int view, const RefCall *c, const RefTensor *t, int skip);
void ref_walk_next(RefWalk *w);

// ---- matrix product (ref_gemm.c)
typedef struct RefMatrix { // element (i, j) is data[i * row + j * col]
  const double *data;
  int64_t row, col;
} RefMatrix;
// C[m, n] += A[m, k] B[k, n]; row i of C begins at c + i * c_row. Each sum runs over k in order.
void ref_gemm(int64_t m, int64_t n, int64_t k, RefMatrix a, RefMatrix b, double *c, int64_t c_row);
// The same where B is packed row by row.
void ref_gemm_packed(int64_t m, int64_t n, int64_t k, RefMatrix a, const double *b, double *c, int64_t c_row);
// out[rows, outputs] = x[rows, inputs] weight[outputs, inputs]^T + bias; row i of out begins at out + i * out_row.
void ref_affine(int64_t rows, const double *x, const RefTensor *weight, const RefTensor *bias, double *out,
                int64_t out_row);

// ---- integers (ref_quantize.c)
// What follows the integer sums of a quantized product, which the result holds or `sums` does: channel of element k is
// k / inner % channels.
typedef struct RefScaling {
  const double *sums;
  int64_t inner, channels;
  const RefTensor *scale, *bias, *residual, *table; // the last three NULL where absent
  const Attr *residual_scale, *y_zero_point, *low, *high;
} RefScaling;
bool ref_scale(RefCall *c, const RefScaling *s);
// x less its zero point, as doubles; owned by the caller.
double *ref_centered(const RefTensor *x, int64_t zero_point);

// ---- elementwise (ref_elementwise.c)
typedef double (*RefFloats)(double, double);
typedef int64_t (*RefIntegers)(int64_t, int64_t);
// Two operands, broadcast, of the result's type.
bool ref_combine(RefCall *c, RefFloats floats, RefIntegers integers);
typedef double (*RefActivation)(double);
RefActivation ref_activation(const char *name);
// The residual (or NULL) is added to the result, then the activation applied.
bool ref_epilogue(RefCall *c, const RefTensor *residual, const Attr *act);
