// Tokens of the graph IR's text, for reader.c, and its table of values. Functions that return bool report what they
// expected where they fail.
#pragma once
#include "ir/graph/internal.h"

typedef struct Lexer {
  Diag *diag;
  uint32_t file;
  char *text; // a copy that ends in NUL
  size_t size;
  const char *p;
  bool failed; // an error was reported
} Lexer;

void lexer_open(Lexer *l, Diag *diag, const char *name, const char *text, size_t size);
void lexer_close(Lexer *l);
bool lexer_at_end(Lexer *l);
void lexer_skip_line(Lexer *l);
// Where the next token stands, white space and comments skipped; and its span, of one byte.
const char *lexer_peek(Lexer *l);
Span lexer_here(Lexer *l);
uint32_t lexer_end(const Lexer *l); // of the last token
bool lexer_fail(Lexer *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool lexer_fail_at(Lexer *l, Span s, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

bool lexer_accept(Lexer *l, const char *token); // without a message; a token of letters must end as a word does
bool lexer_expect(Lexer *l, const char *token);
bool lexer_word(Lexer *l, char *word, size_t room); // letters, digits, underscores; without a message
bool lexer_int(Lexer *l, int64_t *v);
bool lexer_unsigned(Lexer *l, uint64_t *v);
bool lexer_double(Lexer *l, double *v);
bool lexer_string(Lexer *l, Module *m, const char **s); // quoted; interned
bool lexer_name(Lexer *l, Module *m, const char **s);   // plain or quoted; interned
// %name, interned. A number stands after a NUL byte, so that it is no name: is_number tells.
bool lexer_value_name(Lexer *l, Module *m, const char **s);
static inline bool is_number(const char *value_name) { return !*value_name; }
bool lexer_dim(Lexer *l, DimTable *t, Dim *d);

typedef struct ValueTable {
  struct ValueEntry {
    const char *name; // interned
    Value *value;
  } * slots;
  size_t len, cap;
} ValueTable;

bool value_table_add(ValueTable *t, const char *name, Value *v); // false: the name is taken
Value *value_table_find(const ValueTable *t, const char *name);
void value_table_free(ValueTable *t);
