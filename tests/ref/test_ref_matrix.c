// Linear layers, matrix products, attention, and the ops on tokens.
#include "ir/core/arena.h"
#include "tests/ref/fixture.h"

static void linear(void **state) {
  (void)state;
  expect(OP_LINEAR, NO_ATTRS,
         IN(f32(D(2, 3), V(1, 2, 3, 4, 5, 6)), f32(D(2, 3), V(1, 0, -1, 2, 2, 2)), f32(D(2), V(10, 20))),
         OUT(f32(D(2, 2), V(8, 32, 8, 50))));
  expect(OP_LINEAR, NO_ATTRS, IN(f32(D(3), V(1, 2, 3)), f32(D(1, 3), V(1, 1, 1))), OUT(f32(D(1), V(6))));
  expect(OP_LINEAR, ATTRS(word("act", "relu6")),
         IN(f32(D(1, 1, 1), V(2)), f32(D(3, 1), V(1, 2, -3)), ABSENT, f32(D(1, 1, 3), V(1, 3, 1))),
         OUT(f32(D(1, 1, 3), V(3, 6, 0))));
}

static void matmul(void **state) {
  (void)state;
  expect(OP_MATMUL, NO_ATTRS, IN(f32(D(2, 2), V(1, 2, 3, 4)), f32(D(2, 1), V(5, 6))), OUT(f32(D(2, 1), V(17, 39))));
  // [2, 1, 1, 2] by [3, 2, 1]: the batch is broadcast to [2, 3]
  expect(OP_MATMUL, NO_ATTRS, IN(f32(D(2, 1, 1, 2), V(1, 10, 2, 20)), f32(D(3, 2, 1), V(1, 2, 3, 4, 5, 6))),
         OUT(f32(D(2, 3, 1, 1), V(21, 43, 65, 42, 86, 130))));
}

static void wide_matmul_crosses_tiles(void **state) {
  (void)state;
  enum { M = 5, K = 3, N = 600 };
  double *a = noise(M * K, 1), *b = noise(K * N, 2), *y = noise(M * N, 3);
  for (int i = 0; i < M * N; i++) {
    y[i] = 0;
    for (int k = 0; k < K; k++) y[i] += a[i / N * K + k] * b[k * N + i % N];
  }
  expect(OP_MATMUL, NO_ATTRS, IN(f32(D(M, K), a), f32(D(K, N), b)), OUT(f32(D(M, N), y)));
  free(a), free(b), free(y);
}

// Two keys with scores 0 and ln 3 weigh 1/4 and 3/4.
#define LN3 1.0986122886681098

static void scaled_dot_product(void **state) {
  (void)state;
  Array q = f32(D(1, 2, 1), V(1, 0)), k = f32(D(1, 2, 1), V(0, LN3)), v = f32(D(1, 2, 2), V(4, 0, 8, 1));
  expect(OP_SCALED_DOT_PRODUCT_ATTENTION, NO_ATTRS, IN(q, k, v), OUT(f32(D(1, 2, 2), V(7, 0.75, 6, 0.5))));
  expect(OP_SCALED_DOT_PRODUCT_ATTENTION, ATTRS(flag("is_causal", true)), IN(q, k, v),
         OUT(f32(D(1, 2, 2), V(4, 0, 6, 0.5))));
  // scale 2: scores 0 and ln 9
  expect(OP_SCALED_DOT_PRODUCT_ATTENTION, ATTRS(real("scale", 2)), IN(q, k, v),
         OUT(f32(D(1, 2, 2), V(7.6, 0.9, 6, 0.5))));
}

static void default_scale_is_of_the_depth(void **state) {
  (void)state;
  // depth 4: the score 2 ln 3 is halved
  expect(OP_SCALED_DOT_PRODUCT_ATTENTION, NO_ATTRS,
         IN(f32(D(1, 4), V(2, 0, 0, 0)), f32(D(2, 4), V(0, 0, 0, 0, LN3, 0, 0, 0)), f32(D(2, 1), V(4, 8))),
         OUT(f32(D(1, 1), V(7))));
}

static void masks(void **state) {
  (void)state;
  Array q = f32(D(1, 2, 1), V(0, 0)), v = f32(D(1, 2, 1), V(4, 8));
  expect(OP_SCALED_DOT_PRODUCT_ATTENTION, NO_ATTRS, IN(q, q, v, f32(D(2, 2), V(0, LN3, -INFINITY, 0))),
         OUT(f32(D(1, 2, 1), V(7, 8))));
  expect(OP_SCALED_DOT_PRODUCT_ATTENTION, NO_ATTRS, IN(q, q, v, f32(D(1, 2), V(0, LN3))),
         OUT(f32(D(1, 2, 1), V(7, 7))));
  // A row that is masked altogether is 0.
  expect(OP_SCALED_DOT_PRODUCT_ATTENTION, NO_ATTRS, IN(q, q, v, f32(D(2, 1), V(-INFINITY, 0))),
         OUT(f32(D(1, 2, 1), V(0, 6))));
}

static void bool_masks_select(void **state) {
  (void)state;
  Array q = f32(D(1, 2, 1), V(0, 0)), v = f32(D(1, 2, 1), V(4, 8));
  expect(OP_SCALED_DOT_PRODUCT_ATTENTION, NO_ATTRS, IN(q, q, v, array(DT_BOOL, D(2, 2), V(1, 0, 1, 1))),
         OUT(f32(D(1, 2, 1), V(4, 6))));
}

