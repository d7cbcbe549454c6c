// How: the Gram matrix of the smaller side, G = A A^T, is made tridiagonal by Householder's reflections; its
// eigenvalues, largest first and no more than asked for, are found by bisection on Sturm's sequence, its eigenvectors
// by inverse iteration, made orthogonal by Gram and Schmidt's process run twice (Golub and Van Loan, Matrix
// Computations, 4th ed., 8.3.1, 8.4.1, 8.2.2, 5.2.9).
//
// Squaring A costs the small singular values: below 1e-8 of the largest one they are noise. Low-rank approximation can
// bear that. The factors do not suffer: with an orthonormal basis U of the leading eigenvectors, A is nearest to
// U (U^T A) whatever the eigenvalues, and the error is known from the norms of A and U^T A.
#include "passes/graph/svd.h"
#include "ir/core/arena.h"
#include "ir/core/checked.h"
#include "passes/graph/dense.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct Svd {
  int64_t rows, cols;
  double *a;      // as given; NULL: its Gram matrix is
  int64_t n, m;   // the smaller side and the other
  double *g;      // n x n; row k holds the k-th reflection from column k + 1 on
  double *tau;    // of the reflections: H = I - tau v v^T
  double *d, *e;  // the tridiagonal matrix: diagonal, and e[i] beside d[i] and d[i + 1]
  double *lambda; // its eigenvalues, falling, the first n_known of them
  double *sums;   // sums[r]: of lambda[0] to lambda[r - 1]
  int64_t n_known;
  double total; // the sum of all
};

// ---- the Gram matrix

enum { STRIP = 32 }; // rows that are multiplied while they are in the cache

static void gram(Svd *s, const double *rows) {
  for (int64_t at = 0; at < s->n; at += STRIP)
    for (int64_t j = 0; j < s->n; j++)
      for (int64_t i = at; i < min_i64(at + STRIP, j + 1); i++)
        s->g[i * s->n + j] = s->g[j * s->n + i] = dense_dot(s->m, rows + i * s->m, rows + j * s->m);
}

// ---- tridiagonal form

// The reflection that turns x, of length n, into (alpha, 0, ..., 0): v in place of x; returns alpha.
static double reflect(int64_t n, double *x, double *tau) {
  double norm = sqrt(dense_dot(n, x, x)), alpha = x[0] > 0 ? -norm : norm;
  x[0] -= alpha;
  double square = dense_dot(n, x, x);
  *tau = square > 0 ? 2 / square : 0;
  return alpha;
}

// G -= v w^T + w v^T, on the rows and columns from `from` on.
static void update(Svd *s, int64_t from, const double *v, const double *w) {
  int64_t n = s->n - from;
  for (int64_t i = 0; i < n; i++) {
    double *restrict row = s->g + (from + i) * s->n + from;
    double vi = v[i], wi = w[i];
    for (int64_t j = 0; j < n; j++) row[j] -= vi * w[j] + wi * v[j];
  }
}

static void tridiagonalize(Svd *s) {
  int64_t n = s->n;
  double *w = xcalloc((size_t)n, sizeof *w);
  for (int64_t k = 0; k < n; k++) {
    double *row = s->g + k * n;
    s->d[k] = row[k];
    if (k + 1 == n) break;
    int64_t rest = n - k - 1;
    double *v = row + k + 1, tau = 0;
    s->e[k] = rest > 1 ? reflect(rest, v, &tau) : v[0];
    s->tau[k] = tau;
    if (tau == 0) continue;
    for (int64_t i = 0; i < rest; i++) w[i] = tau * dense_dot(rest, s->g + (k + 1 + i) * n + k + 1, v);
    dense_add(rest, -tau / 2 * dense_dot(rest, w, v), v, w);
    update(s, k + 1, v, w);
  }
  free(w);
}

// ---- eigenvalues

// How many are larger than x: the signs of Sturm's sequence, as ratios of its neighbours.
static int64_t count_above(const Svd *s, double x) {
  int64_t above = 0;
  double q = 1;
  for (int64_t i = 0; i < s->n; i++) {
    double e = i ? s->e[i - 1] : 0;
    q = s->d[i] - x - (i ? e * e / q : 0);
    if (fabs(q) < DBL_MIN) q = DBL_MIN;
    above += q > 0;
  }
  return above;
}

static double bisect(const Svd *s, int64_t j, double most) {
  double lo = 0, hi = most;
  for (;;) {
    double middle = lo + (hi - lo) / 2;
    if (middle <= lo || middle >= hi || hi - lo <= DBL_EPSILON * s->total / 16) return middle;
    *(count_above(s, middle) > j ? &lo : &hi) = middle;
  }
}

