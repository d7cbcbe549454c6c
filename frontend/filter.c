#include "frontend/filter.h"
#include "frontend/syntax.h"
#include <string.h>

int parser_parse(Filter *f);

bool filter_item_word(int kind) {
  return kind == TOK_USE || kind == TOK_PARAM || kind == TOK_BLOCK || kind == TOK_MODEL;
}

bool filter_starts_statement(int kind) {
  return kind == TOK_NAME || kind == TOK_LET || kind == TOK_FOR || kind == TOK_IF || kind == TOK_ASSERT ||
         kind == TOK_WEIGHTS || kind == TOK_META;
}

bool filter_ends_value(int kind) {
  return kind == TOK_NAME || kind == TOK_INT || kind == TOK_FLOAT || kind == TOK_STRING || kind == TOK_TRUE ||
         kind == TOK_FALSE || kind == TOK_PATH_TEXT || kind == TOK_PATH_CLOSE || kind == TOK_TIED || kind == ')' ||
         kind == ']';
}

const Bracket *filter_innermost(const Filter *f) { return f->n_brackets ? &f->brackets[f->n_brackets - 1] : NULL; }

static bool at_statement_level(const Filter *f) { return !f->n_brackets || filter_innermost(f)->kind == '{'; }

void filter_failed(Filter *f) { f->failed = true; }

void filter_version(Filter *f, Span s, int64_t version) {
  if (version != 1) diag_error(f->diag, s, "this compiler knows version 1 of the language");
}

static bool gives_up(Filter *f) {
  if (diag_errors(f->diag) >= f->max_errors) f->stopped = true;
  return f->stopped;
}

// ---- brackets

static void close_bracket(Filter *f, int open) {
  for (int i = f->n_brackets; i-- > 0;) {
    int kind = f->brackets[i].kind == TOK_META ? '{' : f->brackets[i].kind;
    if (kind == open) {
      f->n_brackets = i;
      return;
    }
    if (kind == '{') return;
  }
}

// The effect of the token that the parser has taken.
static void commit(Filter *f) {
  const Token *t = &f->token;
  switch (t->kind) {
  case '(':
  case '[':
  case '{':
    if (f->n_brackets == MAX_BRACKETS) {
      diag_error(f->diag, t->span, "brackets nest deeper than %d", MAX_BRACKETS);
      f->stopped = true;
      return;
    }
    f->brackets[f->n_brackets++] =
        (Bracket){t->kind == '{' && f->before.kind == TOK_META ? TOK_META : t->kind, t->span};
    break;
  case ')': close_bracket(f, '('); break;
  case ']': close_bracket(f, '['); break;
  case '}': close_bracket(f, '{'); break;
  }
}

// ---- tokens

static Token scan(Filter *f) {
  Token t = {0};
  const Span last = f->token.span;
  if (f->stopped) {
    t.span = (Span){last.file, last.end, last.end};
    return t;
  }
  t.kind = lexer_lex(&t.value, &t.span, f->scanner);
  t.column = t.span.begin - f->lexer.line;
  t.first = !f->started || f->lexer.line > last.begin;
  return t;
}

static void give_later(Filter *f, Token t) { vec_push(&f->queue, t); }

static Token made(const Token *at, int kind) {
  return (Token){
      .kind = kind, .span = {at->span.file, at->span.begin, at->span.begin}, .column = at->column, .supplied = true};
}

// The next token and where it stands; steps over a '}' that closes nothing, and adds a missing `nn 1`.
static Token fetch(Filter *f) {
  if (f->queue.len) return vec_pop(&f->queue);
  Token t = scan(f);
  for (; t.kind == '}' && !f->n_brackets; t = scan(f)) {
    diag_error(f->diag, t.span, "this '}' closes nothing");
    f->token = t;
  }
  if (!f->started && t.kind != TOK_NN) {
    diag_error(f->diag, t.span, "a file begins with the language's version: nn 1");
    Token version = made(&t, TOK_INT);
    version.value.TOK_INT = 1;
    give_later(f, t);
    give_later(f, version);
    t = made(&t, TOK_NN);
  }
  f->started = true;
  return t;
}

static void note_place(Filter *f, const Token *t) {
  int before = f->token.kind;
  if (!f->n_brackets && (filter_item_word(t->kind) || t->kind == TOK_LET)) f->item_column = t->column;
  if (!at_statement_level(f)) return;
  bool fresh_line = t->first && (filter_ends_value(before) || filter_item_word(t->kind)) && t->kind != '{';
  if (fresh_line ? filter_starts_statement(t->kind) || filter_item_word(t->kind)
                 : before == '{' || before == '}' || before == ';')
    f->statement_column = t->column;
}

static int give(Filter *f, Token t, PARSER_STYPE *value, Span *span) {
  note_place(f, &t);
  f->before2 = f->before;
  f->before = f->token;
  f->token = t;
  *value = t.value;
  *span = t.span;
  return t.kind;
}

// ---- checks that the grammar cannot make

static const char *closer(const Bracket *b) { return b->kind == '(' ? "')'" : b->kind == '[' ? "']'" : "'}'"; }

