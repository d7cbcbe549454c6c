// Ops that treat each element by itself, with broadcasting where they take two.
#include "ir/core/check.h"
#include "ir/ref/ref_ops.h"
#include <math.h>
#include <string.h>

// ---- one value to one. NaN stays NaN.
static double none(double v) { return v; }
static double relu(double v) { return v < 0 ? 0 : v; }
static double relu6(double v) { return v < 0 ? 0 : v > 6 ? 6 : v; }
static double gelu(double v) { return 0.5 * v * erfc(-v * M_SQRT1_2); }
static double gelu_tanh(double v) { return 0.5 * v * (1 + tanh(M_2_SQRTPI * M_SQRT1_2 * (v + 0.044715 * v * v * v))); }
static double sigmoid(double v) { return 1 / (1 + exp(-v)); }
static double hardsigmoid(double v) { return relu6(v + 3) / 6; }
static double hardswish(double v) { return v * hardsigmoid(v); }
static double silu(double v) { return v / (1 + exp(-v)); }

static double mish(double v) { return v * tanh(v > 40 ? v : log1p(exp(v))); }
static double selu(double v) { return 1.0507009873554805 * (v > 0 ? v : 1.6732632423543772 * expm1(v)); }

RefActivation ref_activation(const char *name) {
  static const struct {
    const char *name;
    RefActivation fn;
  } all[] = {{"none", none},           {"relu", relu}, {"relu6", relu6},         {"gelu", gelu},
             {"gelu_tanh", gelu_tanh}, {"silu", silu}, {"sigmoid", sigmoid},     {"tanh", tanh},
             {"mish", mish},           {"selu", selu}, {"hardswish", hardswish}, {"hardsigmoid", hardsigmoid}};
  for (size_t k = 0; k < sizeof all / sizeof *all; k++)
    if (!strcmp(all[k].name, name)) return all[k].fn;
  UNREACHABLE("activation %s", name);
}

// Integers below 2^53 go through double unharmed; no activation turns larger ones into another integer than its bound.
static bool map(RefCall *c, RefActivation fn) {
  const RefTensor *x = c->in[0];
  for (int64_t k = 0; k < x->count; k++)
    if (c->out->f)
      c->out->f[k] = fn(ref_at(x, k));
    else
      c->out->i[k] = fn(ref_at(x, k)) == ref_at(x, k) ? x->i[k] : (int64_t)fn(ref_at(x, k));
  return true;
}

bool ref_relu(RefCall *c) { return map(c, relu); }
bool ref_relu6(RefCall *c) { return map(c, relu6); }
bool ref_gelu(RefCall *c) {
  return map(c, !strcmp(NODE_ATTR(c->node, GELU, approximate)->s, "tanh") ? gelu_tanh : gelu);
}
bool ref_silu(RefCall *c) { return map(c, silu); }
bool ref_hardswish(RefCall *c) { return map(c, hardswish); }
bool ref_hardsigmoid(RefCall *c) { return map(c, hardsigmoid); }
bool ref_sigmoid(RefCall *c) { return map(c, sigmoid); }
bool ref_tanh(RefCall *c) { return map(c, tanh); }

bool ref_mish(RefCall *c) { return map(c, mish); }
bool ref_selu(RefCall *c) { return map(c, selu); }

bool ref_dropout(RefCall *c) {
  ref_copy_cells(c->out, c->in[0]);
  return true;
}

// To floats rounds once; floats to integers truncate and saturate; integers to narrower ones wrap.
bool ref_cast(RefCall *c) {
  const RefTensor *x = c->in[0];
  RefTensor *out = &c->out[0];
  for (int64_t k = 0; k < x->count; k++)
    if (out->f)
      out->f[k] = ref_rounded(out->type->dtype, x, k);
    else
      out->i[k] = x->f ? ref_truncate(out->type->dtype, x->f[k]) : x->i[k];
  return true;
}

// ---- two values to one; integers modulo 2^64, then wrapped to their type
static double add(double a, double b) { return a + b; }
static double sub(double a, double b) { return a - b; }
static double mul(double a, double b) { return a * b; }
static double quotient(double a, double b) { return a / b; }
static int64_t add_integers(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }
static int64_t sub_integers(int64_t a, int64_t b) { return (int64_t)((uint64_t)a - (uint64_t)b); }
static int64_t mul_integers(int64_t a, int64_t b) { return (int64_t)((uint64_t)a * (uint64_t)b); }
static int64_t div_integers(int64_t a, int64_t b) { return b == -1 ? sub_integers(0, a) : a / b; }
static int64_t div_u64(int64_t a, int64_t b) { return (int64_t)((uint64_t)a / (uint64_t)b); }

bool ref_combine(RefCall *c, RefFloats floats, RefIntegers integers) {
  const RefTensor *a = c->in[0], *b = c->in[1];
  RefTensor *out = &c->out[0];
  RefWalk w = ref_walk(out->rank, out->dims);
  if (!ref_walk_broadcast(&w, 0, c, a, 0) || !ref_walk_broadcast(&w, 1, c, b, 0)) return false;
  for (int64_t k = 0; k < out->count; k++, ref_walk_next(&w))
    if (out->f)
      out->f[k] = floats(ref_at(a, w.offset[0]), ref_at(b, w.offset[1]));
    else
      out->i[k] = integers(a->i[w.offset[0]], b->i[w.offset[1]]);
  return true;
}

bool ref_add(RefCall *c) { return ref_combine(c, add, add_integers); }
bool ref_sub(RefCall *c) { return ref_combine(c, sub, sub_integers); }
bool ref_mul(RefCall *c) { return ref_combine(c, mul, mul_integers); }
bool ref_div(RefCall *c) {
  const RefTensor *b = c->in[1];
  for (int64_t k = 0; b->i && k < b->count; k++)
    if (b->i[k] == 0) return ref_fail(c, "an integer is divided by zero");
  return ref_combine(c, quotient, c->out->type->dtype == DT_U64 ? div_u64 : div_integers);
}

// ---- bits
static int64_t and_bits(int64_t a, int64_t b) { return a & b; }
static int64_t or_bits(int64_t a, int64_t b) { return a | b; }
static int64_t xor_bits(int64_t a, int64_t b) { return a ^ b; }

bool ref_bitwise_and(RefCall *c) { return ref_combine(c, NULL, and_bits); }
bool ref_bitwise_or(RefCall *c) { return ref_combine(c, NULL, or_bits); }
bool ref_bitwise_xor(RefCall *c) { return ref_combine(c, NULL, xor_bits); }

bool ref_bitwise_not(RefCall *c) {
  for (int64_t k = 0; k < c->out->count; k++) c->out->i[k] = ~c->in[0]->i[k];
  return true;
}

// ---- what follows a convolution or matrix product
bool ref_epilogue(RefCall *c, const RefTensor *residual, const Attr *act) {
  RefTensor *out = &c->out[0];
  RefActivation fn = ref_activation(act->s);
  RefWalk w = ref_walk(out->rank, out->dims);
  if (residual && !ref_walk_broadcast(&w, 0, c, residual, 0)) return false;
  for (int64_t k = 0; k < out->count; k++, ref_walk_next(&w))
    out->f[k] = fn(residual ? out->f[k] + residual->f[w.offset[0]] : out->f[k]);
  return true;
}
