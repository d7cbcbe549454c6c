#include "ir/core/strbuf.h"
#include "ir/core/arena.h"
#include "ir/core/check.h"
#include <math.h>
#include <string.h>

static void reserve(StrBuf *b, size_t more) {
  size_t need = b->len + more + 1;
  if (need <= b->cap) return;
  b->cap = need > 2 * b->cap ? need : 2 * b->cap;
  b->s = xrealloc(b->s, b->cap);
}

void strbuf_free(StrBuf *b) {
  free(b->s);
  *b = (StrBuf){0};
}

void strbuf_clear(StrBuf *b) {
  b->len = 0;
  if (b->s) b->s[0] = 0;
}

void strbuf_write(StrBuf *b, const char *s, size_t n) {
  reserve(b, n);
  if (n) memcpy(b->s + b->len, s, n);
  b->len += n;
  b->s[b->len] = 0;
}

void strbuf_putc(StrBuf *b, char c) { strbuf_write(b, &c, 1); }
void strbuf_puts(StrBuf *b, const char *s) { strbuf_write(b, s, strlen(s)); }

void strbuf_vprintf(StrBuf *b, const char *fmt, va_list ap) {
  va_list again;
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  CHECK(n >= 0, "cannot format `%s`", fmt);
  reserve(b, (size_t)n);
  vsnprintf(b->s + b->len, (size_t)n + 1, fmt, again);
  va_end(again);
  b->len += (size_t)n;
}

void strbuf_printf(StrBuf *b, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  strbuf_vprintf(b, fmt, ap);
  va_end(ap);
}

void strbuf_fill(StrBuf *b, char c, int n) {
  for (int i = 0; i < n; i++) strbuf_putc(b, c);
}

const char *strbuf_str(const StrBuf *b) { return b->s ? b->s : ""; }

void strbuf_quoted(StrBuf *b, const char *s) {
  strbuf_putc(b, '"');
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s;
    if (c == '"' || c == '\\')
      strbuf_printf(b, "\\%c", c);
    else if (c == '\n')
      strbuf_puts(b, "\\n");
    else if (c == '\t')
      strbuf_puts(b, "\\t");
    else if (c < 0x20 || c == 0x7f)
      strbuf_printf(b, "\\x%02x", c);
    else
      strbuf_putc(b, (char)c);
  }
  strbuf_putc(b, '"');
}

static int hex_digit(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

bool strbuf_unquote(StrBuf *b, const char **s) {
  const char *p = *s;
  if (*p++ != '"') return false;
  for (; *p != '"'; p++) {
    int c = (unsigned char)*p;
    if (c < 0x20) return false;
    if (c == '\\') {
      c = *++p == 'n' ? '\n' : *p == 't' ? '\t' : *p == '"' || *p == '\\' ? *p : 0;
      if (*p == 'x' && hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0) {
        c = 16 * hex_digit(p[1]) + hex_digit(p[2]);
        p += 2;
      }
      if (!c) return false;
    }
    strbuf_putc(b, (char)c);
  }
  *s = p + 1;
  return true;
}

static void shortest(StrBuf *b, double v, int digits, int is_float) {
  if (isnan(v)) return strbuf_puts(b, "nan");
  if (isinf(v)) return strbuf_puts(b, v < 0 ? "-inf" : "inf");
  char s[40];
  for (int d = 1; d <= digits; d++) {
    snprintf(s, sizeof s, "%.*g", d, v);
    if (is_float ? strtof(s, NULL) == (float)v : strtod(s, NULL) == v) break;
  }
  strbuf_puts(b, s);
  if (!strpbrk(s, ".e")) strbuf_puts(b, ".0");
}

void strbuf_double(StrBuf *b, double v) { shortest(b, v, 17, 0); }
void strbuf_float(StrBuf *b, float v) { shortest(b, v, 9, 1); }
