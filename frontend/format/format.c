#include "frontend/format/format.h"
#include "frontend/format/pieces.h"
#include "frontend/sema.h"
#include "ir/core/check.h"
#include <string.h>

enum { MAX_ERRORS = 50 };

static void print(const Pieces *v, const char *text, StrBuf *out) {
  int column = 0;
  for (size_t i = 0; i < v->len; i++) {
    const Piece *p = &v->data[i];
    if (p->blank) strbuf_putc(out, '\n');
    if (p->breaks) strbuf_putc(out, '\n'), column = 0;
    strbuf_fill(out, ' ', p->place - column);
    strbuf_write(out, text + p->begin, p->end - p->begin);
    column = p->place + p->width;
  }
  strbuf_putc(out, '\n');
}

static bool parses(Diag *d, uint32_t file) {
  Arena *arena = arena_create();
  Interner *names = interner_create(arena);
  Item *items;
  bool ok = filter_parse(d, arena, names, file, diag_errors(d) + MAX_ERRORS, &items);
  interner_destroy(names);
  arena_destroy(arena);
  return ok;
}

// The grammar knows no lines, so that equal tokens are equal syntax trees; a ';' where it may be left out is nothing.
static bool is_same(const Pieces *a, const char *ta, const Pieces *b, const char *tb) {
  size_t i = 0, k = 0;
  for (;; i++, k++) {
    while (i < a->len && a->data[i].kind == ';') i++;
    while (k < b->len && b->data[k].kind == ';') k++;
    if (i == a->len || k == b->len) return i == a->len && k == b->len;
    const Piece *p = &a->data[i], *q = &b->data[k];
    size_t n = p->end - p->begin;
    if (p->kind != q->kind || q->end - q->begin != n || memcmp(ta + p->begin, tb + q->begin, n)) return false;
  }
}

// A layout that reads otherwise than its source is a bug, and must never reach a file.
static void check(const char *name, const Pieces *before, const char *text, const StrBuf *out) {
  Diag *d = diag_create();
  uint32_t file = diag_add_source(d, name, out->s, out->len);
  Pieces after = {0};
  CHECK(parses(d, file), "the layout of %s does not parse", name);
  pieces_read(d, file, &after);
  CHECK(is_same(before, text, &after, out->s), "the layout of %s reads otherwise", name);
  vec_free(&after);
  diag_destroy(d);
}

bool format_file(Diag *d, const char *path, StrBuf *out, bool *differs) {
  size_t size;
  const char *why;
  char *text = file_read(path, MAX_SOURCE, &size, &why);
  if (!text) {
    diag_error_file(d, path, "not read: %s", why);
    return false;
  }
  uint32_t file = diag_add_source(d, path, text, size);
  bool ok = parses(d, file);
  if (ok) {
    Pieces pieces = {0};
    pieces_read(d, file, &pieces);
    breaks_decide(&pieces);
    gaps_decide(&pieces);
    columns_decide(&pieces);
    print(&pieces, text, out);
    check(path, &pieces, text, out);
    *differs = out->len != size || memcmp(out->s, text, size);
    vec_free(&pieces);
  }
  free(text);
  return ok;
}
