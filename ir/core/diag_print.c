// Diagnostics for people: file:line:column, the source line, a caret.
#include "ir/core/diag_table.h"
#include <string.h>

// Printable: control bytes other than newline become '?'; tabs a space, so that carets stay below their text.
static void put_clean(StrBuf *out, const char *s, size_t n) {
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)s[i];
    strbuf_putc(out, c == '\t' ? ' ' : (c < 0x20 && c != '\n') || c == 0x7f ? '?' : (char)c);
  }
}

static void print_excerpt(const Diag *d, StrBuf *out, Span s, int line, int col, const char *mark, const char *off) {
  const Source *src = diag_source(d, s.file);
  size_t begin = s.begin < src->size ? s.begin : src->size, end = begin;
  begin -= (size_t)(col - 1);
  while (end < src->size && src->text[end] != '\n') end++;
  if (end - begin > 200) end = begin + 200;
  strbuf_printf(out, "%5d | ", line);
  put_clean(out, src->text + begin, end - begin);
  strbuf_puts(out, "\n      | ");
  if (begin + (size_t)col - 1 <= end) {
    int width = s.end > s.begin ? (int)(s.end - s.begin) : 1;
    int room = (int)(end - begin) - (col - 1);
    if (width > room) width = room > 1 ? room : 1;
    strbuf_fill(out, ' ', col - 1);
    strbuf_puts(out, mark);
    strbuf_putc(out, '^');
    strbuf_fill(out, '~', width - 1);
    strbuf_puts(out, off);
  }
  strbuf_putc(out, '\n');
}

static void print_message(const Diag *d, StrBuf *out, const Message *m, bool colour) {
  static const char *const names[] = {"error", "warning", "remark", "note"};
  static const char *const colours[] = {"\033[1;31m", "\033[1;35m", "\033[1;34m", "\033[1;36m"};
  const char *on = colour ? colours[m->severity] : "", *off = colour ? "\033[0m" : "";
  int line = 1, col = 1;
  const Source *src = diag_source(d, m->span.file);
  if (src) {
    diag_position(d, m->span, &line, &col);
    put_clean(out, src->name, strlen(src->name));
    strbuf_printf(out, ":%d:%d: ", line, col);
  } else if (m->file) {
    put_clean(out, m->file, strlen(m->file));
    strbuf_puts(out, ": ");
  }
  strbuf_printf(out, "%s%s:%s ", on, names[m->severity], off);
  put_clean(out, m->text, strlen(m->text));
  if (m->group) strbuf_printf(out, " [-R%s=%s]", m->missed ? "pass-missed" : "pass", m->group);
  strbuf_putc(out, '\n');
  if (src) print_excerpt(d, out, m->span, line, col, on, off);
}

void diag_print(const Diag *d, StrBuf *out, bool colour) {
  MessageVec heads = diag_sorted(d);
  for (size_t i = 0; i < heads.len; i++) {
    const Message *end = d->messages.data + d->messages.len;
    print_message(d, out, heads.data[i], colour);
    for (const Message *m = heads.data[i] + 1; m < end && m->severity == SEV_NOTE; m++)
      print_message(d, out, m, colour);
  }
  if (d->errors > DIAG_ERROR_CAP)
    strbuf_printf(out, "%d errors, the first %d shown\n", d->errors, DIAG_ERROR_CAP);
  else if (d->errors > 1)
    strbuf_printf(out, "%d errors\n", d->errors);
  vec_free(&heads);
}
