// The file of labels that a model names: they are in the module, in its text and in its program as they were.
#include "frontend/frontend.h"
#include "passes/pass.h"
#include "tests/fuzz/fuzz.h"

static const char *write_model(const char *labels) {
  StrBuf text = {0};
  strbuf_printf(&text, "nn 1\nmodel m(x: f32[3]) -> y {\n  y = relu(x)\n  meta { labels = \"%s\" }\n}\n", labels);
  const char *path = fuzz_file(1, text.s, text.len);
  strbuf_free(&text);
  return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Diag *d = diag_create();
  const char *weights;
  Module *m = frontend_compile(d, write_model(fuzz_file(0, data, size)), NULL, &weights);
  CHECK(m, "labels are no error");
  fuzz_round_trip(m);
  fuzz_passes(m, NULL, passes_pipeline(0), d);
  module_destroy(m);
  fuzz_end(d, true);
  return 0;
}
