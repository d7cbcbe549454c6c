// fuzz_isa [count [first seed]]: random graphs compiled with --reproducible for every instruction set that runs here
// give the same bits from all of them.
#include "ir/core/check.h"
#include "tests/lower/generate.h"
#include "tests/lower/native.h"
#include <stdio.h>
#include <string.h>

static const char *const cpus[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4", NULL};
enum { CPUS = sizeof cpus / sizeof *cpus };

static Guarded *outputs_of(const Native *n, const int64_t *symbols, Guarded *in) {
  Guarded *out = native_outputs(n, symbols);
  int status = native_run(n, symbols, 1, in, out);
  CHECK(!status, "%s", n->info->status_text(status));
  return out;
}

// NaNs are equal to one another: which of two operands' bits a sum hands on is not said.
static bool same_bits(const Guarded *a, const Guarded *b, DType d) {
  if (!memcmp(a->data, b->data, a->bytes)) return true;
  if (d != DT_F32) return false;
  for (size_t i = 0; i < a->bytes / 4; i++) {
    const float *x = a->data, *y = b->data;
    if (memcmp(&x[i], &y[i], 4) && !(x[i] != x[i] && y[i] != y[i])) return false;
  }
  return true;
}

static bool try_seed(uint64_t seed) {
  Diag *d = diag_create();
  Generated g = generate(GENERATED_LAYERS, seed, d);
  RefTensor *in = generate_inputs(g.m, g.symbols, seed, false), *like = xcalloc(g.m->outputs.len + 1, sizeof *like);
  CHECK(ref_run(g.m, g.symbols, in, like, NULL, NULL, d), "the reference fails");
  Guarded *arrays = native_arrays(in, g.m->inputs.len, true), *first = NULL;
  bool ok = true;
  for (int c = 0; c < CPUS; c++) {
    Native n;
    if (!native_supports(cpus[c])) continue;
    NativeOptions o = {.level = 2, .cpu = cpus[c], .reproducible = true, .chains = seed % 2, .sparse = seed % 4 < 2};
    CHECK(native_open(&n, g.m, &o, d), "seed %llu", (unsigned long long)seed);
    Guarded *out = outputs_of(&n, g.symbols, arrays);
    for (size_t i = 0; first && i < g.m->outputs.len; i++) {
      if (same_bits(&first[i], &out[i], like[i].type->dtype)) continue;
      printf("seed %llu: output %s of %s has other bits\n", (unsigned long long)seed, g.m->outputs.data[i].name,
             cpus[c] ? cpus[c] : "native");
      ok = false;
    }
    native_close(&n);
    if (first)
      native_arrays_free(out, g.m->outputs.len);
    else
      first = out;
  }
  native_arrays_free(first, g.m->outputs.len);
  native_arrays_free(arrays, g.m->inputs.len);
  for (size_t i = 0; i < g.m->outputs.len; i++) ref_tensor_free(&like[i]);
  for (size_t i = 0; i < g.m->inputs.len; i++) ref_tensor_free(&in[i]);
  free(like);
  free(in);
  module_destroy(g.m);
  diag_destroy(d);
  return ok;
}

int main(int argc, char **argv) {
  uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 30, first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1,
           bad = 0;
  for (uint64_t seed = first; seed < first + count; seed++) bad += !try_seed(seed);
  printf("%llu of %llu graphs depend on the instruction set\n", (unsigned long long)bad, (unsigned long long)count);
  return bad != 0;
}
