// What the loop IR's reader and verifier say, in whole: hostile texts, texts that read well and break an invariant, and
// programs that no text can make.
#include "fixture.h"
#include "ir/core/check.h"
#include <stdio.h>

typedef struct BadText {
  const char *text, *message;
} BadText;

// The bodies of kernels over `x: in f32*, y: out f32*, h: in f16*, i: in i32*` come last.
static const BadText bad_texts[] = {
    {"", "expected `loop`"},
    {"loop 2 x", "expected version 1 of the loop IR"},
    {"loop 1 [", "expected a name"},
    {"loop 1 x nonsense", "expected symbol, count, input, output, label, meta, assert, buffer, kernel or phase"},
    {"loop 1 x symbol N max 0", "a symbol's range is empty"},
    {"loop 1 x symbol N max 9 symbol N max 9", "a symbol repeats, or there are too many"},
    {"loop 1 x count c max 9 count c max 9", "a count repeats, has another as its capacity, or there are too many"},
    {"loop 1 x count c max 9 count d max c", "a count repeats, has another as its capacity, or there are too many"},
    {"loop 1 x input x: q[1]", "expected an element type"},
    {"loop 1 x input x: f32[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "a tensor has up to 16 dimensions"},
    {"loop 1 x label \"never ends", "a string has no end"},
    {"loop 1 x label never", "expected a string"},
    {"loop 1 x buffer b: arena f32 bytes Q", "expected a dimension"},
    {"loop 1 x buffer b: heap f32 bytes 64", "expected input, output, count, weight, arena or scratch"},
    {"loop 1 x buffer b: weight f32 bytes 64 hash 12", "a hash has 16 hexadecimal digits"},
    {"loop 1 x phase \"p\" = k() tasks 1", "unknown kernel `k`"},
    {"loop 1 x kernel k(x: in f32*) { } phase \"p\" = k(b) tasks 1", "unknown buffer `b`"},
    {"loop 1 x kernel k() { } kernel j() { }", "the kernel repeats another"},
    {"loop 1 x kernel k() { } kernel k() { return 1 }", "the kernel's name is taken"},
    {"loop 1 x kernel k(x: f32*) { }", "pointer parameters, and they alone, say how they are used"},
    {"loop 1 x kernel k(x: f32x4) { }", "a parameter is a scalar or a pointer"},
    {"loop 1 x kernel k(x: in q*) { }", "expected a type"},
    {"let a = 99999999999999999999", "an integer is too large"},
    {"let a = 1234567890123456789012345678901234567890123456789012345678901234567890", "a number is too long"},
    {"let a = 1.0q", "a number's suffix is no type"},
    {"let a = begin + 1e300i64", "an integer is too large"},
    {"let a = begin + -inf:i64", "an integer is too large"},
    {"let a = begin + - -9", "expected an expression"},
    {"let a = i[0] + 1e300i32", "an integer constant is whole and has up to 64 bits"},
    {"let a = i[0; 4] + inf:i32x4", "an integer constant is whole and has up to 64 bits"},
    {"let a = ]", "expected an expression"},
    {"let a = 3", "a let must name more than a constant or a variable"},
    {"let a = begin * 2 let a = begin * 3", "the name `a` is taken"},
    {"let 3 = begin", "expected a name"},
    {"{ }", "expected a statement"},
    {"z[0] = 1.0", "unknown variable `z`"},
    {"y[0] = 1", "a store's value must be of its pointer's type"},
    {"y[1.5] = 1.0", "an offset or count must be an index"},
    {"y[0; 4] = 1.0", "a store's lanes are its value's"},
    {"local a: f32[1, 1, 1, 1]", "a local has too many dimensions"},
    {"local a: f32[1000000000, 1000000000]", "a local's size is out of range"},
    {"local a: f32*", "a local is no pointer"},
    {"local a: f32[4] a[0] = 1", "the value's type is not the local's"},
    {"local a: f32[4] let b = a[1.5]", "a local's index must be an index"},
    {"for i2 in 0..4 step 0 { }", "a loop's step must be positive"},
    {"for i2 in 0..1.5 { }", "a loop's bounds must be indices"},
    {"for i2 in 0..begin unroll { }", "an unrolled loop has constant bounds and no step"},
    {"if begin { }", "a condition must be one boolean"},
    {"if begin < 3 { let a = begin * 2 } let b = a + 1", "unknown variable `a`"},
    {"prefetch 3[0], 1", "expected a pointer"},
    {"prefetch x[1.5], 1", "a prefetch takes a pointer and an index"},
    {"prefetch x[0], 4", "locality is 0 to 3"},
    {"let a = x[0; 3]", "lanes must be a power of two up to 64"},
    {"let a = x[0; 128]", "lanes must be a power of two up to 64"},
    {"let a = x[0; 4, 1.5]", "a count of lanes must be an index"},
    {"let a = x[0] + 1", "operands differ in type"},
    {"let a = x[1.5]", "an offset must be an index"},
    {"let a = x + 1.5", "a pointer moves by an index only"},
    {"let a = h[0] + h[1]", "operands must be numbers"},
    {"let a = x < x", "operands cannot be compared"},
    {"let a = 1.0 & 2.0", "operands must be integers or booleans"},
    {"let a = 1.0 % 2.0", "operands must be integers"},
    {"let a = neg(x)", "an operand is a pointer"},
    {"let a = neg(begin < 3)", "the operand must be a number"},
    {"let a = sqrt(begin)", "the operand must be f32 or f64"},
    {"let a = fma(1, 2, 3)", "fma is of f32"},
    {"let a = table(x, 3u8)", "a table is a pointer to bytes"},
    {"let a = table(bitcast_u8(x), 3)", "a table's index is u8"},
    {"let a = dot4_u8s8(1.0, 2.0, 3.0)", "dot4_u8s8 is of i32"},
    {"let a = dot4_u8s8(1i32, 2i32x4, 3i32)", "operands differ in type"},
    {"let a = select(1, 2, 3)", "a condition is a boolean, one or one a lane"},
    {"let a = select(begin < 3, x, x)", "pointers cannot be selected"},
    {"let a = select(begin < 3, 1, 2.0)", "both values must have the result's type"},
    {"let a = bitcast_i8(begin < 3)", "booleans have no bits in memory here"},
    {"let a = bitcast_i8(x[0])", "a bitcast keeps width and lanes"},
    {"let a = splat4(x[0; 4])", "a splat repeats a scalar"},
    {"let a = reduce_add(begin < 3)", "a reduction gives a scalar number"},
    {"let a = extract(x[0; 4]; 4)", "a lane is out of range"},
    {"let a = shuffle(x[0; 4], x[4; 4]; 0, 9)", "a shuffle's index is out of range"},
    {"let a = shuffle(x[0], x[1]; "
     "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
     "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0)",
     "a shuffle has up to 64 lanes"},
    {"let a = lookup(i[0; 8]; 1.0, 2.0)", "a lookup has 8 or 16 entries"},
    {"let a = lookup(i[0; 8]; 1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0)",
     "a lookup has up to 16 entries"},
    {"let a = lookup(i[0; 8]; 1, 2)", "an entry is a number such as 1.5"},
    {"let a = lookup(x[0; 8]; 1.0, 2.0)", "a lookup's index is i32"},
};

static void expect_refused(const char *text, size_t size, const char *message) {
  char given[1000], line[300];
  LProgram *p = fixture_read(text, size, given, sizeof given);
  snprintf(line, sizeof line, " error: %s\n", message);
  if (p || !strstr(given, line)) fail_msg("%.200s\n  gave: %s\n  expected: %s", text, p ? "a program" : given, message);
}

static void test_bad_texts(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof bad_texts / sizeof *bad_texts; i++) {
    StrBuf text = {0};
    bool whole = !*bad_texts[i].text || !strncmp(bad_texts[i].text, "loop ", 5);
    if (!whole) strbuf_puts(&text, "loop 1 x kernel k(x: in f32*, y: out f32*, h: in f16*, i: in i32*) { ");
    strbuf_printf(&text, "%s%s", bad_texts[i].text, whole ? "" : " }");
    expect_refused(strbuf_str(&text), text.len, bad_texts[i].message);
    strbuf_free(&text);
  }
  expect_refused("loop 1 x\0", sizeof "loop 1 x", "the text holds a zero byte");
}

