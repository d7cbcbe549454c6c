#include "tests/lower/generator.h"
#include <math.h>

// A picture or tokens as a volume, and that convolved or pooled.
Value *generate_volume(Generator *g, Value *x) {
  const Type *t = x->type;
  if (t->rank < 3 || t->rank > 4 || !known(t, 1)) return NULL;
  Dim dims[] = {t->dims[0], t->dims[1], 1, t->dims[2], t->rank > 3 ? t->dims[3] : 1};
  int64_t kernel[] = {between(g, 1, 2), between(g, 1, 3), between(g, 1, 2)}, c = t->dims[1], out = between(g, 1, 9);
  int64_t border[] = {kernel[0] - 1, 0, below(g, 2), kernel[0] - 1, below(g, 2), 0};
  Attr *a = defaults(g, OP_RESHAPE);
  SET(a, RESHAPE, shape, ints(g, ATTR_DIMS, 5, dims));
  if (!(x = add_unary(g, OP_RESHAPE, x, a))) return NULL;
  Value *w, *bias = chance(g, 70) ? generator_weight(g, 1, &out, 1, 0) : NULL;
  switch (below(g, 4)) {
  case 0:
    a = defaults(g, OP_CONV3D);
    SET(a, CONV3D, padding, ints(g, ATTR_INTS, 6, border));
    if (chance(g, 50)) SET(a, CONV3D, stride, ints(g, ATTR_INTS, 3, (int64_t[]){1, between(g, 1, 2), 2}));
    w = generator_weight(g, 5, (Dim[]){out, c, kernel[0], kernel[1], kernel[2]}, 0.5 / sqrt((double)c), 0);
    return add(g, OP_CONV3D, 3, (Value *[]){x, w, bias}, a);
  case 1:
    a = defaults(g, OP_CONV_TRANSPOSE3D);
    SET(a, CONV_TRANSPOSE3D, stride, ints(g, ATTR_INTS, 3, (int64_t[]){2, between(g, 1, 2), 1}));
    w = generator_weight(g, 5, (Dim[]){c, out, kernel[0], kernel[1], kernel[2]}, 0.5 / sqrt((double)c), 0);
    return add(g, OP_CONV_TRANSPOSE3D, 3, (Value *[]){x, w, bias}, a);
  case 2:
    a = defaults(g, OP_MAX_POOL3D);
    SET(a, MAX_POOL3D, kernel, ints(g, ATTR_INTS, 3, kernel));
    SET(a, MAX_POOL3D, ceil_mode, flag(chance(g, 50)));
    return add_unary(g, OP_MAX_POOL3D, x, a);
  default:
    a = defaults(g, OP_AVG_POOL3D);
    SET(a, AVG_POOL3D, kernel, ints(g, ATTR_INTS, 3, kernel));
    SET(a, AVG_POOL3D, count_include_pad, flag(chance(g, 50)));
    SET(a, AVG_POOL3D, dilation, ints(g, ATTR_INTS, 3, (int64_t[]){1, 2, 1}));
    return add_unary(g, OP_AVG_POOL3D, x, a);
  }
}
