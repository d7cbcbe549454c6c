// Code generation end to end: programs built by hand, compiled for several processors and levels, run with one and two
// threads, and compared with plain C.
#include "fixture.h"

enum { LANES = 16 };
#define V16 L_F32X(LANES)

static float *noise(int n, int seed) {
  float *v = xmalloc(sizeof *v * (size_t)n);
  for (int i = 0; i < n; i++) v[i] = fixture_noise(i + 1000 * seed);
  return v;
}

// ---- y = a x + y0 over N elements: full vectors, then a masked tail

static LProgram *axpy(void) {
  Built k = built_open("axpy", "axpy");
  LBuilder *b = k.b;
  Dim N = dim_symbol(k.p->dims, "N", 1000);
  LExpr *x = built_input(&k, "x", DT_F32, N), *y0 = built_input(&k, "y0", DT_F32, N),
        *y = built_output(&k, "y", DT_F32, N);
  LExpr *n = built_dim(&k, "n", N);
  LExpr *t = loop_for(b, "t", loop_begin(b), loop_end(b), 1);
  LExpr *at = loop_let(b, "at", lx_muli(b, t, LANES)), *left = loop_let(b, "left", lx_sub(b, n, at));
  loop_if(b, lx_op(b, LOOP_LE, lx_int(b, LANES), left));
  LExpr *v = lx_fma(b, lx_const(b, V16, 1.5), lx_load(b, x, at, LANES), lx_load(b, y0, at, LANES));
  loop_store(b, y, at, v);
  loop_else(b);
  v = lx_fma(b, lx_const(b, V16, 1.5), lx_load_n(b, x, at, LANES, left), lx_load_n(b, y0, at, LANES, left));
  loop_store_n(b, y, at, v, left);
  loop_end_if(b);
  loop_end_for(b);
  return built_close(&k, dim_floordiv(k.p->dims, dim_add(k.p->dims, N, LANES - 1), LANES));
}

static void check_axpy(const Way *way, void *program) {
  int64_t most = 1000;
  Loaded m = fixture_load(program, way->cpu, way->opt_level, way->threads, &most);
  float *x = noise(1000, 1), *y0 = noise(1000, 2), *y = noise(1001, 3);
  for (int64_t n = 1; n <= 100; n++) {
    for (int i = 0; i <= n; i++) y[i] = 77;
    assert_int_equal(fixture_run(&m, &n, (const void *[]){x, y0}, (void *[]){y}), 0);
    for (int i = 0; i < n; i++) assert_true(fabsf(y[i] - (1.5f * x[i] + y0[i])) <= 1e-6f);
    assert_true(y[n] == 77);
  }
  int64_t bad = 1001;
  assert_int_equal(fixture_run(&m, &bad, (const void *[]){x, y0}, (void *[]){y}), NNCC_E_SHAPE);
  fixture_unload(&m);
  free(x);
  free(y0);
  free(y);
}

static void test_axpy(void **state) {
  (void)state;
  LProgram *p = axpy();
  fixture_each_way(check_axpy, p);
  loop_program_destroy(p);
}

// ---- C[M, 32] = A[M, K] B[K, 32] + bias: tiles of MR rows by 2 vectors, weights packed, a second phase through the
// arena

enum { M = 37, K = 50, MR = 6 };