static void check_deep(const char *head, const char *piece, const char *tail, const char *message) {
  StrBuf s = {0};
  strbuf_puts(&s, head);
  for (int i = 0; i < 200000; i++) strbuf_puts(&s, piece);
  strbuf_puts(&s, tail);
  expect_refused(s.s, s.len, message);
  strbuf_free(&s);
}

static void test_deep(void **state) {
  (void)state;
  check_deep("loop 1 x kernel k() { let a = ", "(", "", "an expression is nested too deeply");
  check_deep("loop 1 x kernel k() { let a = begin", " + begin", " }", "an expression is nested too deeply");
  check_deep("loop 1 x kernel k() { let a = ", "neg(", "", "an expression is nested too deeply");
  check_deep("loop 1 x kernel k() { ", "if begin < 1 { ", "", "blocks are nested too deeply");
}

// ---- the verifier: programs that read well and break one invariant each

static const BadText broken[] = {
    {"kernel k(x: in f32*) { x[0] = 1.0 }", "kernel k: a store through `x` is not allowed"},
    {"kernel k(x: out f32*) { let a = x[0] }", "kernel k: a load through `x` is not allowed"},
    {"kernel k(x: out f32*) { let p = x + 4 let q = p + begin let a = q[0] }",
     "kernel k: a load through `x` is not allowed"},
    {"kernel k() { local a: f32[4] for i in 0..4 { a[i] = 1.0 } }",
     "kernel k: an index of `a` is not constant after unrolling"},
    {"kernel k() { local a: f32[4] for i in 0..5 unroll { a[i] = 1.0 } }", "kernel k: index 4 of `a` is out of range"},
    {"kernel k() { local a: f32[4] for i in 0..4 unroll { if i < 3 { a[i + 1] = a[i] } else { a[i + 1] = a[i] } } }",
     "kernel k: index 4 of `a` is out of range"},
    {"kernel k() { return 1 return 2 }", "kernel k: a statement stands behind a return"},
    {"kernel k(y: out f32*) { for a in 0..1024 unroll { for b in 0..1024 unroll { for c in 0..1024 unroll { y[c] = 1.0 "
     "} } } }",
     "kernel k: the kernel is too large when unrolled: over 1048576 expressions"},
    {"kernel k(x: in f32*) { } buffer a: arena f32 bytes 64 phase \"p\" = k(a, a) tasks 1",
     "phase p: 2 arguments for 1 parameters"},
    {"kernel k(x: in f32*) { } phase \"p\" = k(dim 3) tasks 1", "phase p: `x` needs a buffer"},
    {"kernel k(n: index) { } buffer a: arena f32 bytes 64 phase \"p\" = k(a) tasks 1",
     "phase p: `n` needs a dimension"},
    {"kernel k(f: f32) { } phase \"p\" = k(dim 3) tasks 1", "phase p: `f` is no index"},
    {"kernel k(x: in f32*) { } buffer a: arena i32 bytes 64 phase \"p\" = k(a) tasks 1",
     "phase p: `x` is not of buffer a's type"},
    {"kernel k(x: out f32*) { } buffer w: weight f32 bytes 64 phase \"p\" = k(w) tasks 1",
     "phase p: `x` would write to w"},
    {"kernel k(x: in f32*, y: out f32*) { } buffer a: arena f32 bytes 64 phase \"p\" = k(a, a) tasks 1",
     "phase p: `x` and `y` share a and are not marked"},
    {"weight_bytes 64 buffer w: weight f32 bytes 64 at 32", "buffer w: its offset is no multiple of 64"},
    {"weight_bytes 64 buffer w: weight f32 bytes 64 at 64", "buffer w: outside its base"},
    {"buffer a: arena f32 bytes 64 buffer a: arena f32 bytes 64", "two buffers are named a"},
    {"buffer a: input 0 f32 bytes 64", "buffer a: no such input"},
    {"input x: f32[4] buffer a: input 0 i32 bytes 16", "buffer a: not of its tensor's type"},
    {"symbol N max 9 buffer c: count 0 i64 bytes 8", "buffer c: symbol 0 is no count"},
    {"count c max 9 buffer b: count 0 i32 bytes 4", "buffer b: a count is an i64"},
    {"symbol N max 9 buffer w: weight f32 bytes N", "buffer w: a weight's size is constant"},
};

