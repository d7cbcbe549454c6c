// Graph IR text, as `nncc opt` takes it: what is read prints as a text that reads back, is written as ONNX, and goes
// through every pass.
#include "frontend/weights/weights.h"
#include "frontend/write_onnx/write_onnx.h"
#include "passes/pass.h"
#include "tests/fuzz/fuzz.h"

static bool has_all_weights(const Module *m) {
  for (size_t i = 0; i < m->weights.len; i++) {
    const Weight *w = m->weights.data[i];
    if (w->source == WEIGHT_MISSING || (w->source == WEIGHT_FILE && !w->blob)) return false;
  }
  return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Diag *d = diag_create();
  WeightFiles *files = weight_files_create();
  Module *m = graph_read(d, "input.nnir", (const char *)data, size, FUZZ_FILES, weight_files_open, files);
  weight_files_destroy(files);
  if (m) {
    if (fuzz_is_small(m)) {
      fuzz_round_trip(m);
      if (has_all_weights(m)) write_onnx(m, "/dev/null", &(WriteOnnxOptions){0}, d);
      fuzz_passes(m, NULL, passes_pipeline(2), d);
    }
    module_destroy(m);
  }
  fuzz_end(d, m);
  return 0;
}
