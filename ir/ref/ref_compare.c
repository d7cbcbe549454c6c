// Comparisons, logic, and what chooses between two values.
#include "ir/ref/ref_ops.h"
#include <math.h>

static double smaller(double a, double b) { return isnan(a) || a < b ? a : b; }
static double larger(double a, double b) { return isnan(a) || a > b ? a : b; }
static int64_t smaller_integer(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t larger_integer(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t smaller_u64(int64_t a, int64_t b) { return (uint64_t)a < (uint64_t)b ? a : b; }
static int64_t larger_u64(int64_t a, int64_t b) { return (uint64_t)a > (uint64_t)b ? a : b; }

// Of two integers modulo 2^64; below 0 the quotient 1 / a^-b, truncated.
static int64_t power_u64(int64_t a, int64_t b) {
  uint64_t r = 1, square = (uint64_t)a;
  for (uint64_t left = (uint64_t)b; left; left >>= 1, square *= square)
    if (left & 1) r *= square;
  return (int64_t)r;
}
static int64_t power_integers(int64_t a, int64_t b) {
  if (b >= 0 || a == 1) return power_u64(a, b);
  return a == -1 ? (b % 2 ? -1 : 1) : 0;
}

static bool is_u64(const RefCall *c) { return c->out->type->dtype == DT_U64; }
bool ref_minimum(RefCall *c) { return ref_combine(c, smaller, is_u64(c) ? smaller_u64 : smaller_integer); }
bool ref_maximum(RefCall *c) { return ref_combine(c, larger, is_u64(c) ? larger_u64 : larger_integer); }
bool ref_pow(RefCall *c) { return ref_combine(c, pow, is_u64(c) ? power_u64 : power_integers); }

// ---- bool of two values of any type

typedef bool (*Test)(double a, double b);
typedef bool (*TestIntegers)(int64_t a, int64_t b);

// `integers` takes keys of one type; without, integers are compared as doubles are.
static bool test(RefCall *c, Test floats, TestIntegers integers) {
  const RefTensor *a = c->in[0], *b = c->in[1];
  RefWalk w = ref_walk(c->out->rank, c->out->dims);
  if (!ref_walk_broadcast(&w, 0, c, a, 0) || !ref_walk_broadcast(&w, 1, c, b, 0)) return false;
  for (int64_t k = 0; k < c->out->count; k++, ref_walk_next(&w))
    c->out->i[k] = integers && a->i ? integers(ref_key(a, w.offset[0]), ref_key(b, w.offset[1]))
                                    : floats(ref_at(a, w.offset[0]), ref_at(b, w.offset[1]));
  return true;
}

#define COMPARISON(name, sign)                                                                                         \
  static bool name##_floats(double a, double b) { return a sign b; }                                                   \
  static bool name##_integers(int64_t a, int64_t b) { return a sign b; }                                               \
  bool ref_##name(RefCall *c) { return test(c, name##_floats, name##_integers); }
COMPARISON(eq, ==)
COMPARISON(ne, !=)
COMPARISON(lt, <)
COMPARISON(le, <=)
COMPARISON(gt, >)
COMPARISON(ge, >=)

static bool both(double a, double b) { return a != 0 && b != 0; }
static bool either(double a, double b) { return a != 0 || b != 0; }
static bool just_one(double a, double b) { return (a != 0) != (b != 0); }
bool ref_logical_and(RefCall *c) { return test(c, both, NULL); }
bool ref_logical_or(RefCall *c) { return test(c, either, NULL); }
bool ref_logical_xor(RefCall *c) { return test(c, just_one, NULL); }

bool ref_logical_not(RefCall *c) {
  for (int64_t k = 0; k < c->out->count; k++) c->out->i[k] = ref_at(c->in[0], k) == 0;
  return true;
}

bool ref_where(RefCall *c) {
  const RefTensor *condition = c->in[IN_WHERE_condition];
  RefWalk w = ref_walk(c->out->rank, c->out->dims);
  for (int i = 0; i < 3; i++)
    if (!ref_walk_broadcast(&w, i, c, c->in[i], 0)) return false;
  for (int64_t k = 0; k < c->out->count; k++, ref_walk_next(&w)) {
    int from = condition->i[w.offset[IN_WHERE_condition]] ? IN_WHERE_a : IN_WHERE_b;
    ref_move(c->out, k, c->in[from], w.offset[from]);
  }
  return true;
}
