// What the files of the writer share.
#pragma once
#include "frontend/map.h"
#include "frontend/write/write.h"

// A statement in parts: text, and paths, whose numbers a loop may count.
typedef struct Piece {
  const char *text;
  bool is_path;
} Piece;

typedef struct Statement {
  Vec(Piece) pieces;
} Statement;

typedef struct Writer {
  Module *m;
  Written *out;
  Vec(Statement) statements;
  const char **names;   // of values, by id: the variable that holds it; NULL: none
  const char **given;   // of values, by id: its name as an output; NULL: it is none
  bool *chained;        // of values, by id: written within its reader's statement
  const char **outputs; // names of the outputs
  Map taken;            // weights' and paths' names that are in use
  int counted;          // paths that were made up
} Writer;

// ---- names.c
bool name_is_free(const char *name);                  // a name of the language and no reserved word
const char *name_clean(Arena *a, const char *name);   // as one that is
const char *path_clean(Arena *a, const char *name);   // "" where nothing is left
const char *path_unique(Writer *w, const char *path); // or one with a number behind it; it is taken then
const char *path_of_node(Writer *w, const Node *n);   // unique

// ---- text.c: appended to the statement
void put(Writer *w, Statement *s, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void put_path(Writer *w, Statement *s, const char *path);
void put_number(StrBuf *b, double v);
void put_attr(Writer *w, const AttrInfo *row, const Attr *a, StrBuf *b);

// ---- calls.c
// The call of n's op without its operand 0 where `piped`. False after a diagnostic.
bool put_call(Writer *w, Statement *s, const Node *n, bool piped);
bool put_operand(Writer *w, Statement *s, const Node *n, int i);
const char *operator_of(const Node *n); // " + "; NULL: it is written as a call

// ---- repeat.c: the statements as lines, repeated ones as loops
void put_statements(Writer *w, StrBuf *b);
