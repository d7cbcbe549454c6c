// A growable string. `s` is NUL-terminated once anything was added; strbuf_str never returns NULL.
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct StrBuf {
  char *s;
  size_t len, cap;
} StrBuf;

void strbuf_free(StrBuf *b);
void strbuf_clear(StrBuf *b);
void strbuf_putc(StrBuf *b, char c);
void strbuf_puts(StrBuf *b, const char *s);
void strbuf_write(StrBuf *b, const char *s, size_t n);
void strbuf_printf(StrBuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strbuf_vprintf(StrBuf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
// `n` copies of `c`.
void strbuf_fill(StrBuf *b, char c, int n);
const char *strbuf_str(const StrBuf *b);

// `s` in double quotes; control bytes, quotes and backslashes escaped as in C (\n, \t, \", \\, \xHH).
void strbuf_quoted(StrBuf *b, const char *s);
// Appends what strbuf_quoted wrote at *s, which is moved past the closing quote; false when it is malformed.
bool strbuf_unquote(StrBuf *b, const char **s);

// The shortest decimal that reads back as the same double, always with a point, an exponent, or inf/nan.
void strbuf_double(StrBuf *b, double v);
// The same for float precision.
void strbuf_float(StrBuf *b, float v);
