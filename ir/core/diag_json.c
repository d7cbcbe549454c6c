#include "ir/core/diag_table.h"
#include <string.h>

// The length of the UTF-8 character at s; 0: it is none.
static int character(const unsigned char *s) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  int n = *s < 0x80 ? 1 : *s >> 5 == 6 ? 2 : *s >> 4 == 14 ? 3 : *s >> 3 == 30 ? 4 : 0;
  if (n < 2) return n;
  uint32_t code = *s & (0x7f >> n);
  for (int i = 1; i < n; i++) {
    if ((s[i] & 0xc0) != 0x80) return 0;
    code = code << 6 | (s[i] & 0x3f);
  }
  return code >= least[n] && code <= 0x10ffff && code >> 11 != 0x1b ? n : 0;
}

static void put_string(StrBuf *out, const char *text) {
  const unsigned char *s = (const unsigned char *)text;
  strbuf_putc(out, '"');
  while (*s) {
    int n = character(s);
    if (!n)
      strbuf_puts(out, "\\ufffd");
    else if (*s == '"' || *s == '\\')
      strbuf_printf(out, "\\%c", *s);
    else if (*s < 0x20 || *s == 0x7f)
      strbuf_printf(out, "\\u%04x", *s);
    else
      strbuf_write(out, (const char *)s, (size_t)n);
    s += n ? n : 1;
  }
  strbuf_putc(out, '"');
}

static void put_place(const Diag *d, StrBuf *out, const Message *m) {
  const Source *src = diag_source(d, m->span.file);
  const char *file = src ? src->name : m->file;
  int line, column;
  strbuf_puts(out, "\"file\": ");
  if (file)
    put_string(out, file);
  else
    strbuf_puts(out, "null");
  if (!src) {
    strbuf_puts(out, ", \"line\": null, \"column\": null, \"end\": null");
    return;
  }
  diag_position(d, m->span, &line, &column);
  strbuf_printf(out, ", \"line\": %d, \"column\": %d", line, column);
  diag_position(d, (Span){m->span.file, m->span.end, m->span.end}, &line, &column);
  strbuf_printf(out, ", \"end\": {\"line\": %d, \"column\": %d}", line, column);
}

static void put_message(StrBuf *out, const Message *m) {
  static const char *const names[] = {"error", "warning", "remark", "note"};
  strbuf_printf(out, ", \"severity\": \"%s\", \"message\": ", names[m->severity]);
  put_string(out, m->text);
}

static void put_expected(StrBuf *out, const Message *m) {
  strbuf_puts(out, ", \"expected\": [");
  for (size_t i = 0; i < m->expected.len; i++) {
    if (i) strbuf_puts(out, ", ");
    put_string(out, m->expected.data[i]);
  }
  strbuf_puts(out, "]");
}

static void put_notes(const Diag *d, StrBuf *out, const Message *head) {
  const Message *end = d->messages.data + d->messages.len;
  strbuf_puts(out, ", \"notes\": [");
  for (const Message *m = head + 1; m < end && m->severity == SEV_NOTE; m++) {
    strbuf_puts(out, m > head + 1 ? ", {" : "{");
    put_place(d, out, m);
    put_message(out, m);
    strbuf_putc(out, '}');
  }
  strbuf_putc(out, ']');
}

void diag_json(const Diag *d, StrBuf *out) {
  MessageVec heads = diag_sorted(d);
  for (size_t i = 0; i < heads.len; i++) {
    const Message *m = heads.data[i];
    strbuf_putc(out, '{');
    put_place(d, out, m);
    put_message(out, m);
    put_expected(out, m);
    put_notes(d, out, m);
    if (m->group) {
      strbuf_puts(out, ", \"pass\": ");
      put_string(out, m->group);
      strbuf_printf(out, ", \"missed\": %s", m->missed ? "true" : "false");
    }
    strbuf_puts(out, "}\n");
  }
  if (d->errors > DIAG_ERROR_CAP) {
    Message more = {.severity = SEV_ERROR, .text = "there are more errors than are shown"};
    strbuf_putc(out, '{');
    put_place(d, out, &more);
    put_message(out, &more);
    strbuf_puts(out, ", \"expected\": [], \"notes\": []}\n");
  }
  vec_free(&heads);
}
