// Where the pieces of a line go. A line's first piece goes by the brackets and the pipeline that it stands in, the
// others behind each other, and those that the author set below each other keep doing so: numbers by their ends, others
// by their beginnings. The columns are the least ones that satisfy all of this. Laying out the result again gives it
// again: it satisfies every relation that is found in it, and each piece that was moved for another one is seen beside
// it.
#include "frontend/format/pieces.h"

enum { STEP = 2, CONTINUATION = 4, MOST_ROUNDS = 100 };

typedef struct Level {
  int contents, close; // columns of lines inside, of the closing bracket
  int pipe;            // where the first |> of the pipeline stands; -1: none yet
  bool is_body;        // lines begin statements or entries
} Level;

// Two pieces in neighbouring lines whose ends, or else beginnings, have one column.
typedef struct Relation {
  uint32_t a, b;
  bool ends;
} Relation;
typedef Vec(Relation) Relations;

// ---- indentation

static int indentation(const Level *in, const Piece *p) {
  if (pieces_close(p)) return in->close;
  if (p->kind == TOK_PIPE && in->pipe >= 0) return in->pipe;
  return in->contents + (in->is_body && !p->starts && p->kind != TOK_ELSE && p->kind != '{' ? CONTINUATION : 0);
}

// A comment on a line of its own goes where the next token does, but not out of the brackets.
static int comment_indentation(const Pieces *v, size_t i, const Level *in) {
  const Piece *next = pieces_after(v, i);
  return !next || pieces_close(next) ? in->contents : indentation(in, next);
}

static Level level_of(const Pieces *v, size_t i, const Level *outer, int line) {
  const Piece *p = &v->data[i], *next = p + 1;
  bool hangs = next->breaks || next->kind == PIECE_COMMENT,
       meta = p->kind == '{' && pieces_before(v, i)->kind == TOK_META;
  if (p->kind == '{' && (!meta || hangs)) return (Level){outer->contents + STEP, outer->contents, -1, true};
  if (hangs) return (Level){line + STEP, line, -1, false};
  return (Level){p->place + p->width + (p->kind == '{'), p->place, -1, p->kind == '{'};
}

// Every piece as far left as its line and `floors` allow.
static void place(Pieces *v, const int *floors) {
  Level levels[MAX_BRACKETS + 2] = {{0, 0, -1, true}}, *in = levels;
  int line = 0;
  for (size_t i = 0; i < v->len; i++) {
    Piece *p = &v->data[i];
    if (p->starts || p->kind == ',') in->pipe = -1;
    if (!i || p->breaks) {
      bool comment = p->kind == PIECE_COMMENT;
      line = !comment ? indentation(in, p) : comment_indentation(v, i, in);
      p->place = p->follows ? p[-1].place : line;
    } else {
      int least = p[-1].place + p[-1].width + p->gap;
      p->place = least > floors[i] ? least : floors[i];
    }
    if (p->kind == TOK_PIPE && in->pipe < 0) in->pipe = p->place;
    if (pieces_close(p)) in--;
    if (pieces_open(p)) {
      Level inner = level_of(v, i, in, line);
      *++in = inner;
    }
  }
}

// ---- alignment

static bool is_number(const Piece *p) { return p->kind == TOK_INT || p->kind == TOK_FLOAT; }

// Pieces of one class may be related.
static int class_of(const Piece *p) {
  bool value = is_number(p) || p->kind == TOK_NAME || p->kind == TOK_STRING || p->kind == TOK_TRUE ||
               p->kind == TOK_FALSE || p->kind == '(' || p->kind == '[' || p->kind == '-' || p->kind == '!';
  return value ? TOK_NAME : p->kind;
}

static bool is_set_apart(const Piece *p) { return !p->newlines && p->space > p->gap; }

static void relate_if(const Pieces *v, size_t a, size_t b, bool ends, Relations *out) {
  const Piece *p = &v->data[a], *q = &v->data[b];
  if (pieces_close(p) || p->kind == ',' || p->kind == ';') return;
  if (p->breaks || q->breaks || p->depth != q->depth || class_of(p) != class_of(q)) return;
  if (!is_set_apart(p) && !is_set_apart(q)) return;
  vec_push(out, (Relation){(uint32_t)a, (uint32_t)b, ends});
}

static int column_of(const Piece *p, bool ends) { return p->column + (ends ? p->width : 0); }

// Lines [a, b) and [b, end).
static void relate_lines(const Pieces *v, size_t a, size_t b, size_t end, bool ends, Relations *out) {
  for (size_t i = a, k = b; i < b && k < end;) {
    const Piece *p = &v->data[i], *q = &v->data[k];
    if (ends && !is_number(p))
      i++;
    else if (ends && !is_number(q))
      k++;
    else if (column_of(p, ends) < column_of(q, ends))
      i++;
    else if (column_of(p, ends) > column_of(q, ends))
      k++;
    else
      relate_if(v, i++, k++, ends, out);
  }
}

static size_t line_end(const Pieces *v, size_t i) {
  while (++i < v->len && !v->data[i].breaks) {}
  return i;
}

static void relate(const Pieces *v, Relations *out) {
  for (size_t a = 0, b, end; a < v->len; a = b) {
    b = line_end(v, a);
    if (b == v->len || v->data[b].blank) continue;
    end = line_end(v, b);
    relate_lines(v, a, b, end, false, out);
    relate_lines(v, a, b, end, true, out);
  }
}

static bool raise(const Piece *p, int to, int *floor) {
  bool raised = p->place < to && *floor < to;
  if (raised) *floor = to;
  return raised;
}

// Where a related piece stands too far left, the floor that puts it right; of a chain of lines, all of them at once.
static bool satisfy(const Pieces *v, const Relation *r, int *floors) {
  const Piece *a = &v->data[r->a], *b = &v->data[r->b];
  int shift = r->ends ? a->width - b->width : 0; // place of b - place of a
  int at_a = a->place > floors[r->a] ? a->place : floors[r->a],
      at_b = b->place > floors[r->b] ? b->place : floors[r->b];
  bool moved = raise(b, at_a + shift, &floors[r->b]);
  return raise(a, at_b - shift, &floors[r->a]) || moved;
}

void columns_decide(Pieces *v) {
  Relations relations = {0};
  relate(v, &relations);
  int *floors = xcalloc(v->len + 1, sizeof *floors);
  int rounds = 0;
  for (bool moved = true; moved && rounds < MOST_ROUNDS; rounds++) {
    place(v, floors);
    moved = false;
    for (size_t i = 0; i < relations.len; i++) moved |= satisfy(v, &relations.data[i], floors);
    for (size_t i = relations.len; i-- > 0;) moved |= satisfy(v, &relations.data[i], floors);
  }
  if (rounds == MOST_ROUNDS) { // relations that no columns satisfy: none is kept
    for (size_t i = 0; i < v->len; i++) floors[i] = 0;
    place(v, floors);
  }
  vec_free(&relations);
  free(floors);
}