static LProgram *read_good(const char *text) {
  StrBuf whole = {0};
  char message[1000];
  strbuf_printf(&whole, "loop 1 x %s", text);
  LProgram *p = fixture_read(whole.s, whole.len, message, sizeof message);
  if (!p) fail_msg("%s\n%s", whole.s, message);
  strbuf_free(&whole);
  return p;
}

static void expect_broken(const LProgram *p, const char *message) {
  StrBuf problems = {0};
  char line[300];
  bool ok = loop_verify(p, &problems);
  snprintf(line, sizeof line, "%s\n", message);
  if (ok || !strstr(strbuf_str(&problems), line)) fail_msg("not `%s` but: %s", message, strbuf_str(&problems));
  strbuf_free(&problems);
}

static void test_broken(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
    LProgram *p = read_good(broken[i].text);
    expect_broken(p, broken[i].message);
    loop_program_destroy(p);
  }
}

// ---- what no text can say: a good program, changed

static const char good[] = "buffer b: arena f32 bytes 64 buffer c: arena f32 bytes 64 "
                           "kernel k(x: in f32*, y: out f32*, n: index) { "
                           "  local a: f32[4] "
                           "  for i in 0..4 unroll { a[i] = x[i] } "
                           "  let t = begin * 2 "
                           "  for j in 0..n { y[j] = a[0] } "
                           "  if t < 3 { prefetch x[0], 1 } "
                           "} "
                           "phase \"p\" = k(b, c, dim 3) tasks 1";
