#include "driver/golden.h"
#include "ir/ref/ref.h"
#include "runtime/nncc_rt.h"
#include "runtime/seeded.h"

enum { SAMPLES = 512 }; // of an output, at most about

static bool seed_input(RefTensor *t, Module *m, const Type *type, const int64_t *symbols, uint64_t *state) {
  if (!ref_tensor_create(t, m, type, symbols)) return false;
  void *data = xcalloc((size_t)t->count + 1, dtype_size(type->dtype));
  nncc_rt_seeded(state, (int32_t)type->dtype, t->count, data); // NNCC_F32... are DT_F32...
  ref_tensor_unpack(t, type->dtype, data);
  free(data);
  return true;
}

static CodegenSamples sample(Module *m, const RefTensor *t) {
  CodegenSamples s = {.elements = t->count,
                      .step = t->count > SAMPLES ? (t->count / SAMPLES) | 1 : 1}; // odd: not one column of a picture
  s.count = t->count ? (t->count - 1) / s.step + 1 : 0;
  double *values = arena_array(m->arena, double, s.count + 1);
  for (int64_t i = 0; i < s.count; i++) values[i] = ref_at(t, i * s.step);
  s.values = values;
  return s;
}

const CodegenGolden *golden_compute(Module *m, Diag *d) {
  CodegenGolden *g = arena_new(m->arena, CodegenGolden);
  CodegenSamples *samples = arena_array(m->arena, CodegenSamples, m->outputs.len + 1);
  int64_t *symbols = arena_array(m->arena, int64_t, MAX_SYMBOLS);
  dim_least(m->dims, symbols);
  RefTensor *inputs = xcalloc(m->inputs.len + 1, sizeof *inputs),
            *outputs = xcalloc(m->outputs.len + 1, sizeof *outputs);
  uint64_t state = NNCC_RT_GOLDEN_SEED;
  bool ok = true;
  for (size_t i = 0; ok && i < m->inputs.len; i++)
    ok = seed_input(&inputs[i], m, m->inputs.data[i]->type, symbols, &state);
  if (!ok) diag_error_file(d, m->name ? m->name : "model", "there is not enough memory for the reference");
  ok = ok && ref_run(m, symbols, inputs, outputs, NULL, NULL, d);
  for (size_t i = 0; ok && i < m->outputs.len; i++) samples[i] = sample(m, &outputs[i]);
  for (size_t i = 0; i < m->inputs.len; i++) ref_tensor_free(&inputs[i]);
  for (size_t i = 0; i < m->outputs.len; i++) ref_tensor_free(&outputs[i]);
  free(inputs);
  free(outputs);
  *g = (CodegenGolden){.dims = symbols, .outputs = samples};
  return ok ? g : NULL;
}