// A new item, or the end of the file, while brackets are open: says so once, and closes the bodies.
static bool closes_missing(Filter *f, Token *t) {
  bool item = filter_item_word(t->kind) && t->first && t->column <= f->item_column;
  if (!f->n_brackets || t->supplied || t->fresh || f->stopped || (!item && t->kind != TOK_END)) return false;
  const Bracket *open = filter_innermost(f);
  if (t->kind == TOK_END) {
    diag_error(f->diag, open->span, "this '%c' is never closed", open->kind == TOK_META ? '{' : open->kind);
  } else {
    diag_error(f->diag, t->span, "a %s is missing before this", closer(open));
    diag_note(f->diag, open->span, "opened here");
  }
  return true;
}

// Gives the '}' of every open body, then t.
static void close_bodies(Filter *f, Token t) {
  give_later(f, t);
  for (int i = 0; i < f->n_brackets; i++)
    if (f->brackets[i].kind == '{') give_later(f, made(&t, '}'));
}

// A second statement on a line, such as `a = x y`.
static bool runs_on(Filter *f, const Token *t) {
  if (t->first || t->supplied || t->fresh || !filter_ends_value(f->token.kind) || !at_statement_level(f)) return false;
  bool literal = t->kind == TOK_INT || t->kind == TOK_FLOAT || t->kind == TOK_STRING || t->kind == TOK_NAME;
  if (f->n_brackets ? !literal && !filter_starts_statement(t->kind) : !literal) return false;
  if (!f->n_brackets && f->before.kind != '=') return false; // a header: the grammar knows better
  syntax_runs_on(f, t);
  return true;
}

// ---- going on after an error

static bool is_place_to_go_on(Filter *f, const Token *t, int base) {
  bool nested = f->n_brackets > base;
  if (t->kind == TOK_END || t->supplied) return true;
  if (!nested && (t->kind == ';' || t->kind == '{' || (t->kind == '}' && base))) return true;
  if (!t->first) return false;
  if (filter_item_word(t->kind)) return base ? t->column <= f->item_column : t->column <= f->statement_column;
  return t->column <= f->statement_column && (base ? filter_starts_statement(t->kind) : t->kind == TOK_LET);
}

// Skips from the token that the parser refused to where a statement or item may begin, at no deeper indentation, and
// gives RESYNC before it. Never gives the same token twice as the place to go on: that would loop.
static void recover(Filter *f) {
  while (f->n_brackets && (filter_innermost(f)->kind == '(' || filter_innermost(f)->kind == '[')) f->n_brackets--;
  int base = f->n_brackets;
  while (base && f->brackets[base - 1].kind != '{') base--;
  Token t = f->token, from = t;
  if (t.fresh) t = fetch(f);
  while (!is_place_to_go_on(f, &t, base)) {
    f->before = f->token;
    f->token = t;
    commit(f);
    t = fetch(f);
  }
  f->n_brackets = base;
  if (closes_missing(f, &t)) {
    close_bodies(f, t);
    t = vec_pop(&f->queue);
  }
  t.fresh = !t.supplied;
  give_later(f, t);
  f->token = made(&from, ';'); // what is next begins a statement
}

int filter_next(Filter *f, PARSER_STYPE *value, Span *span) {
  if (f->failed) {
    f->failed = false;
    if (f->token.kind == TOK_END && f->token.fresh) return give(f, f->token, value, span); // the parser gives up
    recover(f);
    *span = f->token.span;
    return TOK_RESYNC;
  }
  commit(f);
  Token t = fetch(f);
  if (gives_up(f)) t = made(&t, TOK_END);
  if (t.kind == TOK_PARSER_error || runs_on(f, &t)) {
    give(f, t, value, span);
    f->failed = true;
    return TOK_PARSER_error;
  }
  if (closes_missing(f, &t)) {
    bool complete = at_statement_level(f) && filter_ends_value(f->token.kind);
    complete |= f->token.kind == '}' || f->token.kind == ';' || (f->token.kind == '{' && at_statement_level(f));
    if (!complete) {
      t.fresh = true;
      while (f->n_brackets && filter_innermost(f)->kind != '{') f->n_brackets--;
      close_bodies(f, t);
      Token first = vec_pop(&f->queue);
      give(f, first, value, span);
      f->failed = true;
      return TOK_PARSER_error;
    }
    close_bodies(f, t);
    t = vec_pop(&f->queue);
  }
  return give(f, t, value, span);
}

bool filter_parse(Diag *d, Arena *arena, Interner *names, uint32_t file, int max_errors, Item **items) {
  Filter f = {.arena = arena, .names = names, .diag = d, .max_errors = max_errors};
  f.lexer = (Lexer){.arena = arena, .names = names, .diag = d, .file = file};
  f.token.span.file = file;
  f.statement_column = UINT32_MAX;
  size_t size;
  const char *text = diag_source_text(d, file, &size);
  int errors = diag_errors(d);
  lexer_lex_init_extra(&f.lexer, &f.scanner);
  lexer_scan(text, size, f.scanner);
  parser_parse(&f);
  lexer_lex_destroy(f.scanner);
  vec_free(&f.queue);
  *items = f.items;
  return diag_errors(d) == errors && !f.stopped;
}