enum { LOCAL_A, FOR_I, LET_T, FOR_J, IF_T };

static LStmt *stmt(LProgram *p, int i) {
  LStmt *s = p->kernels.data[0]->body.first;
  while (i--) s = s->next;
  return s;
}

static LExpr *make(LProgram *p, LOp op, LType type) {
  LExpr *e = arena_alloc(p->arena, sizeof *e + 3 * sizeof(LExpr *));
  memset(e, 0, sizeof *e + 3 * sizeof(LExpr *));
  e->op = op;
  e->type = type;
  return e;
}

static LVar *param(LProgram *p, int i) { return p->kernels.data[0]->params.data[i]; }
static LExpr *var(LProgram *p, LVar *v) {
  LExpr *e = make(p, LOOP_VAR, v->type);
  e->var = v;
  return e;
}

static void rank_past_limit(LProgram *p) { stmt(p, LOCAL_A)->var->rank = MAX_LOCAL_RANK + 1; }
static void empty_local(LProgram *p) { stmt(p, LOCAL_A)->var->dims[0] = 0; }
static void set_parameter(LProgram *p) { stmt(p, FOR_I)->body.first->var = param(p, 0); }
static void set_index(LProgram *p) { stmt(p, FOR_I)->body.first->value = make(p, LOOP_INT, L_INDEX); }
static void open_bounds(LProgram *p) { stmt(p, FOR_I)->hi = var(p, param(p, 2)); }
static void retype_let(LProgram *p) { stmt(p, LET_T)->var->type = L_F32; }
static void let_as_loop(LProgram *p) { stmt(p, LET_T)->var->kind = LVAR_LOOP; }
static void steal_id(LProgram *p) { stmt(p, LET_T)->var->id = 0; }
static void rename_let(LProgram *p) { stmt(p, LET_T)->var->name = "a"; }
static void use_before(LProgram *p) { stmt(p, FOR_I)->body.first->value = var(p, stmt(p, LET_T)->var); }
static void repeat_let(LProgram *p) {
  LStmt *s = stmt(p, LET_T), *again = arena_memdup(p->arena, s, sizeof *s);
  s->next = again;
}
static void stand_still(LProgram *p) { stmt(p, FOR_J)->step = 0; }
static void store_nowhere(LProgram *p) { stmt(p, FOR_J)->body.first->pointer = make(p, LOOP_INT, L_INDEX); }
static void store_index(LProgram *p) { stmt(p, FOR_J)->body.first->value = make(p, LOOP_INT, L_INDEX); }
static void count_by_half(LProgram *p) { stmt(p, FOR_J)->body.first->count = make(p, LOOP_FLOAT, L_F32); }
static void store_by_loop(LProgram *p) {
  stmt(p, FOR_J)->var->type = L_POINTER(DT_F32);
  stmt(p, FOR_J)->body.first->offset = make(p, LOOP_INT, L_INDEX);
  stmt(p, FOR_J)->body.first->pointer = var(p, stmt(p, FOR_J)->var);
}
static void prefetch_by_loop(LProgram *p) {
  store_by_loop(p);
  stmt(p, FOR_J)->body.first->kind = STMT_PREFETCH;
}
static void on_index(LProgram *p) { stmt(p, IF_T)->value = var(p, stmt(p, LET_T)->var); }
static void odd_statement(LProgram *p) { stmt(p, IF_T)->kind = (LStmtKind)99; }
static void unused_pointer(LProgram *p) { param(p, 0)->access = ACCESS_NONE; }
static void lose_argument(LProgram *p) { p->phases.data[0]->args.data[2].dim = DIM_INVALID; }
static void lose_tasks(LProgram *p) { p->phases.data[0]->tasks = DIM_INVALID; }
static void lose_size(LProgram *p) { p->buffers.data[0]->bytes = DIM_INVALID; }