static void gemm_tile(LBuilder *b, LExpr *a, LExpr *w, LExpr *bias, LExpr *c, LExpr *row, int rows) {
  int dims[] = {rows, 2};
  LVar *acc = loop_local(b, "acc", V16, 2, dims);
  LExpr *i = loop_unroll(b, "i", 0, rows), *j = loop_unroll(b, "j", 0, 2);
  loop_set(b, acc, lx_load(b, bias, lx_muli(b, j, LANES), LANES), i, j);
  loop_end_for(b);
  loop_end_for(b);
  LExpr *k = loop_for(b, "k", lx_int(b, 0), lx_int(b, K), 1);
  i = loop_unroll(b, "i", 0, rows);
  j = loop_unroll(b, "j", 0, 2);
  LExpr *at = lx_add(b, lx_muli(b, lx_add(b, row, i), K), k),
        *from = lx_add(b, lx_muli(b, k, 2 * LANES), lx_muli(b, j, LANES));
  loop_set(b, acc,
           lx_fma(b, lx_splat(b, LANES, lx_load(b, a, at, 1)), lx_load(b, w, from, LANES), lx_local(b, acc, i, j)), i,
           j);
  loop_end_for(b);
  loop_end_for(b);
  loop_end_for(b);
  i = loop_unroll(b, "i", 0, rows);
  j = loop_unroll(b, "j", 0, 2);
  loop_store(b, c, lx_add(b, lx_muli(b, lx_add(b, row, i), 2 * LANES), lx_muli(b, j, LANES)), lx_local(b, acc, i, j));
  loop_end_for(b);
  loop_end_for(b);
}

static LProgram *gemm(const float *w, const float *bias) {
  Built k = built_open("gemm", "gemm_6x2");
  LBuilder *b = k.b;
  LExpr *x = built_input(&k, "x", DT_F32, M * K), *pw = built_weight(&k, "w", DT_F32, K * 32, w);
  LExpr *pb = built_weight(&k, "bias", DT_F32, 32, bias),
        *c = built_memory(&k, BUFFER_ARENA, "c", DT_F32, M * 32, ACCESS_OUT);
  LBuffer *hidden = vec_last(&k.args).buffer;
  LExpr *t = loop_for(b, "t", loop_begin(b), loop_end(b), 1), *row = loop_let(b, "row", lx_muli(b, t, MR));
  loop_if(b, lx_op(b, LOOP_LT, t, lx_int(b, M / MR)));
  gemm_tile(b, x, pw, pb, c, row, MR);
  loop_else(b);
  gemm_tile(b, x, pw, pb, c, row, M % MR);
  loop_end_if(b);
  loop_end_for(b);
  built_add_phase(&k, M / MR + 1);

  k.b = b = loop_begin_kernel(k.p, "row_sums"); // y[m] = sum of c[m, :], through scratch
  vec_push(&k.args, (LArg){hidden, 0});
  LExpr *in = lx_var(b, loop_param(b, "c", L_POINTER(DT_F32), ACCESS_IN));
  LExpr *y = built_output(&k, "y", DT_F32, M), *s = built_memory(&k, BUFFER_SCRATCH, "s", DT_F32, LANES, ACCESS_INOUT);
  t = loop_for(b, "t", loop_begin(b), loop_end(b), 1);
  LExpr *at = lx_muli(b, t, 32);
  loop_store(b, s, lx_int(b, 0), lx_add(b, lx_load(b, in, at, LANES), lx_load(b, in, lx_addi(b, at, LANES), LANES)));
  loop_store(b, y, t, lx_unary(b, LOOP_REDUCE_ADD, lx_load(b, s, lx_int(b, 0), LANES)));
  loop_end_for(b);
  return built_close(&k, M);
}

typedef struct GemmCase {
  LProgram *p;
  const float *w, *bias;
  float first[M]; // at -O0 on one thread: the rest must equal it on the same processor
} GemmCase;

static void check_gemm(const Way *way, void *context) {
  GemmCase *g = context;
  Loaded m = fixture_load(g->p, way->cpu, way->opt_level, way->threads, NULL);
  float *x = noise(M * K, 4), y[M], *expected = g->first;
  assert_int_equal(fixture_run(&m, NULL, (const void *[]){x}, (void *[]){y}), 0);
  for (int r = 0; r < M; r++) {
    double sum = 0;
    for (int j = 0; j < 32; j++) {
      sum += g->bias[j];
      for (int q = 0; q < K; q++) sum += (double)x[r * K + q] * g->w[q * 32 + j];
    }
    assert_true(fabs(y[r] - sum) <= 1e-4);
  }
  if (way->opt_level == 0 && way->threads == 1) memcpy(expected, y, sizeof y);
  assert_memory_equal(expected, y, sizeof y);
  fixture_unload(&m);
  free(x);
}

