#include "tests/fuzz/fuzz.h"
#include "passes/pass.h"
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FILES = 2 };

const char *fuzz_file(int i, const void *data, size_t size) {
  static int fd[FILES];
  static char path[FILES][32];
  if (!fd[i]) fd[i] = memfd_create("input", MFD_CLOEXEC);
  snprintf(path[i], sizeof path[i], "/proc/self/fd/%d", fd[i]);
  CHECK(!ftruncate(fd[i], 0) && pwrite(fd[i], data, size, 0) == (ssize_t)size, "%s cannot be written", path[i]);
  return path[i];
}

void fuzz_end(Diag *d, bool ok) {
  CHECK(ok || diag_errors(d), "failed without an error");
  StrBuf text = {0};
  diag_print(d, &text, false);
  diag_json(d, &text);
  strbuf_free(&text);
  diag_destroy(d);
}

void fuzz_round_trip(Module *m) {
  StrBuf text = {0}, why = {0};
  graph_print(m, &text, &(PrintOptions){0});
  Diag *d = diag_create();
  Module *again = graph_read(d, "printed", strbuf_str(&text), text.len, ".", graph_open_like, m);
  diag_print(d, &why, false);
  CHECK(again, "does not read back: %s\n%s", strbuf_str(&why), text.s);
  CHECK(graph_equal(m, again, &why), "reads back as another: %s\n%s", strbuf_str(&why), text.s);
  module_destroy(again);
  diag_destroy(d);
  strbuf_free(&text);
  strbuf_free(&why);
}

void fuzz_round_trip_loop(const LProgram *p) {
  StrBuf text = {0}, second = {0};
  loop_print(p, &text);
  Diag *d = diag_create();
  LProgram *again = loop_read(d, "printed", strbuf_str(&text), text.len);
  if (again)
    loop_print(again, &second);
  else
    diag_print(d, &second, false);
  CHECK(again && !strcmp(strbuf_str(&text), strbuf_str(&second)), "reads back as\n%s\n%s", strbuf_str(&second), text.s);
  loop_program_destroy(again);
  diag_destroy(d);
  strbuf_free(&text);
  strbuf_free(&second);
}

bool fuzz_is_small(const Module *m) {
  enum { NODES = 100, ELEMENTS = 1 << 17 };
  int64_t nodes = 0, elements = 0;
  for (const Node *n = m->first; n; n = n->next) nodes++;
  for (size_t i = 0; i < m->weights.len; i++) elements += weight_count(m->weights.data[i]);
  return nodes <= NODES && elements <= ELEMENTS;
}

void fuzz_passes(Module *m, LProgram *p, const char *pipeline, Diag *d) {
  PassOptions o = passes_options();
  o.verify_each = true;
  PassContext c;
  int errors = diag_errors(d);
  bool ok = passes_init(&c, m, p, d, &o) && passes_run(&c, pipeline);
  CHECK(ok || diag_errors(d) > errors, "failed without an error");
  passes_free(&c);
  if (c.program != p) loop_program_destroy(c.program);
}
