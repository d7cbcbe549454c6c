// Numbers, lists and attributes as the language writes them.
#include "frontend/write/writer.h"
#include <math.h>
#include <string.h>

void put(Writer *w, Statement *s, const char *fmt, ...) {
  StrBuf b = {0};
  va_list ap;
  va_start(ap, fmt);
  strbuf_vprintf(&b, fmt, ap);
  va_end(ap);
  vec_push(&s->pieces, (Piece){arena_strdup(w->m->arena, strbuf_str(&b)), false});
  strbuf_free(&b);
}

void put_path(Writer *w, Statement *s, const char *path) {
  put(w, s, " @");
  vec_push(&s->pieces, (Piece){path, true});
}

// Short where a float was meant.
void put_number(StrBuf *b, double v) {
  if ((double)(float)v == v)
    strbuf_float(b, (float)v);
  else
    strbuf_double(b, v);
}

static void put_dim(Writer *w, StrBuf *b, Dim d) { dim_print(w->m->dims, d, b); }

static void put_dims(Writer *w, StrBuf *b, int n, const Dim *list) {
  strbuf_putc(b, '[');
  for (int i = 0; i < n; i++) {
    if (i) strbuf_puts(b, ", ");
    put_dim(w, b, list[i]);
  }
  strbuf_putc(b, ']');
}

// A lone number stands for all of a list's.
static void put_list(Writer *w, StrBuf *b, const AttrInfo *row, int n, const Dim *list) {
  bool same = row->length && n == row->length;
  for (int i = 1; same && i < n; i++) same = list[i] == list[0];
  if (same)
    put_dim(w, b, list[0]);
  else if (row->kind == ATTR_PADDING && list[0] == list[2] && list[1] == list[3])
    put_dims(w, b, 2, list);
  else
    put_dims(w, b, n, list);
}

static void put_reals(StrBuf *b, const AttrInfo *row, const Attr *a) {
  bool same = row->length && a->n == row->length;
  for (int i = 1; same && i < a->n; i++) same = a->floats[i] == a->floats[0];
  if (!same) strbuf_putc(b, '[');
  for (int i = 0; i < (same ? 1 : a->n); i++) {
    if (i) strbuf_puts(b, ", ");
    put_number(b, a->floats[i]);
  }
  if (!same) strbuf_putc(b, ']');
}

static void put_strings(StrBuf *b, const Attr *a) {
  strbuf_putc(b, '[');
  for (int i = 0; i < a->n; i++) {
    if (i) strbuf_puts(b, ", ");
    strbuf_quoted(b, a->strings[i]);
  }
  strbuf_putc(b, ']');
}

void put_attr(Writer *w, const AttrInfo *row, const Attr *a, StrBuf *b) {
  switch (a->kind) {
  case ATTR_INT: put_dim(w, b, a->i); break;
  case ATTR_FLOAT: put_number(b, a->f); break;
  case ATTR_BOOL: strbuf_puts(b, a->i ? "true" : "false"); break;
  case ATTR_ENUM:
  case ATTR_STRING: strbuf_quoted(b, a->s); break;
  case ATTR_DTYPE: strbuf_puts(b, dtype_name((DType)a->i)); break;
  case ATTR_INTS:
  case ATTR_DIMS:
  case ATTR_PADDING: put_list(w, b, row, a->n, a->ints); break;
  case ATTR_FLOATS: put_reals(b, row, a); break;
  case ATTR_STRINGS: put_strings(b, a); break;
  case ATTR_NONE: break;
  }
}
