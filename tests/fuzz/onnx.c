// ONNX files, as `nncc import` takes them: what is read is a module that keeps the graph's rules and prints as a text
// that reads back.
#include "frontend/onnx/onnx.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Diag *d = diag_create();
  Module *m = onnx_import(d, fuzz_file(0, data, size), &(OnnxOptions){0});
  if (m) {
    StrBuf why = {0};
    CHECK(graph_verify(m, &why), "%s", strbuf_str(&why));
    strbuf_free(&why);
    if (fuzz_is_small(m)) fuzz_round_trip(m);
    module_destroy(m);
  }
  fuzz_end(d, m);
  return 0;
}
