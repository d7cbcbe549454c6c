// The elementary functions of passes/lower/math.c in native code, against the mathematical library in double: over all
// of f32 in steps, and number by number around the places where a function changes its formula.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "codegen/codegen.h"
#include "ir/core/check.h"
#include "passes/lower/math.h"
#include "passes/pass.h"
#include "tests/lower/native.h"
#include <float.h>
#include <math.h>
#include <string.h>

static double sigmoid(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }
static double silu(double x) { return x * sigmoid(x); }
static double gelu(double x) { return 0.5 * x * erfc(-x * M_SQRT1_2); }
static double gelu_tanh(double x) { return x * sigmoid(2 * M_2_SQRTPI * M_SQRT1_2 * (x + 0.044715 * x * x * x)); }

static double mish(double x) {
  double e = exp(x), n = e * (e + 2);
  return x > 40 ? x : x * (n / (n + 2));
}
static double softplus(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }
static double selu(double x) { return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * expm1(x)); }
static double elu_half(double x) { return x > 0 ? x : 0.5 * expm1(3 * x); }
static LExpr *native_elu(LBuilder *b, LExpr *x) { return math_elu(b, x, 0.5, 3); }

// Powers of x, and of a number with x as the exponent.
#define POWERS(POWER)                                                                                                  \
  POWER(third, 1.0f / 3)                                                                                               \
  POWER(cube, 3)                                                                                                       \
  POWER(inverse_square, -2)                                                                                            \
  POWER(steep, 77.7f) POWER(flat, -0.01f) POWER(zeroth, 0) POWER(infinite, INFINITY) POWER(large, 1e10f)
#define POWER(name, y)                                                                                                 \
  static double name(double x) { return pow(x, (double)(y)); }                                                         \
  static LExpr *native_##name(LBuilder *b, LExpr *x) { return math_pow(b, x, lx_const(b, x->type, (double)(y))); }
POWERS(POWER)
#undef POWER
#define EXPONENTIALS(OF)                                                                                               \
  OF(two, 2) OF(seventh, 1.0f / 7) OF(minus_three, -3) OF(near_one, 1.0000001f) OF(minus_zero, -0.0)
#define OF(name, x)                                                                                                    \
  static double to_the_##name(double y) { return pow((double)(x), y); }                                                \
  static LExpr *native_##name(LBuilder *b, LExpr *y) { return math_pow(b, lx_const(b, y->type, (double)(x)), y); }
EXPONENTIALS(OF)
#undef OF

typedef struct Function {
  const char *name;
  LExpr *(*native)(LBuilder *b, LExpr *x);
  double (*exact)(double x);
  double slack; // absolute error that is always allowed: compiled code takes denormals as zero, on the way too
  double most;  // beyond this magnitude only between -1 and 1; 0: right everywhere
} Function;

static const Function functions[] = {{"exp", math_exp, exp, FLT_MIN, 0},
                                     {"sigmoid", math_sigmoid, sigmoid, FLT_MIN, 0},
                                     {"tanh", math_tanh, tanh, FLT_MIN, 0},
                                     {"erf", math_erf, erf, FLT_MIN, 0},
                                     {"mish", math_mish, mish, 1e-36, 0},
                                     {"selu", math_selu, selu, FLT_MIN, 0},
                                     {"elu", native_elu, elu_half, FLT_MIN, 0},
                                     {"softplus", math_softplus, softplus, 2 * FLT_MIN, 0},
                                     {"log", math_log, log, FLT_MIN, 0},
                                     {"sin", math_sin, sin, FLT_MIN, 1e4},
                                     {"cos", math_cos, cos, FLT_MIN, 1e4},
                                     {"atan", math_atan, atan, FLT_MIN, 0},
                                     {"silu", math_silu, silu, 1e-7, 0},
                                     {"gelu", math_gelu, gelu, 1e-7, 0},
                                     {"gelu_tanh", math_gelu_tanh, gelu_tanh, 1e-7, 0},
#define POWER(name, y) {"pow(x, " #y ")", native_##name, name, FLT_MIN, 0},
                                     POWERS(POWER)
#undef POWER
#define OF(name, x) {"pow(" #x ", y)", native_##name, to_the_##name, FLT_MIN, 0},
                                         EXPONENTIALS(OF)
#undef OF
};
enum { FUNCTIONS = sizeof functions / sizeof *functions, TASK = 4096, MOST_ULP = 4 };

