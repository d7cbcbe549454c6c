// What stands between two pieces of one line: no space, one, or two before a comment and between the entries of meta.
#include "frontend/format/pieces.h"

typedef struct Level {
  int kind;     // of the bracket that opened it; 0 for the file
  int choices;  // `?` whose ':' is to come
  bool typed;   // the parameter that we are in has a type
  bool is_type; // these are the dimensions of a type
  bool is_meta;
} Level;

typedef struct Scan {
  Level levels[MAX_BRACKETS + 2], *in;
  const Piece *before, *before2; // tokens
  bool unary;                    // `before` is a sign or '!'
  bool tight_colon;              // the last ':' belongs to a slice
} Scan;

static bool is_number(const Piece *p) { return p->kind == TOK_INT || p->kind == TOK_FLOAT; }
static bool is_either(const Piece *a, const Piece *b, int kind) { return a->kind == kind || b->kind == kind; }

// Characters that the path would swallow.
static bool ends_path(const Piece *p) { return p->kind == TOK_PATH_TEXT || p->kind == TOK_PATH_CLOSE; }

static int around_path(const Piece *a, const Piece *p) {
  bool inside = a->kind == TOK_AT || a->kind == TOK_PATH_OPEN || p->kind == TOK_PATH_TEXT || p->kind == TOK_PATH_OPEN ||
                p->kind == TOK_PATH_CLOSE;
  return inside ? 0 : p->kind == TOK_AT ? 1 : -1;
}

static int around_brackets(const Piece *a, const Piece *p) {
  if (a->kind == '(' || a->kind == '[' || p->kind == ')' || p->kind == ']') return 0;
  if (a->kind == '{' && p->kind == '}') return 0;
  if (a->kind == '{' || p->kind == '{' || a->kind == '}' || p->kind == '}') return 1;
  if (p->kind == '(' && a->kind == TOK_NAME) return 0;
  if (p->kind == '[' && a->kind != TOK_TIED && filter_ends_value(a->kind)) return 0;
  return -1;
}

static int around_points(const Piece *a, const Piece *p) {
  if (p->kind == '.' || p->kind == TOK_DOTDOT) return ends_path(a) || (p->kind == '.' && is_number(a));
  return a->kind == '.' || a->kind == TOK_DOTDOT ? 0 : -1;
}

static int gap_before(const Scan *s, const Piece *p) {
  const Piece *a = s->before;
  int g;
  if (p->kind == PIECE_COMMENT) return 2;
  if (!a) return 0;
  if ((g = around_path(a, p)) >= 0) return g;
  if (p->kind == ',' || p->kind == ';') return 0;
  if ((g = around_brackets(a, p)) >= 0) return g;
  if (s->unary) return 0;
  if (s->in->is_meta && p->starts && a->kind != ',' && a->kind != ';') return 2;
  if (p->kind == ':') return s->in->choices > 0 || a->kind == ',';
  if (a->kind == ':') return !s->tight_colon;
  if ((g = around_points(a, p)) >= 0) return g;
  if (s->in->kind == '(' && !s->in->typed && is_either(a, p, '=')) return 0;
  if (s->in->is_type && is_either(a, p, TOK_LE)) return 0;
  return 1;
}

static void note(Scan *s, const Piece *p) {
  if (p->kind == PIECE_COMMENT) return;
  bool typed = s->in->typed && (s->before->kind == ':' || s->before2->kind == ':');
  bool is_sign = p->kind == '-' || p->kind == '!';
  s->unary = is_sign && !(s->before && filter_ends_value(s->before->kind));
  if (p->kind == '?') s->in->choices++;
  if (p->kind == ',' || p->starts) s->in->typed = false;
  if (p->kind == ':') {
    bool choice = s->in->choices > 0;
    s->in->choices -= choice;
    s->tight_colon = !choice && s->in->kind == '[';
    s->in->typed = !choice && s->in->kind != '[';
  }
  if (pieces_close(p)) s->in--;
  if (pieces_open(p))
    *++s->in = (Level){.kind = p->kind,
                       .is_type = p->kind == '[' && typed,
                       .is_meta = p->kind == '{' && s->before && s->before->kind == TOK_META};
  s->before2 = s->before;
  s->before = p;
}

void gaps_decide(Pieces *v) {
  Scan s = {.in = s.levels};
  for (size_t i = 0; i < v->len; i++) {
    v->data[i].gap = gap_before(&s, &v->data[i]);
    note(&s, &v->data[i]);
  }
}
