// The typing rules of expressions: the one place that builder, reader and verifier share.
//
// - Lanes are a power of two up to 64; pointers have one lane.
// - Arithmetic is on floats and integers; f16 and bf16 are only loaded, moved, cast and stored; booleans take and, or,
//   xor, eq, ne.
// - Index arithmetic is i64 with one lane; a pointer may be moved by an index.
#include "ir/loop/loop.h"
#include <math.h>

static bool is_index(LType t) { return ltype_equal(t, L_INDEX); }
static bool is_number(LType t) { return !t.pointer && t.dtype != DT_BOOL && !dtype_is_half(t.dtype); }
static bool is_integer(LType t) { return is_number(t) && !dtype_is_float(t.dtype); }
static bool is_real(LType t) { return is_number(t) && dtype_is_float(t.dtype); }

static const char *well_formed(LType t) {
  if ((unsigned)t.dtype >= DT_COUNT) return "no such element type";
  if (t.lanes < 1 || t.lanes > 64 || (t.lanes & (t.lanes - 1))) return "lanes must be a power of two up to 64";
  return t.pointer && t.lanes != 1 ? "a pointer has one lane" : NULL;
}

static const char *check_load(const LExpr *e) {
  LType p = e->args[0]->type, t = e->type;
  if (!p.pointer) return "load through something that is no pointer";
  if (t.pointer || t.dtype != p.dtype) return "a load gives elements of its pointer";
  if (!is_index(e->args[1]->type)) return "an offset must be an index";
  return e->args[2] && !is_index(e->args[2]->type) ? "a count of lanes must be an index" : NULL;
}

static const char *check_binary(const LExpr *e) {
  LType a = e->args[0]->type, b = e->args[1]->type, t = e->type;
  if (e->op == LOOP_ADD && a.pointer)
    return is_index(b) && ltype_equal(a, t) ? NULL : "a pointer moves by an index only";
  if (!ltype_equal(a, b)) return "operands differ in type";
  switch (e->op) {
  case LOOP_EQ:
  case LOOP_NE:
  case LOOP_LT:
  case LOOP_LE:
    if (!ltype_equal(t, (LType){DT_BOOL, a.lanes, false})) return "a comparison gives booleans";
    if (is_number(a)) return NULL;
    return a.dtype == DT_BOOL && !a.pointer && (e->op == LOOP_EQ || e->op == LOOP_NE) ? NULL
                                                                                      : "operands cannot be compared";
  case LOOP_AND:
  case LOOP_OR:
  case LOOP_XOR:
    if (!is_integer(a) && (a.pointer || a.dtype != DT_BOOL)) return "operands must be integers or booleans";
    break;
  case LOOP_MOD:
  case LOOP_SHL:
  case LOOP_SHR:
    if (!is_integer(a)) return "operands must be integers";
    break;
  default:
    if (!is_number(a)) return "operands must be numbers";
  }
  return ltype_equal(a, t) ? NULL : "the result has its operands' type";
}

static const char *check_ternary(const LExpr *e) {
  for (int i = 0; i < 3; i++)
    if (!ltype_equal(e->args[i]->type, e->type)) return "operands differ in type";
  return NULL;
}

static const char *check_select(const LExpr *e) {
  LType c = e->args[0]->type, t = e->type;
  if (c.pointer || c.dtype != DT_BOOL || (c.lanes != 1 && c.lanes != t.lanes))
    return "a condition is a boolean, one or one a lane";
  if (t.pointer) return "pointers cannot be selected";
  return ltype_equal(e->args[1]->type, t) && ltype_equal(e->args[2]->type, t)
             ? NULL
             : "both values must have the result's type";
}

static const char *check_shuffle(const LExpr *e) {
  LType a = e->args[0]->type;
  if (a.pointer || !ltype_equal(a, e->args[1]->type)) return "operands differ in type";
  if (e->type.pointer || e->type.dtype != a.dtype || e->type.lanes != e->n) return "a shuffle has a lane an index";
  for (int i = 0; i < e->n; i++)
    if (e->lanes[i] < 0 || e->lanes[i] >= 2 * a.lanes) return "a shuffle's index is out of range";
  return NULL;
}

