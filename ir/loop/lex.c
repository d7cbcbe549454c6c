// Tokens of the text form, and what is made of a few of them: names, numbers, types, dimensions.
#include "ir/loop/lex.h"
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NUMBER = 64 };

void lex_fail(Reader *r, const char *message) {
  if (r->failed) return;
  r->failed = true;
  uint32_t begin = (uint32_t)(r->begin - r->text), end = (uint32_t)(r->at - r->text);
  diag_error(r->diag, (Span){r->file, begin, end > begin ? end : begin + 1}, "%s", message);
}

bool lex_parse_lanes(const char *s, uint8_t *lanes) {
  char *end;
  long n = strtol(s, &end, 10);
  *lanes = (uint8_t)n;
  return end != s && !*end && n >= 1 && n <= 64;
}

// f32, f32x16, index
bool lex_parse_type(const char *name, LType *t) {
  *t = L_INDEX;
  if (!strcmp(name, "index")) return true;
  char base[16];
  const char *x = strchr(name, 'x');
  size_t n = x ? (size_t)(x - name) : strlen(name);
  if (n >= sizeof base) return false;
  memcpy(base, name, n);
  base[n] = 0;
  return dtype_from_name(base, &t->dtype) && (!x || lex_parse_lanes(x + 1, &t->lanes));
}

static void read_suffix(Reader *r) {
  const char *s = r->at;
  while (isalnum((unsigned char)*r->at)) r->at++;
  r->suffixed = r->at > s;
  if (!r->suffixed) return;
  char *suffix = arena_strndup(r->program->arena, s, (size_t)(r->at - s));
  if (!lex_parse_type(suffix, &r->type)) lex_fail(r, "a number's suffix is no type");
}

static void read_number(Reader *r) {
  const char *s = r->at;
  if (*s == '-') s++;
  while (isdigit((unsigned char)*s)) s++;
  if (*s == '.' && isdigit((unsigned char)s[1]))
    for (s++; isdigit((unsigned char)*s);) s++;
  if (*s == 'e' && (isdigit((unsigned char)s[1]) || ((s[1] == '-' || s[1] == '+') && isdigit((unsigned char)s[2]))))
    for (s += 2; isdigit((unsigned char)*s);) s++;
  if (s - r->at > MAX_NUMBER) lex_fail(r, "a number is too long");
  r->kind = TOK_NUMBER;
  r->string = arena_strndup(r->program->arena, r->at, (size_t)(s - r->at));
  r->at = s;
  read_suffix(r);
}

static int hex_digit(char c) { return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10; }

static void read_string(Reader *r) {
  StrBuf b = {0};
  for (r->at++; *r->at && *r->at != '"' && *r->at != '\n'; r->at++) {
    char c = *r->at;
    if (c == '\\' && r->at[1]) {
      c = *++r->at;
      if (c == 'n')
        c = '\n';
      else if (c == 't')
        c = '\t';
      else if (c == 'x' && isxdigit((unsigned char)r->at[1]) && isxdigit((unsigned char)r->at[2])) {
        c = (char)(hex_digit(r->at[1]) * 16 + hex_digit(r->at[2]));
        r->at += 2;
      }
    }
    strbuf_putc(&b, c);
  }
  if (*r->at == '"')
    r->at++;
  else
    lex_fail(r, "a string has no end");
  r->kind = TOK_STRING;
  r->string = arena_strdup(r->program->arena, strbuf_str(&b));
  strbuf_free(&b);
}

void lex_next(Reader *r) {
  for (;; r->at++) {
    if (*r->at == '#') r->at += strcspn(r->at, "\n");
    if (!*r->at || !isspace((unsigned char)*r->at)) break;
  }
  r->begin = r->at;
  const char *s = r->at;
  if (r->failed || !*s) {
    r->kind = TOK_END;
  } else if (isdigit((unsigned char)*s)) {
    read_number(r);
  } else if (*s == '"') {
    read_string(r);
  } else if (isalpha((unsigned char)*s) || *s == '_') {
    while (isalnum((unsigned char)*r->at) || *r->at == '_') r->at++;
    r->kind = TOK_NAME;
    r->string = arena_strndup(r->program->arena, s, (size_t)(r->at - s));
  } else {
    static const char *const pairs[] = {"..", "==", "!=", "<=", "<<", ">>"};
    r->kind = TOK_SIGN;
    r->sign = (unsigned char)*s;
    r->at++;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
      if (!strncmp(s, pairs[i], 2)) {
        r->sign = SIGN2(s[0], s[1]);
        r->at = s + 2;
      }
  }
}

bool lex_is_sign(const Reader *r, int sign) { return r->kind == TOK_SIGN && r->sign == sign; }
bool lex_is_word(const Reader *r, const char *word) { return r->kind == TOK_NAME && !strcmp(r->string, word); }

bool lex_accept(Reader *r, int sign) {
  if (!lex_is_sign(r, sign)) return false;
  lex_next(r);
  return true;
}

bool lex_accept_word(Reader *r, const char *word) {
  if (!lex_is_word(r, word)) return false;
  lex_next(r);
  return true;
}

void lex_expect(Reader *r, int sign) {
  if (lex_accept(r, sign)) return;
  char message[] = "expected `?`";
  message[10] = (char)(sign > 255 ? sign >> 8 : sign);
  lex_fail(r, message);
}

void lex_expect_word(Reader *r, const char *word) {
  if (!lex_accept_word(r, word)) lex_fail(r, arena_printf(r->program->arena, "expected `%s`", word));
}

const char *lex_name(Reader *r) {
  if (r->kind != TOK_NAME && r->kind != TOK_STRING) {
    lex_fail(r, "expected a name");
    return "";
  }
  const char *name = r->string;
  lex_next(r);
  return name;
}

const char *lex_quoted(Reader *r) {
  if (r->kind != TOK_STRING) lex_fail(r, "expected a string");
  return lex_name(r);
}

int64_t lex_int(Reader *r) { return lex_magnitude(r, lex_accept(r, '-')); }

int64_t lex_magnitude(Reader *r, bool negative) {
  if (r->kind != TOK_NUMBER || r->suffixed || strpbrk(r->string, ".e")) {
    lex_fail(r, "expected an integer");
    return 0;
  }
  char digits[MAX_NUMBER + 2];
  snprintf(digits, sizeof digits, "%s%s", negative ? "-" : "", r->string);
  errno = 0;
  int64_t v = strtoll(digits, NULL, 10);
  if (errno) lex_fail(r, "an integer is too large");
  lex_next(r);
  return v;
}

int lex_small(Reader *r) {
  int64_t v = lex_int(r);
  if (v < INT32_MIN || v > INT32_MAX) lex_fail(r, "an integer is too large");
  return r->failed ? 0 : (int)v;
}

Dim lex_dim(Reader *r) {
  const char *s = r->begin;
  Dim d = r->failed ? DIM_INVALID : dim_parse(r->program->dims, &s);
  if (d == DIM_INVALID)
    lex_fail(r, "expected a dimension");
  else
    r->at = s;
  lex_next(r);
  return d;
}

LType lex_type(Reader *r) {
  LType t;
  if (r->kind != TOK_NAME || !lex_parse_type(r->string, &t)) {
    lex_fail(r, "expected a type");
    return L_INDEX;
  }
  lex_next(r);
  t.pointer = lex_accept(r, '*');
  return t;
}

DType lex_dtype(Reader *r) {
  DType t = DT_F32;
  if (r->kind != TOK_NAME || !dtype_from_name(r->string, &t)) lex_fail(r, "expected an element type");
  lex_next(r);
  return t;
}
