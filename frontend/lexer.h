// What the scanner that flex makes of lexer.l keeps between tokens. filter.c is its only caller.
#pragma once
#include "frontend/ast.h"
#include "frontend/parser.h" // generated: token kinds, PARSER_STYPE
#include "ir/core/intern.h"

typedef struct Lexer {
  Arena *arena;
  Interner *names;
  Diag *diag;
  uint32_t file;
  uint32_t offset; // of the next byte
  uint32_t line;   // offset of the current line's first byte
  int path_depth;  // braces open within a path's braces
} Lexer;

int lexer_lex(PARSER_STYPE *value, Span *span, void *scanner);
int lexer_lex_init_extra(Lexer *lx, void **scanner);
int lexer_lex_destroy(void *scanner);
// The i-th reserved word and its token; NULL past the last.
const char *lexer_reserved(int i, int *token);
void lexer_scan(const char *text, size_t size, void *scanner);