// One phase a function: y = f(x), `lanes` at a time.
static void add_phase(LProgram *p, const Function *f, LBuffer *x, LBuffer *y, Dim tasks, int lanes) {
  LBuilder *b = loop_begin_kernel(p, f->name);
  LExpr *px = lx_var(b, loop_param(b, "x", L_POINTER(DT_F32), ACCESS_IN)),
        *py = lx_var(b, loop_param(b, "y", L_POINTER(DT_F32), ACCESS_OUT));
  LExpr *t = loop_for(b, "t", loop_begin(b), loop_end(b), 1);
  LExpr *i = loop_for(b, "i", lx_muli(b, t, TASK), lx_muli(b, lx_addi(b, t, 1), TASK), lanes);
  loop_store(b, py, i, f->native(b, lx_load(b, px, i, lanes)));
  loop_end_for(b);
  loop_end_for(b);
  LPhase *phase = loop_phase(p, f->name, loop_end_kernel(b), tasks);
  phase->detail = "";
  vec_push(&phase->args, ((LArg){.buffer = x}));
  vec_push(&phase->args, ((LArg){.buffer = y}));
}

static LTensor row(const char *name, Dim length) {
  return (LTensor){.name = name, .dtype = DT_F32, .rank = 1, .dims = {length}};
}

// Outputs: each function by vectors, then each by scalars.
static LProgram *make_program(void) {
  LProgram *p = loop_program_create("math", NULL);
  Dim tasks = dim_symbol(p->dims, "tasks", 1 << 16), length = dim_mul(p->dims, tasks, TASK),
      bytes = dim_mul(p->dims, length, 4);
  vec_push(&p->inputs, row("x", length));
  LBuffer *x = loop_buffer(p, BUFFER_INPUT, "x", DT_F32, bytes);
  for (int k = 0; k < 2 * FUNCTIONS; k++) {
    const Function *f = &functions[k % FUNCTIONS];
    const char *name = arena_printf(p->arena, "%s%d", f->name, k < FUNCTIONS ? 16 : 1);
    vec_push(&p->outputs, row(name, length));
    LBuffer *y = loop_buffer(p, BUFFER_OUTPUT, name, DT_F32, bytes);
    y->index = k;
    add_phase(p, f, x, y, tasks, k < FUNCTIONS ? 16 : 1);
  }
  return p;
}

static LProgram *plan(LProgram *p, Diag *d) {
  PassContext c;
  PassOptions options = passes_options();
  assert_true(passes_init(&c, NULL, p, d, &options) && passes_run(&c, "plan-memory"));
  passes_free(&c);
  return p;
}

// ---- judging

// The error in units of the last place of the exact value's f32 neighbourhood.
static double ulps(double exact, float got) {
  if (isnan(exact) || isnan(got)) return isnan(exact) && isnan(got) ? 0 : INFINITY;
  if ((double)got == exact || (float)exact == got) return 0;
  int e;
  frexp(fmin(fabs(exact), FLT_MAX), &e);
  double unit = ldexp(1, (e < -125 ? -125 : e) - 24), limit = ldexp(1, 128);
  return fabs((isinf(got) ? copysign(limit, got) : (double)got) - fmax(-limit, fmin(limit, exact))) / unit;
}

