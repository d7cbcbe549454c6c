// Recurrent layers and their loop, by functions that are lines, so that results are worked out by hand.
#include "ir/core/arena.h"
#include "tests/ref/fixture.h"

#define LINES word("gate", "affine"), word("candidate", "affine"), word("output", "affine")

static void a_state_goes_on(void **state) {
  (void)state;
  Array x = f32(D(3, 1, 1), V(1, 2, 3)), w = f32(D(1, 1), V(2)), r = f32(D(1, 1), V(0.5)), b = f32(D(1), V(1));
  // h' = 2 x + 1 + h / 2
  expect(OP_RNN, ATTRS(word("nonlinearity", "affine")), IN(x, ABSENT, ABSENT, w, r, b),
         OUT(f32(D(3, 1, 1), V(3, 6.5, 10.25))));
  expect(OP_RNN, ATTRS(word("nonlinearity", "affine"), flag("reverse", true), flag("return_state", true)),
         IN(x, f32(D(1, 1, 1), V(2)), ABSENT, w, r, ABSENT, b),
         OUT(f32(D(3, 1, 1), V(7.5, 9, 8)), f32(D(1, 1, 1), V(7.5))));
  expect(OP_RNN, ATTRS(word("nonlinearity", "affine"), flag("batch_first", true)),
         IN(f32(D(2, 2, 1), V(1, 2, 3, 4)), ABSENT, ABSENT, w, r), OUT(f32(D(2, 2, 1), V(2, 5, 6, 11))));
}

static void directions_stop_at_lengths(void **state) {
  (void)state;
  Array x = f32(D(3, 2, 1), V(1, 10, 2, 20, 3, 99)), one = f32(D(1, 1), V(1));
  expect(OP_RNN, ATTRS(word("nonlinearity", "affine"), flag("return_state", true)),
         IN(x, ABSENT, array(DT_I32, D(2), V(3, 2)), one, one, ABSENT, ABSENT, one, one),
         OUT(f32(D(3, 2, 2), V(1, 6, 10, 30, 3, 5, 30, 20, 6, 3, 0, 0)), f32(D(2, 2, 1), V(6, 30, 6, 30))));
  // None of the steps, and more than there are.
  expect(OP_RNN, ATTRS(word("nonlinearity", "affine"), flag("return_state", true)),
         IN(x, f32(D(1, 2, 1), V(5, 0)), array(DT_I64, D(2), V(-1, 7)), one, one),
         OUT(f32(D(3, 2, 1), V(0, 10, 0, 30, 0, 129)), f32(D(1, 2, 1), V(5, 129))));
}

static void functions_of_one_value(void **state) {
  (void)state;
  Array x = f32(D(4, 1, 1), V(-6, -1, 1, 6)), one = f32(D(1, 1), V(1)), zero = f32(D(1, 1), V(0));
  const struct {
    const char *name;
    double y[4];
  } cases[] = {{"relu", {0, 0, 1, 6}},
               {"leaky_relu", {-0.06, -0.01, 1, 6}},
               {"hard_sigmoid", {0, 0.3, 0.7, 1}},
               {"affine", {-6, -1, 1, 6}},
               {"tanh", {tanh(-6), tanh(-1), tanh(1), tanh(6)}},
               {"sigmoid", {1 / (1 + exp(6)), 1 / (1 + M_E), 1 / (1 + exp(-1)), 1 / (1 + exp(-6))}}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    expect(OP_RNN, ATTRS(word("nonlinearity", cases[i].name)), IN(x, ABSENT, ABSENT, one, zero),
           OUT(f32(D(4, 1, 1), cases[i].y)));
  expect(OP_RNN, ATTRS(word("nonlinearity", "hard_sigmoid"), reals("alpha", 1, V(0.5)), reals("beta", 1, V(0.25))),
         IN(x, ABSENT, ABSENT, one, zero), OUT(f32(D(4, 1, 1), V(0, 0, 0.75, 1))));
  expect(OP_RNN, ATTRS(word("nonlinearity", "affine"), real("clip", 2)), IN(x, ABSENT, ABSENT, one, zero),
         OUT(f32(D(4, 1, 1), V(-2, -1, 1, 2))));
}

// i 0.5, f 0.25, g 2, o 3, by biases alone
static void lstm_of_lines(void **state) {
  (void)state;
  Array x = f32(D(2, 1, 1), V(7, 7)), none = f32(D(4, 1), V(0, 0, 0, 0)), b = f32(D(4), V(0.5, 0.25, 2, 3));
  Array one = f32(D(1, 1, 1), V(1));
  expect(OP_LSTM, ATTRS(LINES, flag("return_state", true)), IN(x, ABSENT, one, ABSENT, ABSENT, none, none, b),
         OUT(f32(D(2, 1, 1), V(3.75, 3.9375)), f32(D(1, 1, 1), V(3.9375)), f32(D(1, 1, 1), V(1.3125))));
  expect(OP_LSTM, ATTRS(LINES, flag("coupled", true)), IN(x, ABSENT, one, ABSENT, ABSENT, none, none, b),
         OUT(f32(D(2, 1, 1), V(4.5, 5.25))));
  // Peepholes of i, o and f; o sees the new c.
  Array first = f32(D(1, 1, 1), V(7));
  expect(OP_LSTM, ATTRS(LINES), IN(first, ABSENT, one, ABSENT, f32(D(1, 3), V(1, 0.5, 0.25)), none, none, b),
         OUT(f32(D(1, 1, 1), V(16.625))));
  // What is clipped are the sums of gates, not c before the output's function.
  expect(OP_LSTM, ATTRS(LINES, real("clip", 1)),
         IN(first, ABSENT, f32(D(1, 1, 1), V(8)), ABSENT, ABSENT, none, none, b), OUT(f32(D(1, 1, 1), V(2.5))));
}

// r 0.5, z 0.25, n 1 and 2 behind R
static void gru_of_lines(void **state) {
  (void)state;
  Array x = f32(D(1, 1, 1), V(7)), none = f32(D(3, 1), V(0, 0, 0)), r = f32(D(3, 1), V(0, 0, 1)),
        b = f32(D(3), V(0.5, 0.25, 1)), d = f32(D(3), V(0, 0, 2)), h = f32(D(1, 1, 1), V(8));
  expect(OP_GRU, ATTRS(word("gate", "affine"), word("candidate", "affine")), IN(x, h, ABSENT, none, r, b, d),
         OUT(f32(D(1, 1, 1), V(6.5))));
  expect(OP_GRU, ATTRS(word("gate", "affine"), word("candidate", "affine"), flag("reset_after", false)),
         IN(x, h, ABSENT, none, r, b, d), OUT(f32(D(1, 1, 1), V(7.25))));
}

// R of two units in panels of 16: h' = x + R h
static void a_loop_reads_panels(void **state) {
  (void)state;
  double panels[2 * 16] = {[0] = 1, [1] = 2, [16] = 10, [17] = 20}; // rows (1, 10) and (2, 20)
  expect(OP_RECURRENT, ATTRS(word("cell", "rnn"), number("hidden_size", 2), word("candidate", "affine")),
         IN(f32(D(2, 1, 2), V(1, 2, 0, 0)), f32(D(1, 1, 1, 2, 16), panels)), OUT(f32(D(2, 1, 2), V(1, 2, 21, 42))));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_state_goes_on),        cmocka_unit_test(directions_stop_at_lengths),
      cmocka_unit_test(functions_of_one_value), cmocka_unit_test(lstm_of_lines),
      cmocka_unit_test(gru_of_lines),           cmocka_unit_test(a_loop_reads_panels),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
