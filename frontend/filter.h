// Between the lexer and the parser: knows brackets, lines and indentation, which the grammar does not. It checks that
// statements begin lines, reports missing closing brackets, and after a syntax error finds the place to go on, which it
// marks by the token RESYNC. Neighbours: lexer.l, parser.y, syntax.c (the messages).
#pragma once
#include "frontend/lexer.h"
#include "ir/core/vec.h"

typedef struct Token {
  int kind;
  PARSER_STYPE value;
  Span span;
  uint32_t column; // bytes from the line's start
  bool first;      // on its line
  bool fresh;      // follows RESYNC: failing here again, it must be skipped
  bool supplied;   // not in the text
} Token;

enum { MAX_BRACKETS = 64 };

typedef struct Bracket {
  int kind; // '(' '[' '{', or TOK_META for the braces of meta
  Span span;
} Bracket;

struct Filter {
  Arena *arena;
  Interner *names;
  Diag *diag;
  Lexer lexer;
  void *scanner;
  int max_errors;
  Item *items; // the result
  Token token; // the last one given to the parser: its lookahead
  Token before, before2;
  Bracket brackets[MAX_BRACKETS]; // open before `token`
  int n_brackets;
  uint32_t item_column, statement_column; // where the item and the statement that we are in begin
  Vec(Token) queue;                       // to be given before the lexer is asked again, last one first
  bool failed;                            // the parser did not accept `token`
  bool started, stopped;                  // saw the first token; gave up
};

// The items of registered source `file`, in the arena; false after errors.
bool filter_parse(Diag *d, Arena *arena, Interner *names, uint32_t file, int max_errors, Item **items);

// For the parser.
int filter_next(Filter *f, PARSER_STYPE *value, Span *span);
void filter_failed(Filter *f);
void filter_version(Filter *f, Span s, int64_t version);

// For the formatter.
bool filter_item_word(int kind); // begins an item; so may 'let'
bool filter_starts_statement(int kind);

// For syntax.c and the formatter.
const Bracket *filter_innermost(const Filter *f); // NULL at file level
bool filter_ends_value(int kind);                 // an expression may end with this token
