// Files of arrays: each that the file claims to hold can be fetched, all its bytes can be read, or an error says why
// not.
#include "frontend/weights/archive.h"
#include "tests/fuzz/fuzz.h"

static void fetch(Archive *a, const ArchiveEntry *e, Diag *d) {
  StrBuf type = {0};
  archive_print_type(e, &type);
  strbuf_free(&type);
  CHECK(archive_find(a, e->name), "`%s` is not found", e->name);
  int errors = diag_errors(d);
  Blob *b = archive_blob(a, e, d);
  CHECK(b || diag_errors(d) > errors, "`%s` is not there, and nobody says why", e->name);
  if (!b) return;
  int64_t n = archive_elements(e);
  CHECK(n >= 0 && b->size == (size_t)n * dtype_size(e->dtype), "`%s` has %zu bytes", e->name, b->size);
  volatile double last;
  for (int64_t i = 0; i < n; i++) last = dtype_load(e->dtype, b->data, i);
  (void)last;
  blob_unref(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Diag *d = diag_create();
  Archive *a = archive_open(fuzz_file(0, data, size), d);
  for (size_t i = 0; a && i < a->entries.len; i++) fetch(a, &a->entries.data[i], d);
  fuzz_end(d, a);
  archive_unref(a);
  return 0;
}
