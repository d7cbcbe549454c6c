// Dimension algebra: the normal form, folding by ranges, text, and a property: whatever is simplified keeps its value.
#include "ir/core/dim.h"
#include "tests/unit/unit.h"
#include <stdio.h>

typedef struct Fixture {
  Arena *arena;
  DimTable *t;
  Dim N, H, W;
} Fixture;

static Fixture make_fixture(void) {
  Fixture f = {.arena = arena_create()};
  f.t = dim_table_create(f.arena);
  f.N = dim_symbol(f.t, "N", 32);
  f.H = dim_symbol(f.t, "H", 2048);
  f.W = dim_symbol(f.t, "W", INT64_MAX);
  return f;
}

static void drop_fixture(Fixture *f) {
  dim_table_destroy(f->t);
  arena_destroy(f->arena);
}

static Dim parse(Fixture *f, const char *text) {
  const char *s = text;
  Dim d = dim_parse(f->t, &s);
  if (*s) fail_msg("`%s` is not read to its end, but to `%s`", text, s);
  return d;
}

static void expect(Fixture *f, const char *text, const char *normal) {
  StrBuf b = {0};
  dim_print(f->t, parse(f, text), &b);
  assert_string_equal(strbuf_str(&b), normal);
  strbuf_free(&b);
  assert_true(parse(f, text) == parse(f, normal));
}

static void test_normal_form(void **state) {
  (void)state;
  Fixture f = make_fixture();
  expect(&f, "N + N", "2*N");
  expect(&f, "1 + N*4", "4*N + 1");
  expect(&f, "(N + 1)*(N - 1)", "N*N - 1");
  expect(&f, "H - H", "0");
  expect(&f, "-H*2 + 3", "-2*H + 3");
  expect(&f, "W*H*N - N*W*H", "0");
  expect(&f, "3*(N // 2)", "3*(N // 2)");
  expect(&f, "(H + 2 - 2 - 1) // 2 + 1", "(H + 1) // 2");
  expect(&f, "((H + 1) // 2 + 1) // 2", "(H + 3) // 4");
  expect(&f, "(H*W*64) // 64", "H*W");
  expect(&f, "(N*H*W) // (N*W)", "H");
  expect(&f, "((H + 2)*(W + 1)*N) // ((H + 2)*(W + 1))", "N");
  drop_fixture(&f);
}

static void test_ranges_fold(void **state) {
  (void)state;
  Fixture f = make_fixture();
  expect(&f, "max(N, 1)", "N");
  expect(&f, "min(N, 32)", "N");
  expect(&f, "min(N, 16)", "min(N, 16)");
  expect(&f, "max(max(N, 4), 4)", "max(N, 4)");
  expect(&f, "min(N, H) // 4096", "0");
  expect(&f, "N % 64", "N");
  expect(&f, "(N + 64) % 64", "N");
  expect(&f, "N <= 32", "1");
  expect(&f, "N == 33", "0");
  expect(&f, "2*N == 2*H + 1", "0");
  expect(&f, "2*N <= 9", "N <= 4");
  expect(&f, "4 <= N && 1 <= H", "4 <= N");
  expect(&f, "!(N <= 4)", "5 <= N");
  expect(&f, "!!(N == 4)", "N == 4");
  expect(&f, "H % 16 == 0", "H % 16 == 0");
  expect(&f, "2*(H // 2) <= H", "1");
  expect(&f, "2 <= H // 3", "6 <= H");
  expect(&f, "H // 3 + 1 <= 4", "H <= 11");
  expect(&f, "H <= 2*(H // 2) - 2", "0");
  drop_fixture(&f);
}

static void test_invalid(void **state) {
  (void)state;
  Fixture f = make_fixture();
  static const char *const wrong[] = {
      "N // 0", "N % 0", "4611686018427387904", "4611686018427387903 + 1", "M", "", "(N", "min(N)", "max(N,",
      "N ++",   "\"N",   "99999999999999999999"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    const char *s = wrong[i];
    if (dim_parse(f.t, &s) != DIM_INVALID) fail_msg("`%s` is read", wrong[i]);
  }
  assert_true(dim_add(f.t, DIM_INVALID, 1) == DIM_INVALID);
  Dim d = f.N;
  for (int i = 0; i < 20; i++) d = dim_mul(f.t, d, f.N); // past the largest degree
  assert_true(d == DIM_INVALID);
  for (int i = 3; i < MAX_OPEN; i++) {
    char name[8];
    snprintf(name, sizeof name, "s%d", i);
    assert_true(dim_symbol(f.t, name, 9) != DIM_INVALID);
  }
  assert_true(dim_symbol(f.t, "one_more", 9) == DIM_INVALID);
  drop_fixture(&f);
}

