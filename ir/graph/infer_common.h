// What the families of shape inference share. Operands are named by their row: `x`, `weight`, ...
#pragma once
#include "ir/core/checked.h"
#include "ir/graph/infer.h"

#define INFER_ATTR(in, OP, name) (&(in)->attrs[ATTR_##OP##_##name])

static inline const Type *operand_type(const Infer *in, int i) {
  return i < in->n_operands && in->operands[i] ? in->operands[i]->type : NULL;
}
const char *infer_operand_name(const Infer *in, int i); // the operand's own name where it has one, else its row's
const char *infer_str(const Infer *in, const Type *t);  // type_str
const char *infer_dim_str(const Infer *in, Dim d);

// ---- checks; false after a message
bool infer_rank(Infer *in, int i, int rank);
bool infer_min_rank(Infer *in, int i, int rank);
bool infer_float(Infer *in, int i);                        // of a floating-point type
bool infer_number(Infer *in, int i);                       // of any type but bool
bool infer_integers(Infer *in, int i);                     // of a type of integers
bool infer_same_dtype(Infer *in, int i, const Type *like); // true for an absent operand
bool infer_count(Infer *in, const char *attr, int64_t v);  // positive and below 2^31
bool infer_positive(Infer *in, const char *attr, const Attr *list);

// The condition holds, or may hold: then the module asserts it at run time under this text. False, without a message,
// where it cannot hold.
bool infer_hold(Infer *in, Dim condition, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool infer_may_equal(Infer *in, Dim a, Dim b, const char *what);
// Operand `i`, a parameter of the layer, has exactly these dimensions and x's type; true when it is absent.
bool infer_parameter(Infer *in, int i, DType dtype, int rank, const Dim *dims);
// Operand `i` is absent or of type t, whatever its layout.
bool infer_like(Infer *in, int i, const Type *t);
// What quantized_conv2d and quantized_linear have beside their shapes: x of u8 or i8, scale, bias and residual.
bool infer_scaled_integers(Infer *in, int64_t channels, DType result);
// A result of these dimensions, each of which must be positive (at run time where it is open).
bool infer_shape(Infer *in, DType dtype, int rank, const Dim *dims);
// A result of x's row-major type.
bool infer_same(Infer *in, const Type *t);

// The count of a result whose length a run finds: a new one where `count`, the node's attribute, is empty.
bool infer_counted(Infer *in, Attr *count, Dim capacity, Dim *found);
// A dimension that elements are taken from by number has one, unless no number is given.
bool infer_takes(Infer *in, Dim size, Dim numbers);

// Brings *dim from [-rank, rank) to [0, rank).
bool infer_axis(Infer *in, const char *attr, int rank, int64_t *dim);
// The same for a list, whose dimensions must differ; the attribute is replaced.
bool infer_axes(Infer *in, const char *attr, int rank, Attr *list);
// dims of a and b broadcast together, into out; returns the rank or -1 after a message.
int infer_broadcast(Infer *in, int rank_a, const Dim *a, int rank_b, const Dim *b, Dim *out);
// Operand `i` broadcasts to exactly these dimensions; true when it is absent.
bool infer_broadcasts_to(Infer *in, int i, int rank, const Dim *dims);

void infer_set_ints(Infer *in, Attr *a, int n, const int64_t *ints);

// ---- dimension arithmetic with the module at hand
static inline Dim add(const Infer *in, Dim a, Dim b) { return dim_add(in->m->dims, a, b); }
static inline Dim sub(const Infer *in, Dim a, Dim b) { return dim_sub(in->m->dims, a, b); }
static inline Dim mul(const Infer *in, Dim a, Dim b) { return dim_mul(in->m->dims, a, b); }
static inline Dim divide(const Infer *in, Dim a, Dim b) { return dim_floordiv(in->m->dims, a, b); }
Dim infer_product(const Infer *in, int n, const Dim *dims);

// The window of a convolution or pooling along one dimension.
typedef struct Window {
  int64_t kernel, stride, dilation;
  Dim before, after; // padding
  bool ceil_mode;
} Window;
bool infer_padding(Infer *in, int n, const Dim *padding); // none negative
// Brings the padding of a picture or volume to one number before each side, then one behind each: it may be one for
// all, or one a side.
bool infer_borders(Infer *in, int sides, Attr *padding);
const char *infer_side_name(int sides, int side); // of a picture or volume: depth, height, width
// The number of windows along a dimension of `size`; DIM_INVALID after a message.
Dim infer_windows(Infer *in, const char *side, Dim size, Window w);

// ---- for the weights_ functions: arguments by name
const Attr *infer_arg(const Infer *in, const Attr *args, const char *name);
// Dimension `axis` of operand 0, which must be constant since a weight has it.
bool infer_known_dim(Infer *in, int axis, Dim *d);
