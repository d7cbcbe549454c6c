#include "tests/golden/evaluate.h"
#include "ir/ref/ref.h"
#include <math.h>

enum { MOST_VALUES = 16 };

typedef struct Tensors {
  RefTensor data[MOST_VALUES];
  size_t n;
} Tensors;

static void free_tensors(Tensors *t) {
  for (size_t i = 0; i < t->n; i++) ref_tensor_free(&t->data[i]);
}

// Values of both signs that differ from each other, the same for both modules.
static double sample(DType t, size_t input, int64_t k) {
  double v = sin((double)(k + 1) * 1.7 + (double)input * 0.3) * 2;
  return dtype_is_float(t) ? v : floor(fabs(v) * 60);
}

static bool evaluate(Module *m, int64_t nominal, Tensors *out, StrBuf *why) {
  int64_t symbols[MAX_SYMBOLS];
  for (int i = 0; i < MAX_SYMBOLS; i++) symbols[i] = nominal;
  Tensors in = {.n = m->inputs.len};
  bool ok = in.n <= MOST_VALUES && m->outputs.len <= MOST_VALUES;
  for (size_t i = 0; ok && i < in.n; i++) {
    RefTensor *t = &in.data[i];
    ok = ref_tensor_create(t, m, m->inputs.data[i]->type, symbols);
    for (int64_t k = 0; ok && k < t->count; k++) {
      double v = sample(t->type->dtype, i, k);
      if (t->f)
        t->f[k] = v;
      else
        t->i[k] = (int64_t)v;
    }
  }
  ok = ok && ref_run(m, symbols, in.data, out->data, NULL, NULL, m->diag);
  out->n = ok ? m->outputs.len : 0;
  free_tensors(&in);
  if (!ok) diag_print(m->diag, why, false);
  return ok;
}

// An output that may vanish may consist of rounding errors alone.
#define VANISHING 1e-3

static bool near(const RefTensor *a, const RefTensor *b, double tolerance, bool vanish, StrBuf *why) {
  double most = vanish ? VANISHING : 0;
  for (int64_t k = 0; k < a->count; k++) most = fmax(most, fabs(ref_at(a, k)));
  if (a->count != b->count) return strbuf_puts(why, "outputs differ in size"), false;
  if (!(most > 0)) return strbuf_puts(why, "an output is zero throughout"), false;
  for (int64_t k = 0; k < a->count; k++) {
    double x = ref_at(a, k), y = ref_at(b, k);
    if (fabs(x - y) <= tolerance * most) continue;
    strbuf_printf(why, "element %lld was %.9g and is %.9g, tolerance %g of %g", (long long)k, x, y, tolerance, most);
    return false;
  }
  return true;
}

bool evaluate_same(Module *before, Module *after, int64_t nominal, double tolerance, bool vanish, StrBuf *why) {
  Tensors was = {0}, is = {0};
  bool ok = evaluate(before, nominal, &was, why) && evaluate(after, nominal, &is, why) && was.n == is.n && was.n > 0;
  for (size_t i = 0; ok && i < was.n; i++) ok = near(&was.data[i], &is.data[i], tolerance, vanish, why);
  free_tensors(&was);
  free_tensors(&is);
  return ok;
}