// The heads' defining sums; mask [heads, T, T] or NULL. qkv [N, T, 3 D], out [N, T, D].
static void attend(const double *qkv, const double *mask, int N, int T, int D, int heads, double *out) {
  int d = D / heads;
  for (int at = 0; at < N * T * heads; at++) {
    int n = at / heads / T, t = at / heads % T, h = at % heads;
    double weight[16], sum = 0;
    for (int s = 0; s < T; s++) {
      double score = 0;
      for (int e = 0; e < d; e++)
        score += qkv[(n * T + t) * 3 * D + h * d + e] * qkv[(n * T + s) * 3 * D + D + h * d + e];
      sum += weight[s] = exp(score / sqrt(d) + (mask ? mask[(h * T + t) * T + s] : 0));
    }
    for (int e = 0; e < d; e++) {
      double *y = &out[(n * T + t) * D + h * d + e];
      *y = 0;
      for (int s = 0; s < T; s++) *y += weight[s] / sum * qkv[(n * T + s) * 3 * D + 2 * D + h * d + e];
    }
  }
}

static void project(const double *x, const double *w, const double *bias, int rows, int inputs, int outputs,
                    double *y) {
  for (int i = 0; i < rows * outputs; i++) {
    y[i] = bias[i % outputs];
    for (int k = 0; k < inputs; k++) y[i] += x[i / outputs * inputs + k] * w[i % outputs * inputs + k];
  }
}

enum { N = 2, T = 5, DEPTH = 6, HEADS = 3 };

static void attention_core(void **state) {
  (void)state;
  double *qkv = noise(N * T * 3 * DEPTH, 4), *mask = noise(HEADS * T * T, 5), y[N * T * DEPTH];
  attend(qkv, NULL, N, T, DEPTH, HEADS, y);
  expect(OP_ATTENTION_CORE, ATTRS(number("heads", HEADS)), IN(f32(D(N, T, 3 * DEPTH), qkv)),
         OUT(f32(D(N, T, DEPTH), y)));
  attend(qkv, mask, N, T, DEPTH, HEADS, y);
  expect(OP_ATTENTION_CORE, ATTRS(number("heads", HEADS)), IN(f32(D(N, T, 3 * DEPTH), qkv), f32(D(HEADS, T, T), mask)),
         OUT(f32(D(N, T, DEPTH), y)));
  // Another leading dimension changes nothing but the shape.
  expect(OP_ATTENTION_CORE, ATTRS(number("heads", HEADS)),
         IN(f32(D(1, N, T, 3 * DEPTH), qkv), f32(D(1, 1, HEADS, T, T), mask)), OUT(f32(D(1, N, T, DEPTH), y)));
  free(qkv), free(mask);
}

static void attention(void **state) {
  (void)state;
  enum { Q = DEPTH * DEPTH };
  double *x = noise(N * T * DEPTH, 6), *w = noise(3 * Q, 7), *b = noise(3 * DEPTH, 8), *pw = noise(Q, 9),
         *pb = noise(DEPTH, 10);
  double qkv[N * T * 3 * DEPTH], mixed[N * T * DEPTH], y[N * T * DEPTH];
  project(x, w, b, N * T, DEPTH, 3 * DEPTH, qkv);
  attend(qkv, NULL, N, T, DEPTH, HEADS, mixed);
  project(mixed, pw, pb, N * T, DEPTH, DEPTH, y);
  Array in = f32(D(N, T, DEPTH), x), proj = f32(D(DEPTH, DEPTH), pw), proj_bias = f32(D(DEPTH), pb),
        out = f32(D(N, T, DEPTH), y);
  expect(OP_ATTENTION, ATTRS(number("heads", HEADS)),
         IN(in, ABSENT, f32(D(3 * DEPTH, DEPTH), w), f32(D(3 * DEPTH), b), ABSENT, ABSENT, ABSENT, ABSENT, ABSENT,
            ABSENT, proj, proj_bias),
         OUT(out));
  expect(OP_ATTENTION, ATTRS(number("heads", HEADS)),
         IN(in, ABSENT, ABSENT, ABSENT, f32(D(DEPTH, DEPTH), w), f32(D(DEPTH), b), f32(D(DEPTH, DEPTH), w + Q),
            f32(D(DEPTH), b + DEPTH), f32(D(DEPTH, DEPTH), w + 2 * Q), f32(D(DEPTH), b + 2 * DEPTH), proj, proj_bias),
         OUT(out));
  free(x), free(w), free(b), free(pw), free(pb);
}

static void tokens(void **state) {
  (void)state;
  expect(OP_CLASS_TOKEN, NO_ATTRS, IN(f32(D(2, 1, 2), V(1, 2, 3, 4)), f32(D(1, 1, 2), V(8, 9))),
         OUT(f32(D(2, 2, 2), V(8, 9, 1, 2, 8, 9, 3, 4))));
  expect(OP_POSITION_EMBEDDING, NO_ATTRS, IN(f32(D(2, 2, 1), V(1, 2, 3, 4)), f32(D(1, 2, 1), V(10, 20))),
         OUT(f32(D(2, 2, 1), V(11, 22, 13, 24))));
  expect(OP_TOKEN, ATTRS(number("index", 0)), IN(f32(D(2, 2, 2), V(1, 2, 3, 4, 5, 6, 7, 8))),
         OUT(f32(D(2, 2), V(1, 2, 5, 6))));
  expect(OP_TOKEN, ATTRS(number("index", -1)), IN(f32(D(1, 3, 1), V(1, 2, 3))), OUT(f32(D(1, 1), V(3))));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(linear),
      cmocka_unit_test(matmul),
      cmocka_unit_test(wide_matmul_crosses_tiles),
      cmocka_unit_test(scaled_dot_product),
      cmocka_unit_test(default_scale_is_of_the_depth),
      cmocka_unit_test(masks),
      cmocka_unit_test(bool_masks_select),
      cmocka_unit_test(attention_core),
      cmocka_unit_test(attention),
      cmocka_unit_test(tokens),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
