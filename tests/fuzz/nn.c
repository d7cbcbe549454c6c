// The language: text to graph. What is accepted is a sound module whose text reads back.
#include "frontend/frontend.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Diag *d = diag_create();
  const char *weights;
  Module *m = frontend_compile(d, fuzz_file(0, data, size), NULL, &weights);
  if (m) {
    StrBuf problems = {0};
    CHECK(graph_verify(m, &problems), "%s", strbuf_str(&problems));
    strbuf_free(&problems);
    if (fuzz_is_small(m)) fuzz_round_trip(m);
    module_destroy(m);
  }
  fuzz_end(d, m);
  return 0;
}