static int judge(const Function *f, const float *x, const float *y, const float *scalar, size_t n, const char *where) {
  double worst = 0, at = 0;
  for (size_t i = 0; i < n; i++) {
    // NaN where the product 0 * inf of the defining formula is one: silu and gelu at minus infinity.
    double exact = x[i] == -INFINITY && f->slack > 1e-30 ? NAN : f->exact((double)x[i]), e = ulps(exact, y[i]);
    if (memcmp(&y[i], &scalar[i], sizeof *y) && !(isnan(y[i]) && isnan(scalar[i]))) {
      print_error("%s: %s(%a) is %a in vectors and %a alone\n", where, f->name, x[i], y[i], scalar[i]);
      return 1;
    }
    if (fabs(exact - (double)y[i]) <= f->slack) continue;
    if (fabsf(x[i]) < FLT_MIN && ulps(f->exact(copysign(0, (double)x[i])), y[i]) <= MOST_ULP) continue;
    if (f->most > 0 && fabs((double)x[i]) > f->most && fabsf(y[i]) <= 1) continue;
    if (e > worst) worst = e, at = x[i];
  }
  print_message("%s: %s is within %.2f ULP, worst at %.9g\n", where, f->name, worst, at);
  if (worst <= MOST_ULP) return 0;
  print_error("%s: %s is %.3g ULP wrong at %.9g (%a)\n", where, f->name, worst, at, at);
  return 1;
}

// ---- what is tried

static float from_bits(uint32_t bits) {
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

static uint32_t to_bits(float f) {
  uint32_t bits;
  memcpy(&bits, &f, sizeof bits);
  return bits;
}

enum { STEP = 1021, AROUND = 4000 };

static size_t try_out(float *x) {
  static const double turns[] = {
      0,      FLT_TRUE_MIN, FLT_MIN,    1e-4,   0.34657359, 0.65,   1,       M_SQRT2,  5,         9.01,      10,
      13.152, 14.2,         14.5,       17,     43.7,       86.64,  87,      87.33655, 88.029692, 88.722839, 89.415986,
      103.3,  103.97208,    104,        1e10,   1e19,       1.8e19, FLT_MAX, 0.6,      0.9,       M_PI_4,    M_PI_2,
      M_PI,   355,          0.70710678, 1.0625, 1.9375,     20,     40,      9999};
  size_t n = 0;
  for (uint64_t bits = 0; bits <= UINT32_MAX; bits += STEP) x[n++] = from_bits((uint32_t)bits);
  for (size_t k = 0; k < sizeof turns / sizeof *turns; k++)
    for (int sign = 0; sign < 2; sign++)
      for (int64_t step = -AROUND; step <= AROUND; step++) {
        int64_t bits = (int64_t)to_bits((float)turns[k]) + step;
        if (bits >= 0) x[n++] = from_bits((uint32_t)bits | (uint32_t)sign << 31);
      }
  x[n++] = INFINITY, x[n++] = -INFINITY, x[n++] = NAN, x[n++] = -NAN;
  return n;
}

static void test_accuracy(void **state) {
  (void)state;
  static const char *const cpus[] = {NULL, "x86-64-v3", "x86-64-v2"};
  Diag *d = diag_create();
  LProgram *p = plan(make_program(), d);
  size_t most = UINT32_MAX / STEP + 96 * (2 * AROUND + 1) + 4;
  int64_t tasks = (int64_t)(most / TASK + 1);
  Guarded in = guarded_create((size_t)tasks * TASK * 4, 4), out[2 * FUNCTIONS];
  for (int k = 0; k < 2 * FUNCTIONS; k++) out[k] = guarded_create(in.bytes, 4);
  size_t n = try_out(in.data);
  CHECK(n <= most, "%zu numbers", n);
  int bad = 0;
  for (size_t c = 0; c < sizeof cpus / sizeof *cpus; c++) {
    if (!native_supports(cpus[c])) continue;
    Native native;
    assert_true(native_open_program(&native, p, &(NativeOptions){.level = 2, .cpu = cpus[c]}, d));
    assert_int_equal(native_run(&native, &tasks, 2, &in, out), NNCC_OK);
    for (int k = 0; k < FUNCTIONS; k++)
      bad += judge(&functions[k], in.data, out[k].data, out[FUNCTIONS + k].data, n, cpus[c] ? cpus[c] : "native");
    native_close(&native);
  }
  for (int k = 0; k < 2 * FUNCTIONS; k++) guarded_free(&out[k]);
  guarded_free(&in);
  loop_program_destroy(p);
  diag_destroy(d);
  assert_int_equal(bad, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_accuracy)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