static void test_gemm(void **state) {
  (void)state;
  float *w = noise(K * 32, 5), *bias = noise(32, 6);
  GemmCase g = {.p = gemm(w, bias), .w = w, .bias = bias};
  fixture_each_way(check_gemm, &g);
  loop_program_destroy(g.p);
  free(w);
  free(bias);
}

// ---- casts: every element type to every other, scalars and vectors

static double round_trip(DType t, double v) {
  uint64_t bits = 0;
  dtype_store(t, &bits, 0, v);
  return dtype_load(t, &bits, 0);
}

static double cast_sample(DType t, int i) {
  static const double reals[] = {0,      1,    -1,    0.5,  1.5,  2.5,   -2.75, 3.14159265,
                                 100.25, -100, 65504, 6e-8, 1e-5, -3e-6, 0.1,   1.0009765625};
  static const double ints[] = {0, 1, 2, 3, 5, 100, 127, 64, 17, 31, 33, 99, 120, 7, 8, 9};
  double v = dtype_is_float(t) ? reals[i % 16] : ints[i % 16];
  if (!dtype_is_float(t) && !dtype_is_unsigned(t) && i % 3 == 0) v = -v;
  return round_trip(t, v);
}

static double cast_expected(DType to, double v) {
  if (to == DT_BOOL) return v != 0;
  if (dtype_is_float(to)) return round_trip(to, v);
  int64_t whole;
  dtype_store_int(to, &whole, 0, (int64_t)v);
  return dtype_int_to_double(to, dtype_load_int(to, &whole, 0));
}

static bool cast_is_defined(DType from, DType to, double v) {
  return !(dtype_is_float(from) && to == DT_U64 && v <= -1);
}

static LProgram *casts(DType from) {
  Built k = built_open("casts", "casts");
  LBuilder *b = k.b;
  LExpr *x = built_input(&k, "x", from, 19), *out[DT_COUNT];
  for (int t = 0; t < DT_COUNT; t++) out[t] = built_output(&k, dtype_name((DType)t), (DType)t, 19);
  for (int t = 0; t < DT_COUNT; t++) {
    loop_store(b, out[t], lx_int(b, 0), lx_cast(b, (DType)t, lx_load(b, x, lx_int(b, 0), LANES)));
    LExpr *i = loop_for(b, "i", lx_int(b, LANES), lx_int(b, 19), 1);
    loop_store(b, out[t], i, lx_cast(b, (DType)t, lx_load(b, x, i, 1)));
    loop_end_for(b);
  }
  return built_close(&k, 1);
}

static void check_casts(const Way *way, void *program) {
  if (way->threads > 1) return;
  LProgram *p = program;
  DType from = p->inputs.data[0].dtype;
  uint64_t in[19] = {0}, results[DT_COUNT][19];
  void *out[DT_COUNT];
  for (int t = 0; t < DT_COUNT; t++) out[t] = results[t];
  for (int i = 0; i < 19; i++) dtype_store(from, in, i, cast_sample(from, i));
  Loaded m = fixture_load(p, way->cpu, way->opt_level, 1, NULL);
  assert_int_equal(fixture_run(&m, NULL, (const void *[]){in}, out), 0);
  for (int t = 0; t < DT_COUNT; t++)
    for (int i = 0; i < 19; i++) {
      double v = dtype_load((DType)t, results[t], i), expected = cast_expected((DType)t, cast_sample(from, i));
      if (v != expected && cast_is_defined(from, (DType)t, cast_sample(from, i)))
        fail_msg("%s -> %s at %d, %s -O%d: %g, expected %g", dtype_name(from), dtype_name((DType)t), i, way->cpu,
                 way->opt_level, v, expected);
    }
  fixture_unload(&m);
}

static void test_casts(void **state) {
  (void)state;
  for (int from = 0; from < DT_COUNT; from++) {
    LProgram *p = casts((DType)from);
    fixture_each_way(check_casts, p);
    loop_program_destroy(p);
  }
}

// ---- the operations, each against C

