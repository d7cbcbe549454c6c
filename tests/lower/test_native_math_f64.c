// The functions of passes/lower/math_f64.c in native code, against the mathematical library in long double: numbers of
// all sizes, and densely where a function changes its formula.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "passes/lower/math.h"
#include "passes/pass.h"
#include "tests/lower/native.h"
#include <float.h>
#include <math.h>

static long double sigmoid(long double x) { return 1 / (1 + expl(-x)); }
static long double silu(long double x) { return x * sigmoid(x); }
static long double softplus(long double x) { return (x > 0 ? x : 0) + log1pl(expl(-fabsl(x))); }
static long double mish(long double x) { return x * tanhl(softplus(x)); }
static long double elu_half(long double x) { return x > 0 ? x : 0.5L * expm1l(3 * x); }
static long double gelu_tanh(long double x) {
  return x * sigmoid(2 * 0.797884560802865355879892L * (x + 0.044715L * x * x * x));
}
static long double celu_below(long double x) { return x > 0 ? x : -2 * expm1l(x / -2); }
static LExpr *native_celu(LBuilder *b, LExpr *x) { return math_elu(b, x, -2, 1 / -2.0); }
static LExpr *native_elu(LBuilder *b, LExpr *x) { return math_elu(b, x, 0.5, 3); }

typedef struct Function {
  const char *name;
  LExpr *(*native)(LBuilder *b, LExpr *x);
  long double (*exact)(long double x);
  double most, ulp; // of |x|; 4 ULP but where a formula multiplies an error by x
} Function;

static const Function functions[] = {
    {"exp", math_exp, expl, 708, 4},
    {"log", math_log, logl, 1e300, 4},
    {"sigmoid", math_sigmoid, sigmoid, 708, 4},
    {"tanh", math_tanh, tanhl, 1e300, 4},
    {"silu", math_silu, silu, 700, 4},
    {"mish", math_mish, mish, 340, 4},
    {"softplus", math_softplus, softplus, 700, 4},
    {"elu", native_elu, elu_half, 1e300, 4},
    {"celu", native_celu, celu_below, 700, 6},
    {"atan", math_atan, atanl, 1e300, 4},
    {"gelu_tanh", math_gelu_tanh, gelu_tanh, 5, 20},
    {"sin", math_sin, sinl, 1e5, 4},
    {"cos", math_cos, cosl, 1e5, 4},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions, LANES = 16, COUNT = 1 << 17 };

static LTensor row(const char *name) { return (LTensor){.name = name, .dtype = DT_F64, .rank = 1, .dims = {COUNT}}; }

// Outputs: each function by vectors, then each by scalars.
static LProgram *make_program(Diag *d) {
  LProgram *p = loop_program_create("math", NULL);
  vec_push(&p->inputs, row("x"));
  LBuffer *x = loop_buffer(p, BUFFER_INPUT, "x", DT_F64, COUNT * 8);
  for (int k = 0; k < 2 * FUNCTIONS; k++) {
    const Function *f = &functions[k % FUNCTIONS];
    int lanes = k < FUNCTIONS ? LANES : 1;
    const char *name = arena_printf(p->arena, "%s%d", f->name, lanes);
    vec_push(&p->outputs, row(name));
    LBuffer *y = loop_buffer(p, BUFFER_OUTPUT, name, DT_F64, COUNT * 8);
    y->index = k;
    LBuilder *b = loop_begin_kernel(p, f->name);
    LExpr *px = lx_var(b, loop_param(b, "x", L_POINTER(DT_F64), ACCESS_IN)),
          *py = lx_var(b, loop_param(b, "y", L_POINTER(DT_F64), ACCESS_OUT));
    LExpr *t = loop_for(b, "t", loop_begin(b), loop_end(b), 1), *at = lx_muli(b, t, lanes);
    loop_store(b, py, at, f->native(b, lx_load(b, px, at, lanes)));
    loop_end_for(b);
    LPhase *phase = loop_phase(p, f->name, loop_end_kernel(b), COUNT / lanes);
    phase->detail = "";
    vec_push(&phase->args, ((LArg){.buffer = x}));
    vec_push(&phase->args, ((LArg){.buffer = y}));
  }
  PassContext c;
  PassOptions options = passes_options();
  assert_true(passes_init(&c, NULL, p, d, &options) && passes_run(&c, "plan-memory"));
  passes_free(&c);
  return p;
}

static void try_out(double *x) {
  static const double turns[] = {0.34657359, 0.70710678, 1, 1.41421356, M_PI_4, M_PI_2, M_PI, 22, 40, 355, 9999.5};
  enum { TURNS = sizeof turns / sizeof *turns };
  uint64_t seed = 3;
  for (int i = 0; i < COUNT; i++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    double unit = (double)(int64_t)(seed >> 11) / 0x1p53, sign = seed >> 5 & 1 ? 1 : -1;
    x[i] = sign * (i % 2 ? ldexp(1 + unit, i / 2 % 80 - 60) : turns[i / 2 % TURNS] * (1 + (unit - 0.5) * 1e-3));
  }
  x[0] = INFINITY, x[1] = -INFINITY, x[2] = NAN, x[3] = 0, x[4] = -1e300, x[5] = 1e300;
}

static double ulps(long double exact, double got) {
  if (isnan(exact) || isnan(got)) return isnan(exact) && isnan(got) ? 0 : INFINITY;
  if ((double)exact == got || fabsl(exact - got) < DBL_MIN) return 0;
  int e;
  frexp((double)exact, &e);
  return (double)fabsl(exact - got) / ldexp(1, e - DBL_MANT_DIG);
}

static int judge(const Function *f, const double *x, const double *y, const double *scalar, const char *where) {
  double worst = 0, at = 0;
  for (int i = 0; i < COUNT; i++) {
    if (!(fabs(x[i]) <= f->most) && !isnan(x[i])) continue;
    double e = ulps(f->exact((long double)x[i]), y[i]);
    if (y[i] != scalar[i] && !isnan(y[i])) e = INFINITY;
    if (e > worst) worst = e, at = x[i];
  }
  print_message("%s: %s is within %.2f ULP, worst at %.17g\n", where, f->name, worst, at);
  return worst > f->ulp;
}

static void test_accuracy(void **state) {
  (void)state;
  static const char *const cpus[] = {NULL, "x86-64-v3", "x86-64-v2"};
  Diag *d = diag_create();
  LProgram *p = make_program(d);
  Guarded in = guarded_create(COUNT * 8, 8), out[2 * FUNCTIONS];
  for (int k = 0; k < 2 * FUNCTIONS; k++) out[k] = guarded_create(in.bytes, 8);
  try_out(in.data);
  int bad = 0;
  for (size_t c = 0; c < sizeof cpus / sizeof *cpus; c++) {
    if (!native_supports(cpus[c])) continue;
    Native native;
    assert_true(native_open_program(&native, p, &(NativeOptions){.level = 2, .cpu = cpus[c]}, d));
    assert_int_equal(native_run(&native, NULL, 2, &in, out), NNCC_OK);
    for (int k = 0; k < FUNCTIONS; k++)
      bad += judge(&functions[k], in.data, out[k].data, out[FUNCTIONS + k].data, cpus[c] ? cpus[c] : "native");
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
