#include "frontend/format/pieces.h"

// Columns count characters; a tab goes to the next multiple of 8.
static int advance(int column, const char *text, uint32_t begin, uint32_t end) {
  for (uint32_t i = begin; i < end; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c == '\n')
      column = 0;
    else if (c == '\t')
      column += 8 - column % 8;
    else if ((c & 0xc0) != 0x80)
      column++;
  }
  return column;
}

typedef struct Reading {
  Pieces *out;
  const char *text;
  uint32_t done; // everything before is in pieces
  int column;    // at `done`
  int newlines, depth;
} Reading;

static void add(Reading *r, int kind, uint32_t begin, uint32_t end) {
  Piece p = {.kind = kind, .begin = begin, .end = end, .newlines = r->newlines};
  int before = r->column;
  p.column = advance(before, r->text, r->done, begin);
  p.space = p.newlines ? 0 : p.column - before;
  p.width = advance(0, r->text, begin, end);
  if (pieces_close(&p)) r->depth--;
  p.depth = r->depth;
  if (pieces_open(&p)) r->depth++;
  vec_push(r->out, p);
  r->column = p.column + p.width;
  r->done = end;
  r->newlines = 0;
}

// White space and comments up to `end`.
static void add_trivia(Reading *r, uint32_t end) {
  for (uint32_t i = r->done; i < end; i++) {
    if (r->text[i] == '\n') r->newlines++;
    if (r->text[i] != '#') continue;
    uint32_t stop = i, last = i;
    for (; stop < end && r->text[stop] != '\n'; stop++)
      if ((unsigned char)r->text[stop] > ' ') last = stop;
    add(r, PIECE_COMMENT, i, last + 1);
    i = last;
  }
}

void pieces_read(Diag *d, uint32_t file, Pieces *out) {
  size_t size;
  Reading r = {.out = out, .text = diag_source_text(d, file, &size)};
  Arena *arena = arena_create();
  Interner *names = interner_create(arena);
  Lexer lexer = {.arena = arena, .names = names, .diag = d, .file = file};
  void *scanner;
  lexer_lex_init_extra(&lexer, &scanner);
  lexer_scan(r.text, size, scanner);
  PARSER_STYPE value;
  Span span;
  for (int kind; (kind = lexer_lex(&value, &span, scanner)) != TOK_END;) {
    add_trivia(&r, span.begin);
    add(&r, kind, span.begin, span.end);
  }
  add_trivia(&r, (uint32_t)size);
  lexer_lex_destroy(scanner);
  interner_destroy(names);
  arena_destroy(arena);
}

bool pieces_open(const Piece *p) {
  return p->kind == '(' || p->kind == '[' || p->kind == '{' || p->kind == TOK_PATH_OPEN;
}

bool pieces_close(const Piece *p) {
  return p->kind == ')' || p->kind == ']' || p->kind == '}' || p->kind == TOK_PATH_CLOSE;
}

const Piece *pieces_before(const Pieces *v, size_t i) {
  while (i-- > 0)
    if (v->data[i].kind != PIECE_COMMENT) return &v->data[i];
  return NULL;
}

const Piece *pieces_after(const Pieces *v, size_t i) {
  while (++i < v->len)
    if (v->data[i].kind != PIECE_COMMENT) return &v->data[i];
  return NULL;
}