typedef struct OpCase {
  LOp op;
  DType dtype;
} OpCase;

static const OpCase op_cases[] = {
    {LOOP_ADD, DT_F32},  {LOOP_SUB, DT_F32}, {LOOP_MUL, DT_F32},  {LOOP_DIV, DT_F32},   {LOOP_MIN, DT_F32},
    {LOOP_MAX, DT_F32},  {LOOP_NEG, DT_F32}, {LOOP_ABS, DT_F32},  {LOOP_SQRT, DT_F32},  {LOOP_FLOOR, DT_F32},
    {LOOP_RINT, DT_F32}, {LOOP_ADD, DT_I32}, {LOOP_SUB, DT_I32},  {LOOP_MUL, DT_I32},   {LOOP_DIV, DT_I32},
    {LOOP_MOD, DT_I32},  {LOOP_MIN, DT_I32}, {LOOP_MAX, DT_I32},  {LOOP_AND, DT_I32},   {LOOP_OR, DT_I32},
    {LOOP_XOR, DT_I32},  {LOOP_SHL, DT_I32}, {LOOP_SHR, DT_I32},  {LOOP_NEG, DT_I32},   {LOOP_ABS, DT_I32},
    {LOOP_MIN, DT_U8},   {LOOP_MAX, DT_U8},  {LOOP_ADD, DT_U8},   {LOOP_SHR, DT_U8},    {LOOP_MIN, DT_I8},
    {LOOP_MUL, DT_I8},   {LOOP_ADD, DT_I64}, {LOOP_MUL, DT_I64},  {LOOP_MIN, DT_I64},   {LOOP_ADD, DT_F64},
    {LOOP_SUB, DT_F64},  {LOOP_MUL, DT_F64}, {LOOP_DIV, DT_F64},  {LOOP_MIN, DT_F64},   {LOOP_MAX, DT_F64},
    {LOOP_NEG, DT_F64},  {LOOP_ABS, DT_F64}, {LOOP_SQRT, DT_F64}, {LOOP_FLOOR, DT_F64}, {LOOP_RINT, DT_F64},
    {LOOP_MUL, DT_I16},  {LOOP_DIV, DT_I16}, {LOOP_ABS, DT_I16},  {LOOP_MAX, DT_U16},   {LOOP_SHR, DT_U16},
    {LOOP_DIV, DT_U16},  {LOOP_DIV, DT_U32}, {LOOP_MOD, DT_U32},  {LOOP_MIN, DT_U32},   {LOOP_SUB, DT_U32},
    {LOOP_DIV, DT_U64},  {LOOP_MOD, DT_U64}, {LOOP_MAX, DT_U64},  {LOOP_SUB, DT_U64},   {LOOP_SHR, DT_U64},
};
enum { OP_CASES = sizeof op_cases / sizeof *op_cases };

static bool is_unary(LOp op) { return loop_op_info(op)->arity == 1; }

static LProgram *op_program(const OpCase *c) {
  Built k = built_open("op", loop_op_info(c->op)->name);
  LBuilder *b = k.b;
  LExpr *x = built_input(&k, "x", c->dtype, 19), *y = built_input(&k, "y", c->dtype, 19),
        *z = built_output(&k, "z", c->dtype, 19);
  LExpr *lt = built_output(&k, "lt", DT_BOOL, LANES), *eq = built_output(&k, "eq", DT_BOOL, LANES);
  LExpr *u = lx_load(b, x, lx_int(b, 0), LANES), *v = lx_load(b, y, lx_int(b, 0), LANES);
  loop_store(b, z, lx_int(b, 0), is_unary(c->op) ? lx_unary(b, c->op, u) : lx_op(b, c->op, u, v));
  loop_store(b, lt, lx_int(b, 0), lx_op(b, LOOP_LT, u, v));
  loop_store(b, eq, lx_int(b, 0), lx_op(b, LOOP_EQ, u, v));
  LExpr *i = loop_for(b, "i", lx_int(b, LANES), lx_int(b, 19), 1);
  u = lx_load(b, x, i, 1);
  v = lx_load(b, y, i, 1);
  loop_store(b, z, i, is_unary(c->op) ? lx_unary(b, c->op, u) : lx_op(b, c->op, u, v));
  loop_end_for(b);
  return built_close(&k, 1);
}

