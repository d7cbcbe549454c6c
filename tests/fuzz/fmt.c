// `nncc fmt`: what is laid out stays as it is. That it means the same, format_file checks itself.
#include "frontend/format/format.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Diag *d = diag_create();
  StrBuf once = {0}, twice = {0};
  bool differs, ok = format_file(d, fuzz_file(0, data, size), &once, &differs);
  if (ok) {
    bool again = format_file(d, fuzz_file(0, strbuf_str(&once), once.len), &twice, &differs);
    CHECK(again && !differs, "laid out again it is another:\n%s\n%s", strbuf_str(&once), strbuf_str(&twice));
  }
  strbuf_free(&once);
  strbuf_free(&twice);
  fuzz_end(d, ok);
  return 0;
}