static void know(Svd *s, int64_t n) {
  for (; s->n_known < n; s->n_known++) {
    int64_t j = s->n_known;
    s->lambda[j] = bisect(s, j, j ? s->lambda[j - 1] + DBL_EPSILON * s->total : s->total * (1 + 1e-9));
    s->sums[j + 1] = s->sums[j] + s->lambda[j];
  }
}

// ---- eigenvectors

// T - lambda I as P L U: row i of U begins at the diagonal and is three long.
typedef struct Factored {
  double *u, *multiplier; // 3 n, n
  unsigned char *swapped;
} Factored;

static void factor(const Svd *s, double lambda, Factored *f) {
  double tiny = DBL_EPSILON * s->total;
  double diagonal = s->d[0] - lambda, beside = s->n > 1 ? s->e[0] : 0;
  for (int64_t i = 0; i < s->n; i++) {
    double *u = f->u + 3 * i;
    bool last = i + 1 == s->n;
    double below = last ? 0 : s->e[i], next = last ? 0 : s->d[i + 1] - lambda, after = i + 2 < s->n ? s->e[i + 1] : 0;
    f->swapped[i] = fabs(below) > fabs(diagonal);
    if (f->swapped[i]) {
      u[0] = below, u[1] = next, u[2] = after;
      f->multiplier[i] = diagonal / below;
      diagonal = beside - f->multiplier[i] * next;
      beside = -f->multiplier[i] * after;
    } else {
      u[0] = fabs(diagonal) < tiny ? tiny : diagonal, u[1] = beside, u[2] = 0;
      f->multiplier[i] = below / u[0];
      diagonal = next - f->multiplier[i] * beside;
      beside = after;
    }
  }
}

static void solve(int64_t n, const Factored *f, double *x) {
  for (int64_t i = 0; i + 1 < n; i++) {
    if (f->swapped[i]) {
      double t = x[i];
      x[i] = x[i + 1];
      x[i + 1] = t;
    }
    x[i + 1] -= f->multiplier[i] * x[i];
  }
  for (int64_t i = n - 1; i >= 0; i--) {
    const double *u = f->u + 3 * i;
    double known = (i + 1 < n ? u[1] * x[i + 1] : 0) + (i + 2 < n ? u[2] * x[i + 2] : 0);
    x[i] = (x[i] - known) / u[0];
  }
}

// Of length 1 and orthogonal to the rows before; x alone may point along them so nearly that the second round matters.
static void orthonormalize(int64_t n, const double *rows, int64_t count, double *x) {
  for (int round = 0; round < 2; round++) {
    for (int64_t k = 0; k < count; k++) dense_add(n, -dense_dot(n, rows + k * n, x), rows + k * n, x);
    double length = sqrt(dense_dot(n, x, x)), scale = length > 0 ? 1 / length : 0;
    for (int64_t i = 0; i < n; i++) x[i] *= scale;
  }
}

// Something that no eigenvector is orthogonal to, different for each.
static void start(int64_t n, int64_t seed, double *x) {
  uint64_t r = (uint64_t)seed * 0x9e3779b97f4a7c15 + 1;
  for (int64_t i = 0; i < n; i++) {
    r = r * 6364136223846793005 + 1442695040888963407;
    x[i] = (double)(r >> 40) * 0x1p-24 + 0.5;
    if (r >> 39 & 1) x[i] = -x[i];
  }
}

enum { ITERATIONS = 3 }; // one is enough where the start is not unlucky

// Eigenvectors of the tridiagonal matrix, one a row of q.
static void inverse_iteration(const Svd *s, int64_t rank, double *q) {
  int64_t n = s->n;
  Factored f = {xcalloc((size_t)n * 3, sizeof(double)), xcalloc((size_t)n, sizeof(double)), xcalloc((size_t)n, 1)};
  for (int64_t j = 0; j < rank; j++) {
    double *x = q + j * n;
    start(n, j, x);
    factor(s, s->lambda[j], &f);
    for (int k = 0; k < ITERATIONS; k++) {
      solve(n, &f, x);
      orthonormalize(n, q, k + 1 < ITERATIONS ? 0 : j, x);
    }
  }
  free(f.u), free(f.multiplier), free(f.swapped);
}