static const char *text_of(const Fixture *f, Dim d) {
  static char text[128];
  StrBuf b = {0};
  dim_print(f->t, d, &b);
  snprintf(text, sizeof text, "%s", strbuf_str(&b));
  strbuf_free(&b);
  return text;
}

static void test_counts(void **state) {
  (void)state;
  Fixture f = make_fixture();
  Dim c = dim_count(f.t, "boxes", dim_mul(f.t, f.N, 100)), d = dim_count(f.t, "boxes", dim_add(f.t, c, f.H));
  assert_string_equal(text_of(&f, d), "boxes_1");
  assert_string_equal(text_of(&f, dim_symbol_at(f.t, 4)->capacity), "100*N + H"); // the count within stands for its own
  assert_int_equal(dim_open_count(f.t), 3);
  assert_int_equal(dim_symbol_count(f.t), 5);
  assert_true(dim_symbol(f.t, "late", 9) == DIM_INVALID);
  assert_true(dim_count(f.t, "bad", DIM_INVALID) == DIM_INVALID);
  assert_int_equal(dim_counts(f.t, f.N), 0);
  assert_int_equal(dim_counts(f.t, 7), 0);
  assert_int_equal(dim_counts(f.t, dim_add(f.t, dim_mul(f.t, c, f.N), dim_min(f.t, d, 5))), 1 << 3 | 1 << 4);
  assert_true(dim_max(f.t, c, 1) != c); // it may be 0
  assert_true(dim_le(f.t, 0, c) == 1);
  struct {
    Dim d;
    const char *capacity;
  } cases[] = {{f.W, "W"},
               {dim_min(f.t, c, 30), "30"},
               {dim_max(f.t, c, f.H), "max(H, 100*N)"},
               {dim_add(f.t, dim_mul(f.t, c, 4), 7), "400*N + 7"},
               {dim_sub(f.t, f.H, c), "H"},
               {dim_sub(f.t, 50, dim_mul(f.t, c, 3)), "50"},
               {dim_mul(f.t, c, f.H), "100*N*H"},
               {dim_floordiv(f.t, dim_add(f.t, c, 15), 16), "6*N + (N + 3) // 4"},
               {dim_mod(f.t, c, 8), "7"},
               {dim_eq(f.t, c, 3), "1"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_string_equal(text_of(&f, dim_capacity(f.t, cases[i].d)), cases[i].capacity);
  int64_t values[MAX_SYMBOLS] = {3, 7, 1};
  dim_fill_counts(f.t, values);
  assert_int_equal(values[3], 300);
  assert_int_equal(values[4], 307);
  dim_least(f.t, values);
  assert_int_equal(values[0], 1);
  assert_int_equal(values[3], 100);
  dim_set_capacity(f.t, 3, 6);
  assert_string_equal(text_of(&f, dim_capacity(f.t, c)), "6");
  for (int i = 2; i < MAX_COUNTS; i++) assert_true(dim_count(f.t, "more", 1) != DIM_INVALID);
  assert_true(dim_count(f.t, "more", 1) == DIM_INVALID);
  drop_fixture(&f);
}

static void test_odd_names(void **state) {
  (void)state;
  Fixture f = make_fixture();
  Dim odd = dim_symbol(f.t, "batch \"size\"", 8), word = dim_symbol(f.t, "max", 8);
  StrBuf b = {0};
  dim_print(f.t, dim_add(f.t, odd, word), &b);
  assert_string_equal(strbuf_str(&b), "\"batch \\\"size\\\"\" + \"max\"");
  assert_true(parse(&f, strbuf_str(&b)) == dim_add(f.t, odd, word));
  strbuf_free(&b);
  drop_fixture(&f);
}

// ---- the property

typedef struct Sample {
  Dim dim;
  int64_t value; // computed beside, without simplification; INT64_MIN: undefined (divided by zero, or too large)
} Sample;

static int64_t floored(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

static int64_t plain_value(int op, int64_t a, int64_t b) {
  switch (op) {
  case 0: return a + b;
  case 1: return a - b;
  case 2: return a * b;
  case 3: return b ? floored(a, b) : INT64_MIN;
  case 4: return b ? a - b * floored(a, b) : INT64_MIN;
  case 5: return a < b ? a : b;
  case 6: return a > b ? a : b;
  case 7: return a == b;
  case 8: return a < b;
  case 9: return a <= b;
  case 10: return a && b;
  case 11: return a || b;
  default: return !a;
  }
}

static Dim table_value(DimTable *t, int op, Dim a, Dim b) {
  static Dim (*const functions[])(DimTable *, Dim, Dim) = {dim_add, dim_sub, dim_mul, dim_floordiv, dim_mod, dim_min,
                                                           dim_max, dim_eq,  dim_lt,  dim_le,       dim_and, dim_or};
  return op < 12 ? functions[op](t, a, b) : dim_not(t, a);
}

static Sample random_sample(Fixture *f, uint64_t *seed, const int64_t *values, int depth) {
  uint64_t r = unit_random(seed);
  if (depth == 0 || r % 8 == 0) {
    int64_t c = (int64_t)(r >> 8) % 9 - 3;
    switch (r >> 32 & 3) {
    case 0: return (Sample){f->N, values[0]};
    case 1: return (Sample){f->H, values[1]};
    case 2: return (Sample){f->W, values[2]};
    default: return (Sample){c, c};
    }
  }
  int op = (int)(r >> 16) % 13;
  if (op < 0) op = -op;
  if (op > 6 && r >> 40 & 1) op -= 7; // conditions are rarer
  Sample a = random_sample(f, seed, values, depth - 1), b = random_sample(f, seed, values, depth - 1);
  Sample s = {table_value(f->t, op, a.dim, b.dim), INT64_MIN};
  bool defined = a.value != INT64_MIN && b.value != INT64_MIN;
  if (defined) s.value = plain_value(op, a.value, b.value);
  if (s.value > INT64_C(1) << 30 || s.value < -(INT64_C(1) << 30)) s.value = INT64_MIN;
  return s;
}

static void check_sample(Fixture *f, Sample s, const int64_t *values) {
  StrBuf b = {0};
  dim_print(f->t, s.dim, &b);
  if (s.dim == DIM_INVALID) return strbuf_free(&b);
  if (s.value != INT64_MIN && dim_eval(f->t, s.dim, values) != s.value)
    fail_msg("`%s` is %lld, not %lld, where N, H, W = %lld, %lld, %lld", strbuf_str(&b),
             (long long)dim_eval(f->t, s.dim, values), (long long)s.value, (long long)values[0], (long long)values[1],
             (long long)values[2]);
  int64_t min, max, v = dim_eval(f->t, s.dim, values);
  dim_range(f->t, s.dim, &min, &max);
  if (v < min || v > max) fail_msg("`%s` leaves its range", strbuf_str(&b));
  const char *text = strbuf_str(&b);
  if (dim_parse(f->t, &text) != s.dim || *text) fail_msg("`%s` does not read back", strbuf_str(&b));
  strbuf_free(&b);
}

static void test_simplification_keeps_values(void **state) {
  (void)state;
  uint64_t seed = 1;
  int defined = 0;
  for (int round = 0; round < 400; round++) {
    Fixture f = make_fixture();
    for (int i = 0; i < 50; i++) {
      int64_t values[3];
      for (int k = 0; k < 3; k++) values[k] = 1 + (int64_t)(unit_random(&seed) % (k == 0 ? 32 : 40));
      Sample s = random_sample(&f, &seed, values, 1 + i % 5);
      defined += s.dim != DIM_INVALID && s.value != INT64_MIN;
      check_sample(&f, s, values);
    }
    drop_fixture(&f);
  }
  assert_true(defined > 10000);
}

static void test_clone_keeps_meaning(void **state) {
  (void)state;
  Fixture f = make_fixture();
  Dim d = parse(&f, "max((H + 1) // 2, W) * N + 3");
  Arena *arena = arena_create();
  DimTable *copy = dim_table_clone(f.t, arena);
  drop_fixture(&f);
  assert_int_equal(dim_eval(copy, d, (const int64_t[]){2, 9, 3}), 13);
  assert_true(dim_sub(copy, d, 3) == dim_mul(copy, dim_floordiv(copy, dim_sub(copy, d, 3), dim_symbol(copy, "N", 0)),
                                             dim_symbol(copy, "N", 0)));
  dim_table_destroy(copy);
  arena_destroy(arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_normal_form),
      cmocka_unit_test(test_ranges_fold),
      cmocka_unit_test(test_invalid),
      cmocka_unit_test(test_counts),
      cmocka_unit_test(test_odd_names),
      cmocka_unit_test(test_simplification_keeps_values),
      cmocka_unit_test(test_clone_keeps_meaning),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
