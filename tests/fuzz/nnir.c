// Graph IR text, as `nncc opt` takes it: what is read prints as a text that reads back, and goes through every pass.
#include "frontend/weights/weights.h"
#include "passes/pass.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Diag *d = diag_create();
  WeightFiles *files = weight_files_create();
  Module *m = graph_read(d, "input.nnir", (const char *)data, size, FUZZ_FILES, weight_files_open, files);
  weight_files_destroy(files);
  if (m) {
    if (fuzz_is_small(m)) {
      fuzz_round_trip(m);
      fuzz_passes(m, NULL, passes_pipeline(2), d);
    }
    module_destroy(m);
  }
  fuzz_end(d, m);
  return 0;
}
