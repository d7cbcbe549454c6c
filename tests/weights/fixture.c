#include "tests/weights/fixture.h"

int fixture_setup(void **state) {
  Fixture *f = calloc(1, sizeof *f);
  f->diag = diag_create();
  strcpy(f->path, "archive_XXXXXX");
  int fd = mkstemp(f->path);
  if (fd < 0) return -1;
  close(fd);
  *state = f;
  return 0;
}

int fixture_teardown(void **state) {
  Fixture *f = *state;
  unlink(f->path);
  diag_destroy(f->diag);
  free(f);
  return 0;
}

void fixture_put(const Fixture *f, const void *bytes, size_t n) {
  FILE *out = fopen(f->path, "wb");
  assert_non_null(out);
  assert_int_equal(fwrite(bytes, 1, n, out), n);
  fclose(out);
}

char *fixture_read(const char *path, size_t *n) {
  FILE *in = fopen(path, "rb");
  assert_non_null(in);
  char *bytes = malloc(1 << 20);
  *n = fread(bytes, 1, 1 << 20, in);
  fclose(in);
  return bytes;
}

void fixture_expect(Fixture *f, const char *text) {
  StrBuf b = {0}, end = {0};
  diag_print(f->diag, &b, false);
  strbuf_printf(&end, ": error: %s\n", text);
  if (b.len < end.len || strcmp(b.s + b.len - end.len, end.s)) fail_msg("not `%s` but: %s", text, strbuf_str(&b));
  strbuf_free(&b);
  strbuf_free(&end);
  diag_clear(f->diag);
}

void fixture_expect_ramp(Archive *a, const char *name, DType dtype, Diag *d) {
  const ArchiveEntry *e = archive_find(a, name);
  assert_non_null(e);
  assert_int_equal(e->rank, 3);
  assert_true(e->dims[0] == 2 && e->dims[1] == 3 && e->dims[2] == 4);
  assert_int_equal(e->dtype, dtype);
  Blob *b = archive_blob(a, e, d);
  assert_non_null(b);
  assert_int_equal(b->size, 24 * dtype_size(dtype));
  for (int i = 0; i < 24; i++) assert_true(dtype_load(dtype, b->data, i) == (dtype == DT_BOOL ? i % 2 : i));
  blob_unref(b);
}

size_t fixture_mutate(char *bytes, size_t n, int round, uint64_t *rng) {
  for (int k = 0; k < 1 + round % 5; k++) {
    *rng = *rng * 6364136223846793005u + 1442695040888963407u;
    size_t at = (*rng >> 33) % n, tail = n - at < 64 ? n - at : 64;
    if (*rng >> 62 == 0)
      bytes[at] = (char)(*rng >> 20);
    else if (*rng >> 62 == 1)
      bytes[n - 1 - at % (n < 400 ? n : 400)] = (char)(*rng >> 20);
    else if (*rng >> 62 == 2)
      bytes[at % 200 % n] = "\377\0\177\200"[(*rng >> 20) & 3];
    else
      memmove(bytes + at % 100 % n, bytes + at, at % 100 % n + tail <= n ? tail : 0);
  }
  return round % 7 ? n : (*rng >> 40) % (n + 1);
}

bool fixture_try(Fixture *f) {
  Archive *a = archive_open(f->path, f->diag);
  if (!a) assert_true(diag_errors(f->diag) > 0);
  for (size_t k = 0; a && k < a->entries.len; k++) {
    diag_clear(f->diag);
    Blob *b = archive_blob(a, &a->entries.data[k], f->diag);
    if (!b)
      assert_true(diag_errors(f->diag) > 0);
    else
      blob_unref(b);
  }
  bool opened = a;
  archive_unref(a);
  diag_clear(f->diag);
  return opened;
}