static const char *check_lookup(const LExpr *e) {
  LType i = e->args[0]->type;
  if (i.pointer || i.dtype != DT_I32) return "a lookup's index is i32";
  if (e->n != 8 && e->n != 16) return "a lookup has 8 or 16 entries";
  return ltype_equal(e->type, (LType){DT_F32, i.lanes, false}) ? NULL : "a lookup gives f32, a lane an index";
}

static const char *check_table(const LExpr *e) {
  LType p = e->args[0]->type, i = e->args[1]->type;
  if (!p.pointer || (p.dtype != DT_U8 && p.dtype != DT_I8)) return "a table is a pointer to bytes";
  if (i.pointer || i.dtype != DT_U8) return "a table's index is u8";
  return NULL;
}

static const char *check_unary(const LExpr *e) {
  LType a = e->args[0]->type, t = e->type;
  if (a.pointer && t.pointer && e->op == LOOP_BITCAST) return NULL;
  if (a.pointer || t.pointer) return "an operand is a pointer";
  switch (e->op) {
  case LOOP_NEG:
  case LOOP_ABS: return is_number(a) && ltype_equal(a, t) ? NULL : "the operand must be a number";
  case LOOP_SQRT:
  case LOOP_FLOOR:
  case LOOP_RINT: return is_real(a) && ltype_equal(a, t) ? NULL : "the operand must be f32 or f64";
  case LOOP_CAST: return a.lanes == t.lanes ? NULL : "a cast keeps lanes";
  case LOOP_BITCAST:
    if (a.dtype == DT_BOOL || t.dtype == DT_BOOL) return "booleans have no bits in memory here";
    return a.lanes == t.lanes && dtype_size(a.dtype) == dtype_size(t.dtype) ? NULL : "a bitcast keeps width and lanes";
  case LOOP_SPLAT: return a.lanes == 1 && a.dtype == t.dtype ? NULL : "a splat repeats a scalar";
  case LOOP_EXTRACT:
    return a.dtype == t.dtype && t.lanes == 1 && e->i >= 0 && e->i < a.lanes ? NULL : "a lane is out of range";
  default: return is_number(a) && a.dtype == t.dtype && t.lanes == 1 ? NULL : "a reduction gives a scalar number";
  }
}

static bool is_wide_integer(DType t, double v) {
  return v >= -0x1p63 && v < (dtype_is_unsigned(t) ? 0x1p64 : 0x1p63) && v == floor(v);
}

const char *loop_expr_problem(const LExpr *e) {
  const char *problem = well_formed(e->type);
  if (problem) return problem;
  switch (e->op) {
  case LOOP_INT: return is_index(e->type) ? NULL : "an integer constant is an index";
  case LOOP_FLOAT:
    if (e->type.pointer) return "a constant is no pointer";
    return is_integer(e->type) && !is_wide_integer(e->type.dtype, e->f)
               ? "an integer constant is whole and has up to 64 bits"
               : NULL;
  case LOOP_VAR:
    if (e->var->kind == LVAR_LOCAL) return "a local is read as one";
    return ltype_equal(e->type, e->var->type) ? NULL : "a variable has its own type";
  case LOOP_LOCAL:
    if (e->var->kind != LVAR_LOCAL) return "not a local";
    for (int i = 0; i < e->var->rank; i++)
      if (!is_index(e->args[i]->type)) return "a local's index must be an index";
    return ltype_equal(e->type, e->var->type) ? NULL : "a variable has its own type";
  case LOOP_LOAD: return check_load(e);
  case LOOP_FMA:
    if (e->type.pointer || e->type.dtype != DT_F32) return "fma is of f32";
    return check_ternary(e);
  case LOOP_DOT4:
    if (e->type.pointer || e->type.dtype != DT_I32) return "dot4_u8s8 is of i32";
    return check_ternary(e);
  case LOOP_SELECT: return check_select(e);
  case LOOP_SHUFFLE: return check_shuffle(e);
  case LOOP_LOOKUP: return check_lookup(e);
  case LOOP_TABLE: return check_table(e);
  default: return loop_op_info(e->op)->arity == 2 ? check_binary(e) : check_unary(e);
  }
}
