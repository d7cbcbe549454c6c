// Models of ONNX's suite, ended at each boundary of a field, of messages within messages too: by the end of the file,
// and by the end of the message, with the lengths of all around it put right. Each is imported or refused.
//
//   test_cut DATA EVERY        of the nodes' cases each EVERYth
#include "frontend/onnx/onnx.h"
#include "frontend/weights/mapped.h"
#include "ir/core/check.h"
#include "tests/onnx/parts.h"
#include <glob.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct Level {
  const struct Level *outer; // NULL: the file
  const Part *within;        // the field of the outer one whose content it is
  const uint8_t *data, *end;
} Level;

typedef struct Cuts {
  int file; // in memory
  char path[32];
  int tried, imported;
} Cuts;

static void put(StrBuf *b, const uint8_t *begin, const uint8_t *end) {
  strbuf_write(b, (const char *)begin, (size_t)(end - begin));
}

static void import(Cuts *c, const void *bytes, size_t size) {
  CHECK(!ftruncate(c->file, 0) && pwrite(c->file, bytes, size, 0) == (ssize_t)size, "a file in memory is not written");
  Diag *d = diag_create();
  Module *m = onnx_import(d, c->path, &(OnnxOptions){0});
  StrBuf why = {0};
  CHECK(!m == (diag_errors(d) > 0), "it is imported with errors, or refused without");
  CHECK(!m || graph_verify(m, &why), "%s", strbuf_str(&why));
  strbuf_free(&why);
  c->tried++;
  c->imported += m != NULL;
  if (m) module_destroy(m);
  diag_destroy(d);
}

static void end_message(Cuts *c, const Level *l, const uint8_t *at) {
  StrBuf b = {0};
  put(&b, l->data, at);
  for (; l->outer; l = l->outer) {
    StrBuf whole = {0};
    put(&whole, l->outer->data, l->within->begin);
    part_write(&whole, l->within, &b);
    put(&whole, l->within->end, l->outer->end);
    strbuf_free(&b);
    b = whole;
  }
  import(c, strbuf_str(&b), b.len);
  strbuf_free(&b);
}

static void cut(Cuts *c, const Level *l, const Mapped *whole) {
  Parts parts = parts_of(l->data, (size_t)(l->end - l->data));
  for (size_t i = 0; i < parts.len; i++) {
    const Part *p = &parts.data[i];
    import(c, whole->data, (size_t)(p->begin - whole->data));
    end_message(c, l, p->begin);
    if (p->field.type == WIRE_BYTES) cut(c, &(Level){l, p, p->field.data, p->end}, whole);
  }
  vec_free(&parts);
}

static void cut_file(Cuts *c, const char *path) {
  Diag *d = diag_create();
  Mapped *whole = mapped_open(path, d);
  CHECK(whole, "%s cannot be read", path);
  c->tried = c->imported = 0;
  printf("%s\n", path);
  fflush(stdout); // so that a crash has a name
  cut(c, &(Level){.data = whole->data, .end = whole->data + whole->size}, whole);
  printf("   %d cuts, %d imported\n", c->tried, c->imported);
  mapped_unref(whole);
  diag_destroy(d);
}

int main(int argc, char **argv) {
  CHECK(argc == 3 && atoi(argv[2]) > 0, "usage: test_cut DATA EVERY");
  Cuts c = {.file = memfd_create("model", MFD_CLOEXEC)};
  snprintf(c.path, sizeof c.path, "/proc/self/fd/%d", c.file);
  StrBuf pattern = {0};
  strbuf_printf(&pattern, "%s/node/*/model.onnx", argv[1]);
  glob_t found;
  CHECK(!glob(pattern.s, 0, NULL, &found), "no models below %s", argv[1]);
  for (size_t i = 0; i < found.gl_pathc; i += (size_t)atoi(argv[2])) cut_file(&c, found.gl_pathv[i]);
  globfree(&found);
  strbuf_free(&pattern);
  close(c.file);
  return 0;
}
