// Shapes of recurrent layers.
#include "tests/unit/infer_cases.h"

static void test_recurrent(void **state) {
  (void)state;
  CHECK_CASES(
      {"x f32[H, N, 5]; @w f32[8, 5]; @r f32[8, 2]; @b f32[8]", "lstm %x, _, _, _, _, @w, @r, @b, @b : f32[H, N, 2]"},
      {"x f32[N, H, 5]; @w f32[8, 5]; @r f32[8, 2]; h f32[2, N, 2]; l i32[N]; @p f32[2, 6]",
       "lstm %x, %h, %h, %l, @p, @w, @r, _, _, @w, @r {batch_first=true} : f32[N, H, 4]"},
      {"x f32[3, 4, 5]; @w f32[6, 5]; @r f32[6, 2]; @b f32[6]",
       "gru %x, _, _, @w, @r, _, @b {alpha=[1.0, 2.0]} : f32[3, 4, 2]"},
      {"x f32[3, 4, 5]; @w f32[2, 5]; @r f32[2, 2]", "rnn %x, _, _, @w, @r {reverse=true} : f32[3, 4, 2]"},
      {"x f32[3, N, 16]; @r f32[2, 1, 4, 2, 16]", "recurrent %x, @r {cell=\"lstm\", hidden_size=2} : f32[3, N, 4]"},
      {"x f32[3, N, 51]; @r f32[1, 2, 3, 17, 16]; @d f32[1, 17]; h f32[1, N, 17]; l i64[N]",
       "recurrent %x, @r, @d, %h, _, %l {cell=\"gru\", hidden_size=17} : f32[3, N, 17]"}, );
}

static void test_recurrent_messages(void **state) {
  (void)state;
  const char *x = "x f32[3, 4, 5]; i i64[3, 4, 5]; y f32[4, 5]; @w f32[8, 5]; @r f32[8, 2]; @v f32[6, 5]; n f32[8, N]; "
                  "l f32[4]; k i64[3]; @p f32[1, 1, 4, 2, 16]; @q f32[3, 1, 4, 2, 16]; g f32[3, 4, 8]; u u8[3, 4, 8]";
  check_refused(x, "lstm %y, _, _, _, _, @w, @r", "lstm expects `y` to have 3 dimensions, but it is f32[4, 5]");
  check_refused(x, "lstm %i, _, _, _, _, @w, @r", "lstm expects floating-point numbers, but `i` is i64[3, 4, 5]");
  check_refused(x, "lstm %x, _, _, _, _, @v, @r", "lstm expects `v` to be f32[8, 5], but it is f32[6, 5]");
  check_refused(x, "lstm %x, _, _, _, _, @w, %n",
                "lstm: the size of its state, dimension 1 of `n` (f32[8, N]), must be known");
  check_refused(x, "lstm %x, _, _, _, _, @w, @r, _, _, @w", "lstm: a direction needs both `w` and `weight_hh_reverse`");
  check_refused(x, "lstm %x, _, _, _, _, @w, @r, _, _, @w, @r {reverse=true}",
                "lstm: `reverse` is for a layer of one direction");
  check_refused(x, "lstm %x, _, _, _, _, @w, @r {alpha=[1.0]}", "lstm: `alpha` has 1 numbers for 3 functions");
  check_refused(x, "lstm %x, _, _, _, _, @w, @r {beta=[1.0, 2.0]}", "lstm: `beta` has 2 numbers for 3 functions");
  check_refused(x, "lstm %x, _, _, _, _, @w, @r {clip=0.0}", "lstm: `clip` must be positive");
  check_refused(x, "lstm %x, _, _, %l, _, @w, @r", "lstm expects integers, but `l` is f32[4]");
  check_refused(x, "lstm %x, _, _, %k, _, @w, @r", "lstm expects `k` to be i64[4], but it is i64[3]");
  check_refused(x, "lstm %x, %x, _, _, _, @w, @r", "lstm expects `x` to be f32[1, 4, 2], but it is f32[3, 4, 5]");
  check_refused(x, "recurrent %g, @q {cell=\"lstm\", hidden_size=2}",
                "recurrent: `q` (f32[3, 1, 4, 2, 16]) is not of one or two directions");
  check_refused(x, "recurrent %x, @p {cell=\"lstm\", hidden_size=2}",
                "recurrent: `x` (f32[3, 4, 5]) is not of 4 gates of 2");
  check_refused(x, "recurrent %g, @p {cell=\"gru\", hidden_size=2}",
                "recurrent: `g` (f32[3, 4, 8]) is not of 3 gates of 2");
  check_refused(x, "recurrent %g, @p {cell=\"rnn\", hidden_size=8}",
                "recurrent expects `p` to be f32[1, 1, 1, 8, 16], but it is f32[1, 1, 4, 2, 16]");
  check_refused(x, "recurrent %g, @p {cell=\"lstm\", hidden_size=0}",
                "recurrent: `hidden_size` must be positive, not 0");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_recurrent), cmocka_unit_test(test_recurrent_messages)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