// From the basis of the tridiagonal matrix to that of G.
static void reflect_back(const Svd *s, int64_t rank, double *q) {
  int64_t n = s->n;
  for (int64_t k = n - 2; k >= 0; k--) {
    const double *v = s->g + k * n + k + 1;
    int64_t rest = n - k - 1;
    if (s->tau[k] == 0) continue;
    for (int64_t j = 0; j < rank; j++) {
      double *x = q + j * n + k + 1;
      dense_add(rest, -s->tau[k] * dense_dot(rest, v, x), v, x);
    }
  }
}

// ---- the interface

static Svd *create(int64_t rows, int64_t cols) {
  Svd *s = xcalloc(1, sizeof *s);
  *s = (Svd){.rows = rows, .cols = cols, .n = min_i64(rows, cols), .m = max_i64(rows, cols)};
  size_t n = (size_t)s->n;
  s->g = xmalloc(sizeof *s->g * n * n);
  s->tau = xcalloc(n, sizeof *s->tau);
  s->d = xcalloc(n, sizeof *s->d);
  s->e = xcalloc(n, sizeof *s->e);
  s->lambda = xcalloc(n, sizeof *s->lambda);
  s->sums = xcalloc(n + 1, sizeof *s->sums);
  return s;
}

static void decompose(Svd *s) {
  for (int64_t i = 0; i < s->n; i++) s->total += s->g[i * s->n + i];
  tridiagonalize(s);
}

Svd *svd_create(int64_t rows, int64_t cols, const double *a) {
  Svd *s = create(rows, cols);
  s->a = xmalloc(sizeof *a * (size_t)(rows * cols));
  memcpy(s->a, a, sizeof *a * (size_t)(rows * cols));
  double *turned = NULL;
  if (rows > cols) dense_transpose(rows, cols, a, turned = xmalloc(sizeof *a * (size_t)(rows * cols)));
  gram(s, turned ? turned : a);
  free(turned);
  decompose(s);
  return s;
}

Svd *svd_create_gram(int64_t n, const double *g) {
  Svd *s = create(n, n);
  memcpy(s->g, g, sizeof *g * (size_t)(n * n));
  decompose(s);
  return s;
}

void svd_free(Svd *s) {
  if (!s) return;
  free(s->a), free(s->g), free(s->tau), free(s->d), free(s->e), free(s->lambda), free(s->sums);
  free(s);
}

double svd_norm(const Svd *s) { return sqrt(s->total); }

double svd_value(Svd *s, int64_t j) {
  know(s, j + 1);
  return sqrt(s->lambda[j]);
}

static double relative(const Svd *s, double captured) {
  return s->total > 0 ? sqrt(fmax(s->total - captured, 0) / s->total) : 0;
}

double svd_error(Svd *s, int64_t rank) {
  know(s, rank);
  return relative(s, s->sums[rank]);
}

int64_t svd_rank(Svd *s, double error, int64_t most) {
  int64_t rank = 0;
  while (rank <= most && (rank > s->n || svd_error(s, rank) > error)) rank++;
  return rank;
}

void svd_basis(const Svd *s, int64_t rank, double *q) {
  know((Svd *)s, rank); // a cache
  if (s->total > 0)
    inverse_iteration(s, rank, q);
  else
    memset(q, 0, sizeof *q * (size_t)(s->n * rank));
  reflect_back(s, rank, q);
}

double svd_factors(const Svd *s, int64_t rank, double *left, double *right) {
  int64_t n = s->n, m = s->m;
  bool by_rows = s->rows <= s->cols;
  double *q = xmalloc(sizeof *q * (size_t)(n * rank + 1)), *other = xcalloc((size_t)(m * rank + 1), sizeof *other);
  svd_basis(s, rank, q);
  double captured = 0;
  for (int64_t j = 0; j < rank; j++) {
    double *u = q + j * n, *v = other + j * m; // v = A^T u, or A u
    for (int64_t i = 0; i < s->rows; i++) {
      const double *row = s->a + i * s->cols;
      if (by_rows)
        dense_add(m, u[i], row, v);
      else
        v[i] = dense_dot(n, row, u);
    }
    double square = dense_dot(m, v, v), root = sqrt(sqrt(square)), share = root > 0 ? 1 / root : 0;
    captured += square;
    for (int64_t i = 0; i < n; i++) u[i] *= root;
    for (int64_t i = 0; i < m; i++) v[i] *= share;
  }
  dense_transpose(rank, s->rows, by_rows ? q : other, left);
  memcpy(right, by_rows ? other : q, sizeof *right * (size_t)(rank * s->cols));
  free(q), free(other);
  return relative(s, captured);
}
