// Where lines begin. An item begins a line, a body in braces is on one line or has its braces at the ends of lines, and
// what follows it goes on a new line; everything else is as the author broke it.
#include "frontend/format/pieces.h"

typedef struct Level {
  int kind;     // of the bracket that opened it; TOK_META for the braces of meta, 0 for the file
  bool spreads; // its contents begin a line
} Level;

static int max(int a, int b) { return a > b ? a : b; }

// A line's end, a brace or another ';' does as well as this one.
static bool is_needless(const Pieces *v, size_t i, const Piece *kept) {
  const Piece *p = &v->data[i], *next = pieces_after(v, i);
  if (p->kind != ';') return false;
  if (!p->depth || !next || next->kind == '}' || p->newlines || v->data[i + 1].newlines) return true;
  return v->data[i + 1].kind == PIECE_COMMENT || !kept || kept->kind == '{' || kept->kind == '}' || kept->kind == ';';
}

static void drop_needless(Pieces *v) {
  size_t n = 0;
  const Piece *token = NULL;
  int newlines = 0;
  for (size_t i = 0; i < v->len; i++) {
    Piece p = v->data[i];
    if (is_needless(v, i, token)) {
      newlines = max(newlines, p.newlines);
      continue;
    }
    p.newlines = max(p.newlines, newlines);
    newlines = 0;
    v->data[n] = p;
    if (p.kind != PIECE_COMMENT) token = &v->data[n];
    n++;
  }
  v->len = n;
}

// By piece: whether the brackets that it opens close on another line.
static bool *find_spread(const Pieces *v) {
  bool *spreads = xcalloc(v->len + 1, sizeof *spreads);
  size_t open[MAX_BRACKETS + 2], depth = 0;
  size_t *line = xcalloc(v->len + 1, sizeof *line);
  for (size_t i = 0; i < v->len; i++) {
    const Piece *p = &v->data[i];
    line[i] = (i ? line[i - 1] : 0) + (p->newlines > 0);
    if (pieces_close(p)) spreads[open[depth]] = line[i] > line[open[depth]], depth--;
    if (pieces_open(p)) open[++depth] = i;
  }
  free(line);
  return spreads;
}

static bool begins_item(const Piece *p) { return p->kind == TOK_NN || p->kind == TOK_LET || filter_item_word(p->kind); }

static bool is_body(const Level *in) { return in->kind == '{' || !in->kind; }

static bool begins_line(const Pieces *v, size_t i, const Level *in, const Piece *before) {
  const Piece *p = &v->data[i];
  if (!i) return false;
  if (v->data[i - 1].kind == PIECE_COMMENT) return true;
  if (p->kind == PIECE_COMMENT) return p->newlines;
  if (!before || p->kind == '{' || p->kind == ';') return false;
  if (p->kind == '}') return in->spreads && before->kind != '{';
  if (before->kind == '}') return p->kind != TOK_ELSE && (in->spreads || !is_body(in));
  if (before->kind == '{') return in->spreads;
  return p->newlines || (!in->kind && begins_item(p));
}

static bool starts(const Piece *p, const Level *in, const Piece *before) {
  if (p->kind == PIECE_COMMENT || pieces_close(p)) return false;
  if (!in->kind) return begins_item(p);
  if (in->kind != '{' && in->kind != TOK_META) return false;
  if (before->kind == '{' || before->kind == '}' || before->kind == ';') return p->kind != TOK_ELSE;
  if (in->kind == TOK_META) return p->kind == TOK_NAME && (before->kind == ',' || filter_ends_value(before->kind));
  return p->breaks && filter_ends_value(before->kind) && filter_starts_statement(p->kind);
}

static bool follows(const Piece *p, const Piece *above) {
  return p->kind == PIECE_COMMENT && above->kind == PIECE_COMMENT && p->newlines == 1 && above->column == p->column &&
         (!above->breaks || above->follows);
}

void breaks_decide(Pieces *v) {
  drop_needless(v);
  bool *spreads = find_spread(v);
  Level levels[MAX_BRACKETS + 2] = {{0, true}}, *in = levels;
  const Piece *before = NULL;
  for (size_t i = 0; i < v->len; i++) {
    Piece *p = &v->data[i];
    p->breaks = begins_line(v, i, in, before);
    p->follows = i && follows(p, p - 1);
    p->starts = starts(p, in, before);
    p->blank = p->breaks && p->newlines > 1 && !pieces_open(&v->data[i - 1]) && !pieces_close(p);
    if (pieces_close(p)) in--;
    if (pieces_open(p)) {
      bool meta = p->kind == '{' && before && before->kind == TOK_META;
      bool hangs = v->data[i + 1].newlines || v->data[i + 1].kind == PIECE_COMMENT;
      *++in = (Level){meta ? TOK_META : p->kind, meta ? hangs : spreads[i]};
    }
    if (p->kind != PIECE_COMMENT) before = p;
  }
  free(spreads);
}
