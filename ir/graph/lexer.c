// Tokens of the graph IR's text. The text is copied so that it ends in NUL; no token crosses one.
#include "ir/graph/lexer.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>

void lexer_open(Lexer *l, Diag *diag, const char *name, const char *text, size_t size) {
  *l = (Lexer){.diag = diag, .file = diag_add_source(diag, name, text, size), .size = size};
  l->text = xmalloc(size + 1);
  if (size) memcpy(l->text, text, size);
  l->text[size] = 0;
  l->p = l->text;
  if (size >= UINT32_MAX) { // spans hold 32 bits
    l->size = 0;
    lexer_fail(l, "a text of more than 4 GB");
  }
}

void lexer_close(Lexer *l) {
  free(l->text);
  l->text = NULL;
}

static const char *end_of(const Lexer *l) { return l->text + l->size; }

const char *lexer_peek(Lexer *l) {
  for (;;) {
    l->p += strspn(l->p, " \t\r\n");
    if (*l->p != '#') return l->p;
    l->p += strcspn(l->p, "\n");
  }
}

bool lexer_at_end(Lexer *l) { return lexer_peek(l) >= end_of(l); }

void lexer_skip_line(Lexer *l) {
  const char *newline = l->p < end_of(l) ? memchr(l->p, '\n', (size_t)(end_of(l) - l->p)) : NULL;
  l->p = newline ? newline + 1 : end_of(l);
}

Span lexer_here(Lexer *l) {
  uint32_t at = (uint32_t)(lexer_peek(l) - l->text);
  return (Span){l->file, at, at + 1};
}

uint32_t lexer_end(const Lexer *l) { return (uint32_t)(l->p - l->text); }

static void fail(Lexer *l, Span s, const char *fmt, va_list ap) {
  StrBuf b = {0};
  strbuf_vprintf(&b, fmt, ap);
  diag_error(l->diag, s, "%s", strbuf_str(&b));
  strbuf_free(&b);
  l->failed = true;
}

bool lexer_fail(Lexer *l, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  fail(l, lexer_here(l), fmt, ap);
  va_end(ap);
  return false;
}

bool lexer_fail_at(Lexer *l, Span s, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  fail(l, s, fmt, ap);
  va_end(ap);
  return false;
}

// ---- tokens

static bool is_word_byte(char c) { return isalnum((unsigned char)c) || c == '_'; }

bool lexer_accept(Lexer *l, const char *token) {
  const char *s = lexer_peek(l);
  size_t n = strlen(token);
  if (strncmp(s, token, n)) return false;
  if (n > 1 && is_word_byte(token[n - 1]) && is_word_byte(s[n])) return false;
  l->p = s + n;
  return true;
}

bool lexer_expect(Lexer *l, const char *token) {
  return lexer_accept(l, token) || lexer_fail(l, "expected `%s`", token);
}

bool lexer_word(Lexer *l, char *word, size_t room) {
  const char *s = lexer_peek(l);
  size_t n = 0;
  while (is_word_byte(s[n])) n++;
  if (!n || n >= room) return false;
  memcpy(word, s, n);
  word[n] = 0;
  l->p = s + n;
  return true;
}

bool lexer_int(Lexer *l, int64_t *v) {
  const char *s = lexer_peek(l);
  char *end;
  if (!isdigit((unsigned char)s[*s == '-'])) return lexer_fail(l, "expected an integer");
  errno = 0;
  *v = strtoll(s, &end, 10);
  if (errno) return lexer_fail(l, "an integer past 64 bits");
  l->p = end;
  return true;
}

bool lexer_unsigned(Lexer *l, uint64_t *v) {
  const char *s = lexer_peek(l);
  char *end;
  if (!isdigit((unsigned char)*s)) return lexer_fail(l, "expected an integer that is not negative");
  errno = 0;
  *v = strtoull(s, &end, 10);
  if (errno) return lexer_fail(l, "an integer past 64 bits");
  l->p = end;
  return true;
}

bool lexer_double(Lexer *l, double *v) {
  const char *s = lexer_peek(l), *digits = s + (*s == '-');
  char *end;
  if (!isdigit((unsigned char)*digits) && strncmp(digits, "inf", 3) && strncmp(digits, "nan", 3))
    return lexer_fail(l, "expected a number");
  *v = strtod(s, &end);
  l->p = end;
  return true;
}

static bool quoted(Lexer *l, Module *m, const char **s) {
  StrBuf b = {0};
  lexer_peek(l);
  bool ok = strbuf_unquote(&b, &l->p);
  if (ok) *s = intern(m->names, strbuf_str(&b));
  strbuf_free(&b);
  return ok;
}

bool lexer_string(Lexer *l, Module *m, const char **s) {
  return quoted(l, m, s) || lexer_fail(l, "expected a string in double quotes");
}

static bool plain(Lexer *l, Module *m, const char **s) {
  size_t n = 0;
  while (is_name_byte(l->p[n])) n++;
  if (!n) return lexer_fail(l, "expected a name");
  *s = intern_n(m->names, l->p, n);
  l->p += n;
  return true;
}

static bool quoted_name(Lexer *l, Module *m, const char **s) {
  return lexer_string(l, m, s) && (**s || lexer_fail(l, "an empty name"));
}

bool lexer_name(Lexer *l, Module *m, const char **s) {
  return *lexer_peek(l) == '"' ? quoted_name(l, m, s) : plain(l, m, s);
}

bool lexer_value_name(Lexer *l, Module *m, const char **s) {
  if (!lexer_expect(l, "%")) return false;
  if (*l->p == '"') return quoted_name(l, m, s);
  if (!plain(l, m, s)) return false;
  size_t n = strlen(*s);
  if ((*s)[strspn(*s, "0123456789")]) return true;
  char *number = arena_alloc(m->arena, n + 1);
  memcpy(number + 1, *s, n);
  *s = intern_n(m->names, number, n + 1);
  return true;
}

bool lexer_dim(Lexer *l, DimTable *t, Dim *d) {
  const char *s = lexer_peek(l);
  *d = dim_parse(t, &l->p);
  if (*d != DIM_INVALID) return true;
  l->p = s;
  return lexer_fail(l, "expected a dimension");
}

// ---- values by name

static struct ValueEntry *find_slot(const ValueTable *t, const char *name) {
  size_t at = hash_bytes(&name, sizeof name, 0) & (t->cap - 1);
  while (t->slots[at].name && t->slots[at].name != name) at = (at + 1) & (t->cap - 1);
  return &t->slots[at];
}

static void grow(ValueTable *t) {
  ValueTable old = *t;
  t->cap = old.cap ? 2 * old.cap : 64;
  t->slots = xcalloc(t->cap, sizeof *t->slots);
  for (size_t i = 0; i < old.cap; i++)
    if (old.slots[i].name) *find_slot(t, old.slots[i].name) = old.slots[i];
  free(old.slots);
}

bool value_table_add(ValueTable *t, const char *name, Value *v) {
  if (2 * (t->len + 1) > t->cap) grow(t);
  struct ValueEntry *e = find_slot(t, name);
  if (e->name) return false;
  *e = (struct ValueEntry){name, v};
  t->len++;
  return true;
}

Value *value_table_find(const ValueTable *t, const char *name) { return t->cap ? find_slot(t, name)->value : NULL; }

void value_table_free(ValueTable *t) {
  free(t->slots);
  *t = (ValueTable){0};
}