static void test_changed(void **state) {
  (void)state;
  static const struct {
    void (*change)(LProgram *p);
    const char *message;
  } cases[] = {
      {rank_past_limit, "kernel k: `a` is no well-formed local"},
      {empty_local, "kernel k: the size of `a` is out of range"},
      {set_parameter, "kernel k: `x` is set but is no local"},
      {set_index, "kernel k: `a` is set to a value of another type"},
      {open_bounds, "kernel k: the bounds of the unrolled loop over `i` are not constant"},
      {retype_let, "kernel k: `t` is not of its value's type"},
      {let_as_loop, "kernel k: `t` is of another kind"},
      {steal_id, "kernel k: the id of `t` is not its own"},
      {rename_let, "kernel k: two variables are named `a`"},
      {use_before, "kernel k: `t` is used outside its scope or before its definition"},
      {repeat_let, "kernel k: `t` is defined twice"},
      {stand_still, "kernel k: the loop over `j` needs indices as bounds and a positive step"},
      {store_nowhere, "kernel k: a place in memory is a pointer and an index"},
      {store_index, "kernel k: a store's value is not of its pointer's type"},
      {count_by_half, "kernel k: a store's count is no index"},
      {store_by_loop, "kernel k: a store does not go through a parameter"},
      {prefetch_by_loop, "kernel k: a prefetch does not go through a parameter"},
      {on_index, "kernel k: a condition is not one boolean"},
      {odd_statement, "kernel k: no such statement"},
      {unused_pointer, "kernel k: the access of `x` does not fit its type"},
      {lose_argument, "phase p: argument 2 is not a valid dimension"},
      {lose_tasks, "phase p: its tasks are not a valid dimension"},
      {lose_size, "buffer b: invalid dimension"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    LProgram *p = read_good(good);
    StrBuf problems = {0};
    if (!loop_verify(p, &problems)) fail_msg("%s", problems.s);
    cases[i].change(p);
    expect_broken(p, cases[i].message);
    loop_program_destroy(p);
  }
}

static void expect_problem(const LExpr *e, const char *message) {
  const char *problem = loop_expr_problem(e);
  if (!problem || strcmp(problem, message)) fail_msg("not `%s` but: %s", message, problem ? problem : "nothing");
}

static LExpr *make_on(LProgram *p, LOp op, LType type, LExpr *a, LExpr *b) {
  LExpr *e = make(p, op, type);
  e->args[0] = a;
  e->args[1] = b;
  return e;
}

static void test_expressions(void **state) {
  (void)state;
  LProgram *p = read_good(good);
  LType vector = L_F32X(4), pointer = L_POINTER(DT_F32), wide = {DT_F32, 4, true}, strange = {DT_COUNT, 1, false};
  LVar *local = stmt(p, LOCAL_A)->var, *x = param(p, 0);
  LExpr *index = make(p, LOOP_INT, L_INDEX), *real = make(p, LOOP_FLOAT, L_F32), *reals = make(p, LOOP_FLOAT, vector);
  LExpr *ints = make(p, LOOP_FLOAT, (LType){DT_I32, 4, false});
  expect_problem(make(p, LOOP_INT, strange), "no such element type");
  expect_problem(make(p, LOOP_INT, wide), "a pointer has one lane");
  expect_problem(make(p, LOOP_INT, L_F32), "an integer constant is an index");
  expect_problem(make(p, LOOP_FLOAT, pointer), "a constant is no pointer");
  expect_problem(var(p, local), "a local is read as one");
  LExpr *e = var(p, x);
  e->type = L_F32;
  expect_problem(e, "a variable has its own type");
  e->op = LOOP_LOCAL;
  expect_problem(e, "not a local");
  expect_problem(make_on(p, LOOP_LOAD, L_F32, index, index), "load through something that is no pointer");
  expect_problem(make_on(p, LOOP_LOAD, L_INDEX, var(p, x), index), "a load gives elements of its pointer");
  expect_problem(make_on(p, LOOP_LT, L_INDEX, index, index), "a comparison gives booleans");
  expect_problem(make_on(p, LOOP_ADD, L_F32, index, index), "the result has its operands' type");
  expect_problem(make_on(p, LOOP_SHUFFLE, vector, real, real), "a shuffle has a lane an index");
  expect_problem(make_on(p, LOOP_CAST, L_F32, reals, NULL), "a cast keeps lanes");
  e = make_on(p, LOOP_LOOKUP, L_F32, ints, NULL);
  e->n = 8;
  expect_problem(e, "a lookup gives f32, a lane an index");
  loop_program_destroy(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_bad_texts), cmocka_unit_test(test_deep),
                                     cmocka_unit_test(test_broken), cmocka_unit_test(test_changed),
                                     cmocka_unit_test(test_expressions)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
