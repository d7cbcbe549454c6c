// The tokens and comments of a source text, in order, with what the formatter knows of each. Private to the folder.
#pragma once
#include "frontend/filter.h"

enum { PIECE_COMMENT = 1 }; // beside the kinds of tokens

typedef struct Piece {
  int kind;
  uint32_t begin, end; // bytes of the text; a comment's without white space at its end
  int newlines;        // in the text before it, within white space
  int column, space;   // in the text; since the piece before it, if that is on the same line
  int depth;           // brackets that are open around it
  int width;           // characters
  bool breaks, blank;  // begins a line; a blank line stands before it
  bool starts;         // begins a statement, item or entry
  bool follows;        // a comment that goes on below one behind a token
  int gap;             // spaces before it within a line
  int place;           // the column where it goes
} Piece;

typedef Vec(Piece) Pieces;

// ---- pieces.c: of registered source `file`, which has no syntax errors.
void pieces_read(Diag *d, uint32_t file, Pieces *out);
bool pieces_open(const Piece *p);  // ( [ { and the { of a path
bool pieces_close(const Piece *p); // their ends
// The token before or after piece i, comments left out; NULL at the ends.
const Piece *pieces_before(const Pieces *v, size_t i);
const Piece *pieces_after(const Pieces *v, size_t i);

// ---- breaks.c: leaves out needless ';' and sets `breaks`, `blank`, `starts`, `follows`.
void breaks_decide(Pieces *v);
// ---- gaps.c: sets `gap`.
void gaps_decide(Pieces *v);
// ---- columns.c: sets `place`.
void columns_decide(Pieces *v);