static double op_double(LOp op, double a, double b) {
  switch (op) {
  case LOOP_ADD: return a + b;
  case LOOP_SUB: return a - b;
  case LOOP_MUL: return a * b;
  case LOOP_DIV: return a / b;
  case LOOP_MIN: return a < b ? a : b;
  case LOOP_MAX: return a > b ? a : b;
  case LOOP_NEG: return -a;
  case LOOP_ABS: return fabs(a);
  case LOOP_SQRT: return sqrt(a);
  case LOOP_FLOOR: return floor(a);
  default: return rint(a);
  }
}

static double op_float(LOp op, float a, float b) {
  switch (op) {
  case LOOP_ADD: return a + b;
  case LOOP_SUB: return a - b;
  case LOOP_MUL: return a * b;
  case LOOP_DIV: return a / b;
  case LOOP_MIN: return a < b ? a : b;
  case LOOP_MAX: return a > b ? a : b;
  case LOOP_NEG: return -a;
  case LOOP_ABS: return fabsf(a);
  case LOOP_SQRT: return sqrtf(a);
  case LOOP_FLOOR: return floorf(a);
  default: return rintf(a);
  }
}

static int64_t op_int(LOp op, int64_t a, int64_t b, DType t) {
  switch (op) {
  case LOOP_ADD: return a + b;
  case LOOP_SUB: return a - b;
  case LOOP_MUL: return a * b;
  case LOOP_DIV: return a / b;
  case LOOP_MOD: return a % b;
  case LOOP_MIN: return a < b ? a : b;
  case LOOP_MAX: return a > b ? a : b;
  case LOOP_AND: return a & b;
  case LOOP_OR: return a | b;
  case LOOP_XOR: return a ^ b;
  case LOOP_SHL: return a << b;
  case LOOP_SHR: return t == DT_I32 ? (int64_t)((uint32_t)a >> b) : a >> b;
  case LOOP_NEG: return -a;
  default: return a < 0 ? -a : a;
  }
}

static double op_expected(const OpCase *c, double a, double b) {
  if (c->dtype == DT_F32) return op_float(c->op, (float)a, (float)b);
  if (c->dtype == DT_F64) return op_double(c->op, a, b);
  int64_t r;
  dtype_store_int(c->dtype, &r, 0, op_int(c->op, (int64_t)a, (int64_t)b, c->dtype));
  return dtype_int_to_double(c->dtype, dtype_load_int(c->dtype, &r, 0));
}

static double op_operand(const OpCase *c, int which, int i) {
  bool shift = c->op == LOOP_SHL || c->op == LOOP_SHR;
  if (dtype_is_float(c->dtype)) return c->op == LOOP_SQRT ? i * 1.25 : (i - 7) * 0.75 + which * 0.5;
  if (which) return shift ? i % 7 : i % 5 + 1;
  return dtype_is_unsigned(c->dtype) ? i * 13 : c->op == LOOP_DIV || c->op == LOOP_MOD || shift ? i * 5 : (i - 7) * 6;
}

typedef struct OpRun {
  LProgram *p;
  const OpCase *c;
} OpRun;

static void check_op(const Way *way, void *context) {
  const OpRun *r = context;
  if (way->threads > 1) return;
  uint64_t x[19], y[19], z[19];
  uint8_t lt[LANES], eq[LANES];
  for (int i = 0; i < 19; i++) {
    dtype_store(r->c->dtype, x, i, op_operand(r->c, 0, i));
    dtype_store(r->c->dtype, y, i, op_operand(r->c, 1, i));
  }
  Loaded m = fixture_load(r->p, way->cpu, way->opt_level, 1, NULL);
  assert_int_equal(fixture_run(&m, NULL, (const void *[]){x, y}, (void *[]){z, lt, eq}), 0);
  for (int i = 0; i < 19; i++) {
    double a = dtype_load(r->c->dtype, x, i), b = dtype_load(r->c->dtype, y, i), got = dtype_load(r->c->dtype, z, i);
    double expected = op_expected(r->c, a, b);
    if (got != expected)
      fail_msg("%s of %s, %s -O%d: %g, %g give %g, expected %g", loop_op_info(r->c->op)->name, dtype_name(r->c->dtype),
               way->cpu, way->opt_level, a, b, got, expected);
    if (i < LANES) assert_int_equal(lt[i], a < b);
    if (i < LANES) assert_int_equal(eq[i], a == b);
  }
  fixture_unload(&m);
}

