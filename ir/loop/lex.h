// The reader's tokens and the functions that its parts share: lex.c, read_kernel.c (kernels), read.c (programs).
#pragma once
#include "ir/loop/builder.h"

typedef enum TokenKind { TOK_END, TOK_NAME, TOK_NUMBER, TOK_STRING, TOK_SIGN } TokenKind;

typedef struct Reader {
  Diag *diag;
  uint32_t file;
  const char *text, *at; // at: behind the token
  TokenKind kind;
  const char *begin; // of the token
  char *string;      // NAME, STRING: its value; NUMBER: the digits
  LType type;        // NUMBER: from its suffix
  bool suffixed;
  int sign; // SIGN: one character, or two packed
  LProgram *program;
  LBuilder *builder;
  bool failed;
  int depth;
} Reader;

#define SIGN2(a, b) ((a) << 8 | (b)) // a sign of two characters

// The first mistake ends the reading: from then on the token is TOK_END.
void lex_fail(Reader *r, const char *message);
void lex_next(Reader *r);
bool lex_is_sign(const Reader *r, int sign);
bool lex_is_word(const Reader *r, const char *word);
bool lex_accept(Reader *r, int sign);
bool lex_accept_word(Reader *r, const char *word);
void lex_expect(Reader *r, int sign);
void lex_expect_word(Reader *r, const char *word);
const char *lex_name(Reader *r); // plain or quoted
const char *lex_quoted(Reader *r);
int64_t lex_int(Reader *r);
int64_t lex_magnitude(Reader *r, bool negative); // of what stands behind its sign
int lex_small(Reader *r);
Dim lex_dim(Reader *r);
LType lex_type(Reader *r);
DType lex_dtype(Reader *r);
bool lex_parse_lanes(const char *s, uint8_t *lanes);
bool lex_parse_type(const char *name, LType *t); // f32, f32x16, index

void read_kernel(Reader *r);
