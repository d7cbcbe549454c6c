#include "tests/unit/unit.h"
#include <stdio.h>

// The one file there is: `pos_embed`, f16[1, 17, 8] of 0, 1/8, 2/8, ..., and `short`, which says that it is the same.
static Blob *open_positions(void *user, Diag *d, const char *dir, const char *file, const char *key, DType *stored,
                            int *rank, Dim *dims) {
  (void)user;
  (void)d;
  (void)dir;
  bool whole = !strcmp(key, "pos_embed");
  if (strcmp(file, "w.safetensors") || (!whole && strcmp(key, "short"))) return NULL;
  Blob *b = blob_malloc(whole ? 17 * 8 * 2 : 2);
  for (int i = 0; whole && i < 17 * 8; i++) dtype_store(DT_F16, (void *)b->data, i, i / 8.0);
  *stored = DT_F16;
  *rank = 3;
  memcpy(dims, (Dim[]){1, 17, 8}, sizeof(Dim[3]));
  return b;
}

Module *unit_open(Diag *diag, const char *text, size_t size) {
  return graph_read(diag, "test.nnir", text, size, ".", open_positions, NULL);
}

char *unit_messages(const char *text, size_t size) {
  Diag *diag = diag_create();
  Module *m = unit_open(diag, text, size);
  char *messages = NULL;
  if (!m) {
    StrBuf out = {0};
    diag_print(diag, &out, false);
    messages = out.s ? out.s : xcalloc(1, 1);
    if (!diag_errors(diag)) fail_msg("refused without a message:\n%.*s", (int)size, text);
  } else if (diag_errors(diag)) {
    fail_msg("accepted with messages:\n%.*s", (int)size, text);
  }
  module_destroy(m);
  diag_destroy(diag);
  return messages;
}

// Whether `expected` is a message of these, or lines of them, in whole.
static bool holds(const char *messages, const char *expected) {
  static const char mark[] = " error: ";
  size_t n = strlen(expected), m = strlen(mark);
  for (const char *at = messages; (at = strstr(at, expected)); at++) {
    bool first = at == messages || at[-1] == '\n' || ((size_t)(at - messages) >= m && !memcmp(at - m, mark, m));
    if (first && (at[n] == '\n' || (n && expected[n - 1] == '\n'))) return true;
  }
  return false;
}

void unit_refused(const char *text, const char *expected) {
  char *messages = unit_messages(text, strlen(text));
  if (!messages) fail_msg("accepted, but expected \"%s\":\n%s", expected, text);
  if (!holds(messages, expected)) fail_msg("expected \"%s\", but found\n%s", expected, messages);
  free(messages);
}

Module *unit_read(const char *text) {
  Diag *diag = diag_create();
  Module *m = unit_open(diag, text, strlen(text));
  if (m) return m;
  StrBuf out = {0};
  diag_print(diag, &out, false);
  fail_msg("refused:\n%s", strbuf_str(&out));
  return NULL;
}

void unit_drop(Module *m) {
  Diag *diag = m->diag;
  module_destroy(m);
  diag_destroy(diag);
}

void unit_verify(Module *m) {
  StrBuf problems = {0};
  if (!graph_verify(m, &problems)) fail_msg("%s", strbuf_str(&problems));
  strbuf_free(&problems);
}

void unit_round_trip(Module *m) {
  StrBuf first = {0}, second = {0}, difference = {0};
  graph_print(m, &first, NULL);
  Diag *diag = diag_create();
  Module *back = graph_read(diag, "back.nnir", strbuf_str(&first), first.len, ".", graph_open_like, m);
  if (!back) {
    diag_print(diag, &difference, false);
    fail_msg("the printed text is refused:\n%s\n%s", strbuf_str(&difference), strbuf_str(&first));
  }
  if (!graph_equal(m, back, &difference)) fail_msg("%s in\n%s", strbuf_str(&difference), strbuf_str(&first));
  graph_print(back, &second, NULL);
  assert_string_equal(strbuf_str(&first), strbuf_str(&second));
  unit_verify(back);
  strbuf_free(&first);
  strbuf_free(&second);
  unit_drop(back);
}