static void test_ops(void **state) {
  (void)state;
  for (int i = 0; i < OP_CASES; i++) {
    OpRun r = {op_program(&op_cases[i]), &op_cases[i]};
    check_op(&(Way){"x86-64-v2", 0, 1}, &r);
    check_op(&(Way){"native", 2, 1}, &r);
    loop_program_destroy(r.p);
  }
}

// ---- reductions, shuffles, extraction, selection, bit casts, integer reductions

static const float entries[16] = {0.5f, -1, 2.5f, 1e-30f, 4, 5, 6, 7, -8, 9, 10, 11, 12, 1e30f, 14, 15};

static LProgram *lanes_program(void) {
  static const int mixed[] = {0, 16, 5, 21, 31, 15, 2, 2},
                   reversed[] = {15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
  Built k = built_open("lanes", "lanes");
  LBuilder *b = k.b;
  LExpr *x = built_input(&k, "x", DT_F32, 32), *y = built_output(&k, "y", DT_F32, 105);
  LExpr *u = loop_let(b, "u", lx_load(b, x, lx_int(b, 0), 16)), *v = loop_let(b, "v", lx_load(b, x, lx_int(b, 16), 16));
  loop_store(b, y, lx_int(b, 0), lx_unary(b, LOOP_REDUCE_ADD, u));
  loop_store(b, y, lx_int(b, 1), lx_unary(b, LOOP_REDUCE_MAX, u));
  loop_store(b, y, lx_int(b, 2), lx_unary(b, LOOP_REDUCE_MIN, u));
  loop_store(b, y, lx_int(b, 3), lx_extract(b, u, 11));
  LExpr *ints = lx_cast(b, DT_I32, lx_op(b, LOOP_MUL, u, lx_const(b, V16, 100)));
  loop_store(b, y, lx_int(b, 4), lx_cast(b, DT_F32, lx_unary(b, LOOP_REDUCE_MAX, ints)));
  loop_store(b, y, lx_int(b, 5), lx_cast(b, DT_F32, lx_unary(b, LOOP_REDUCE_ADD, ints)));
  loop_store(b, y, lx_int(b, 8), lx_shuffle(b, u, v, 8, mixed));
  loop_store(b, y, lx_int(b, 16), lx_shuffle(b, u, u, 16, reversed));
  LExpr *bits = lx_op(b, LOOP_AND, lx_bitcast(b, DT_I32, v), lx_const(b, (LType){DT_I32, 16, false}, 0x7fffffff));
  loop_store(b, y, lx_int(b, 32), lx_bitcast(b, DT_F32, bits));
  loop_store(b, y, lx_int(b, 48), lx_select(b, lx_op(b, LOOP_LT, u, v), u, lx_const(b, V16, 9)));
  ints = loop_let(b, "ints", ints);
  loop_store(b, y, lx_int(b, 64), lx_lookup(b, ints, 16, entries));
  loop_store(b, y, lx_int(b, 80), lx_lookup(b, ints, 8, entries));
  loop_store(b, y, lx_int(b, 96), lx_lookup(b, lx_shuffle(b, ints, ints, 8, mixed), 16, entries));
  loop_store(b, y, lx_int(b, 104), lx_lookup(b, lx_extract(b, ints, 3), 8, entries));
  return built_close(&k, 1);
}

static void check_lanes(const Way *way, void *program) {
  static const int mixed[] = {0, 16, 5, 21, 31, 15, 2, 2};
  float *x = noise(32, 7), y[105], tree[16], most = x[0], least = x[0];
  int imax = INT32_MIN, isum = 0;
  Loaded m = fixture_load(program, way->cpu, way->opt_level, way->threads, NULL);
  assert_int_equal(fixture_run(&m, NULL, (const void *[]){x}, (void *[]){y}), 0);
  memcpy(tree, x, sizeof tree);
  for (int n = 8; n; n /= 2)
    for (int i = 0; i < n; i++) tree[i] = tree[i] + tree[i + n];
  for (int i = 0; i < 16; i++) {
    most = fmaxf(most, x[i]);
    least = fminf(least, x[i]);
    int v = (int)(x[i] * 100);
    imax = v > imax ? v : imax;
    isum += v;
  }
  assert_true(y[0] == tree[0] && y[1] == most && y[2] == least && y[3] == x[11] && y[4] == (float)imax &&
              y[5] == (float)isum);
  for (int i = 0; i < 8; i++) {
    assert_true(y[8 + i] == x[mixed[i]]);
    assert_true(y[96 + i] == entries[(int)(x[mixed[i] % 16] * 100) & 15]);
  }
  assert_true(y[104] == entries[(int)(x[3] * 100) & 7]);
  for (int i = 0; i < 16; i++) {
    assert_true(y[16 + i] == x[15 - i]);
    assert_true(y[32 + i] == fabsf(x[16 + i]));
    assert_true(y[48 + i] == (x[i] < x[16 + i] ? x[i] : 9));
    assert_true(y[64 + i] == entries[(int)(x[i] * 100) & 15]);
    assert_true(y[80 + i] == entries[(int)(x[i] * 100) & 7]);
  }
  fixture_unload(&m);
  free(x);
}

static void test_lanes(void **state) {
  (void)state;
  LProgram *p = lanes_program();
  fixture_each_way(check_lanes, p);
  loop_program_destroy(p);
}

// ---- control flow: nested ifs, empty loops, steps, a status, masks of each count in every element type

static LProgram *control_program(void) {
  Built k = built_open("control", "control");
  LBuilder *b = k.b;
  Dim N = dim_symbol(k.p->dims, "N", 50);
  LExpr *x = built_input(&k, "x", DT_I32, N), *y = built_output(&k, "y", DT_I32, N);
  LExpr *t = loop_for(b, "t", loop_begin(b), loop_end(b), 1);
  LExpr *v = loop_let(b, "v", lx_cast(b, DT_I64, lx_load(b, x, t, 1)));
  LVar *sum = loop_local(b, "sum", (LType){DT_I32, 1, false}, 0, NULL);
  loop_set(b, sum, lx_const(b, (LType){DT_I32, 1, false}, 0));
  loop_if(b, lx_op(b, LOOP_LT, v, lx_int(b, 0)));
  loop_if(b, lx_op(b, LOOP_EQ, v, lx_int(b, -1)));
  loop_return(b, NNCC_E_INDEX);
  loop_end_if(b);
  loop_set(b, sum, lx_const(b, (LType){DT_I32, 1, false}, -5));
  loop_else(b);
  LExpr *i = loop_for(b, "i", lx_int(b, 2), v, 3);
  LExpr *term = lx_cast(
      b, DT_I32, lx_add(b, lx_op(b, LOOP_MOD, i, lx_int(b, 4)), lx_op(b, LOOP_DIV, lx_mul(b, i, t), lx_int(b, 3))));
  loop_set(b, sum, lx_add(b, lx_local(b, sum), term));
  loop_end_for(b);
  loop_end_if(b);
  loop_store(b, y, t, lx_local(b, sum));
  loop_end_for(b);
  return built_close(&k, N);
}

static void check_control(const Way *way, void *program) {
  int64_t n = 50;
  int32_t x[50], y[50];
  Loaded m = fixture_load(program, way->cpu, way->opt_level, way->threads, &n);
  for (int i = 0; i < 50; i++) x[i] = i % 7 == 3 ? -2 - i : i;
  assert_int_equal(fixture_run(&m, &n, (const void *[]){x}, (void *[]){y}), 0);
  for (int t = 0; t < 50; t++) {
    int sum = x[t] < 0 ? -5 : 0;
    for (int i = 2; i < x[t]; i += 3) sum += i % 4 + i * t / 3;
    assert_int_equal(y[t], sum);
  }
  x[33] = -1;
  assert_int_equal(fixture_run(&m, &n, (const void *[]){x}, (void *[]){y}), NNCC_E_INDEX);
  fixture_unload(&m);
}

static void test_control(void **state) {
  (void)state;
  LProgram *p = control_program();
  fixture_each_way(check_control, p);
  loop_program_destroy(p);
}

static LProgram *mask_program(void) {
  Built k = built_open("mask", "mask");
  LBuilder *b = k.b;
  Dim N = dim_symbol(k.p->dims, "N", 20);
  LExpr *in[DT_COUNT], *out[DT_COUNT];
  for (int t = 0; t < DT_COUNT; t++) in[t] = built_input(&k, dtype_name((DType)t), (DType)t, 8);
  char name[] = "out0";
  for (int t = 0; t < DT_COUNT; t++, name[3]++) out[t] = built_output(&k, name, (DType)t, 24);
  LExpr *n = lx_addi(b, built_dim(&k, "n", N), -6); // from below zero to beyond the lanes
  for (int t = 0; t < DT_COUNT; t++) {
    LExpr *v = loop_let(b, "v", lx_load_n(b, in[t], lx_int(b, 0), 8, n));
    loop_store(b, out[t], lx_int(b, 0), v);
    loop_store_n(b, out[t], lx_int(b, 8), lx_load(b, in[t], lx_int(b, 0), 8), n);
    loop_store_n(b, out[t], lx_int(b, 16), lx_load_n(b, in[t], lx_int(b, 1), 1, n), lx_addi(b, n, 1));
  }
  return built_close(&k, 1);
}

static void check_masks(const Way *way, void *program) {
  int64_t most = 20;
  uint64_t in[DT_COUNT][8], out[DT_COUNT][24];
  const void *ins[DT_COUNT];
  void *outs[DT_COUNT];
  Loaded m = fixture_load(program, way->cpu, way->opt_level, way->threads, &most);
  for (int64_t N = 1; N <= 20; N++) {
    for (int t = 0; t < DT_COUNT; t++) {
      for (int i = 0; i < 8; i++) dtype_store((DType)t, in[t], i, i % 2 + 1);
      for (int i = 0; i < 24; i++) dtype_store((DType)t, out[t], i, t == DT_BOOL ? 1 : 5);
      ins[t] = in[t];
      outs[t] = out[t];
    }
    assert_int_equal(fixture_run(&m, &N, ins, outs), 0);
    for (int t = 0; t < DT_COUNT; t++) {
      double old = t == DT_BOOL ? 1 : 5;
      for (int i = 0; i < 8; i++) {
        double v = dtype_load((DType)t, in[t], i);
        assert_true(dtype_load((DType)t, out[t], i) == (i < N - 6 ? v : 0));
        assert_true(dtype_load((DType)t, out[t], 8 + i) == (i < N - 6 ? v : old));
      }
      double one = N - 6 > 0 ? dtype_load((DType)t, in[t], 1) : N - 6 == 0 ? 0 : old;
      assert_true(dtype_load((DType)t, out[t], 16) == one);
    }
  }
  fixture_unload(&m);
}

static void test_masks(void **state) {
  (void)state;
  LProgram *p = mask_program();
  fixture_each_way(check_masks, p);
  loop_program_destroy(p);
}

static int end(void **state) {
  (void)state;
  fixture_end();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_axpy),  cmocka_unit_test(test_gemm),
                                     cmocka_unit_test(test_casts), cmocka_unit_test(test_ops),
                                     cmocka_unit_test(test_lanes), cmocka_unit_test(test_control),
                                     cmocka_unit_test(test_masks)};
  return cmocka_run_group_tests(tests, NULL, end);
}
