// Recurrent layers: every attribute, sizes beside multiples of a vector, more samples than a task takes, open
// dimensions.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/lower/cases.h"

static void test_sizes(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1, 1, 1]", "y = lstm(a, 1) @r"},
      {"f32[7, 1, 5]", "y = lstm(a, 17, bias=false) @r"},
      {"f32[3, 5, 16]", "y = lstm(a, 16) @r"},
      {"f32[2, 37, 7]", "y = lstm(a, 33, bidirectional=true) @r"},
      {"f32[1, 1, 3]", "y = gru(a, 1) @r"},
      {"f32[5, 1, 3]", "y = gru(a, 50) @r"},
      {"f32[3, 32, 3]", "y = gru(a, 16, bidirectional=true, bias=false) @r"},
      {"f32[4, 19, 3]", "y = gru(a, 21, reset_after=false) @r"},
      {"f32[5, 1, 3]", "y = gru(a, 35, bidirectional=true, reset_after=false) @r"},
      {"f32[1, 1, 1]", "y = rnn(a, 1) @r"},
      {"f32[6, 1, 3]", "y = rnn(a, 161) @r"},
      {"f32[4, 17, 3]", "y = rnn(a, 31, bidirectional=true) @r"},
      {"f32[2, 3, 2]", "y = a |> lstm(5, bidirectional=true) @p |> gru(18, layer=1) @p |> rnn(3) @q"},
  };
  CASES_CHECK(cases);
}

static void test_open(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[T, N, 5]", "y = lstm(a, 17, bidirectional=true) @r"},
      {"f32[T, N, 5]", "y = gru(a, 33) @r"},
      {"f32[T, N, 5]", "y = gru(a, 18, reset_after=false, bidirectional=true, batch_first=true) @r"},
      {"f32[N, T, 5]", "y = rnn(a, 40, batch_first=true) @r"},
      {"f32[N, 3, 2, W]", "y = a |> flatten(1, 2) |> permute([2, 0, 1]) |> lstm(7) @r |> linear(3) @fc"},
  };
  CASES_CHECK(cases);
}

static void test_states(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[3, 5, 4] f32[1, 5, 19] f32[1, 5, 19]",
       "t, h, c = lstm(a, 19, h0=b, c0=c, return_state=true) @r\n  y = concat(t, h, c, dim=0)"},
      {"f32[3, 18, 4] f32[2, 18, 6] f32[2, 18, 6]",
       "t, h, c = lstm(a, 6, h0=b, c0=c, return_state=true, bidirectional=true) @r\n"
       "  y = concat(chunk(t, 2, dim=2)[1], h, c, dim=0)"},
      {"f32[N, T, 4] f32[1, N, 16]",
       "t, h = gru(a, 16, h0=b, return_state=true, batch_first=true) @r\n  y = t + unsqueeze(squeeze(h, 0), 1)"},
      {"f32[3, 5, 4]", "t, h = rnn(a, 19, return_state=true, reverse=true) @r\n  y = concat(t, h, dim=0)"},
      {"f32[9, 5, 4] i64[5]", "y = lstm(a, 19, lengths=b, bidirectional=true) @r"},
      {"f32[9, 5, 4] i32[5]",
       "t, h = gru(a, 7, lengths=b, reverse=true, return_state=true) @r\n  y = concat(t, h, dim=0)"},
      {"f32[N, T, 4] u8[N]", "y = gru(a, 17, lengths=b, batch_first=true, reset_after=false) @r"},
      {"f32[5, 3, 4] f32[1, 51]", "y = lstm(a, 17, peepholes=b) @r"},
      {"f32[5, 3, 4] f32[2, 15]", "y = lstm(a, 5, peepholes=b, bidirectional=true) @r"},
  };
  CASES_CHECK(cases);
}

static void test_functions(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[5, 3, 4]", "y = lstm(a, 17, coupled=true, clip=0.5) @r"},
      {"f32[5, 3, 4]", "y = lstm(a, 17, gate=\"hard_sigmoid\", candidate=\"relu\", output=\"affine\", clip=0.75) @r"},
      {"f32[5, 3, 4]", "y = lstm(a, 5, gate=\"hard_sigmoid\", output=\"leaky_relu\", alpha=[0.25, 1.0, 0.5], "
                       "beta=[0.375, 0.0, 0.0]) @r"},
      {"f32[5, 3, 4]", "y = gru(a, 17, gate=\"affine\", candidate=\"sigmoid\", alpha=[0.25, 1.0], beta=[0.5, 0.0]) @r"},
      {"f32[5, 3, 4]", "y = gru(a, 17, reset_after=false, clip=0.25) @r"},
      {"f32[5, 3, 4]", "y = rnn(a, 17, nonlinearity=\"relu\") @r"},
      {"f32[5, 3, 4]", "y = rnn(a, 17, nonlinearity=\"leaky_relu\") @r"},
      {"f32[5, 3, 4]", "y = rnn(a, 17, nonlinearity=\"hard_sigmoid\") @r"},
  };
  CASES_CHECK(cases);
}

static void test_computed_weights(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[5, 3, 4]", "y = lstm(a, 17, bidirectional=true) @r"},
      {"f32[5, 3, 4]", "y = gru(a, 16) @r"},
      {"f32[T, N, 4]", "y = rnn(a, 3, bias=false) @r"},
  };
  cases_check_computed(cases, sizeof cases / sizeof *cases);
}

static void test_refused(void **state) {
  (void)state;
  cases_refused(&(Case){"f64[5, 3, 4]", "y = lstm(a, 17) @r"},
                "recurrent of f64 is not compiled yet; cast its operand to f32");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sizes),
      cmocka_unit_test(test_open),
      cmocka_unit_test(test_states),
      cmocka_unit_test(test_functions),
      cmocka_unit_test(test_computed_weights),
      cmocka_unit_test(test_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
