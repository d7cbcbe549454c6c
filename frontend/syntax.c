#include "frontend/syntax.h"
#include "ir/core/strbuf.h"
#include <string.h>

const char *syntax_hint(const char *word) {
  static const char *const hints[][2] = {
      {"and", "\"and\" is written '&&'"},
      {"or", "\"or\" is written '||'"},
      {"not", "\"not\" is written '!'"},
      {"True", "'True' is written 'true'"},
      {"False", "'False' is written 'false'"},
      {"None", "the activation that does nothing is 'identity'"},
      {"elif", "'elif' is written 'else if'"},
      {"return", "a block's results are the names behind its '->'"},
      {"def", "write: block name(x) -> y { ... }"},
      {"lambda", "ops and blocks are values: pass the name of a block"},
      {"import", "write: use \"file.nn\""},
      {"while", "loops count: for i in 0..n { ... }"},
      {"enumerate", "count with let k = k + 1, or write the numbers into the list"},
      {"range", "a range is written 0..n"},
      {"len", "write the length as a 'let'"},
  };
  for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
    if (!strcmp(hints[i][0], word)) return hints[i][1];
  return NULL;
}

static bool is_reserved(int kind) { return kind >= TOK_NN && kind <= TOK_FALSE; }

static bool is_operator(int kind) {
  return kind == TOK_EQ || kind == TOK_NE || kind == TOK_LE || kind == TOK_GE || kind == TOK_AND || kind == TOK_OR ||
         kind == TOK_FLOORDIV || kind == '+' || kind == '-' || kind == '*' || kind == '/' || kind == '%' ||
         kind == '<' || kind == '>' || kind == '?';
}

static bool is_name(const Token *t, const char *text) {
  return t->kind == TOK_NAME && !strcmp(t->value.TOK_NAME, text);
}

static bool contains(const char *const *names, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (!strcmp(names[i], name)) return true;
  return false;
}

// The token as the source spells it.
static void put_token(const Filter *f, const Token *t, StrBuf *b) {
  size_t size;
  const char *text = diag_source_text(f->diag, t->span.file, &size);
  int length = (int)(t->span.end - t->span.begin);
  switch (t->kind) {
  case TOK_END: strbuf_puts(b, "end of file"); return;
  case TOK_STRING: strbuf_puts(b, "string"); return;
  case TOK_AT: strbuf_puts(b, "'@path'"); return;
  case TOK_NAME: strbuf_puts(b, "name "); break;
  case TOK_INT:
  case TOK_FLOAT: strbuf_puts(b, "number "); break;
  }
  if (t->supplied)
    strbuf_printf(b, "'%c'", t->kind);
  else
    strbuf_printf(b, "'%.*s'", length < 40 ? length : 40, text + t->span.begin);
}

static bool is_unsaid(const char *name) {
  static const char *const unsaid[] = {"recovery", "end of file", "';'"};
  return contains(unsaid, 3, name);
}

// ", expected a, b or c" where that says something.
static void put_expected(StrBuf *b, const char *const *names, int n) {
  enum { MOST = 5 };
  const char *kept[MOST];
  int k = 0;
  for (int i = 0; i < n; i++) {
    if (is_unsaid(names[i])) continue;
    if (k == MOST) return;
    kept[k++] = names[i];
  }
  for (int i = 0; i < k; i++) strbuf_printf(b, "%s%s", i == 0 ? ", expected " : i == k - 1 ? " or " : ", ", kept[i]);
}

// An operator behind a pipeline, or a pipeline behind an operator.
static bool mixes_pipeline(const Filter *f) {
  return (f->token.kind == TOK_PIPE || is_operator(f->token.kind)) && filter_ends_value(f->before.kind);
}

static void put_hint(const Filter *f, StrBuf *b, const char *const *expected, int n) {
  const Token *t = &f->token, *before = &f->before;
  const char *hint = t->kind == TOK_NAME ? syntax_hint(t->value.TOK_NAME) : NULL;
  if (!hint && before->kind == TOK_NAME) hint = syntax_hint(before->value.TOK_NAME);
  if (!hint && t->kind == TOK_ELSE) hint = "an 'else' follows the '}' of its 'if'";
  if (!hint && t->kind == '(' && before->kind == TOK_LET)
    hint = "several names stand without parentheses: let a, b = ...";
  if (!hint && t->kind == '(' && before->kind == TOK_NAME && contains(expected, n, "'='"))
    hint = "a statement binds names: y = f(x)";
  if (!hint && (t->kind == TOK_BLOCK || t->kind == TOK_MODEL || t->kind == TOK_PARAM || t->kind == TOK_USE))
    hint = "this stands at file level";
  if (hint)
    strbuf_printf(b, "; %s", hint);
  else if (is_reserved(t->kind) && contains(expected, n, "name"))
    strbuf_puts(b, "; this word is reserved");
  else if (t->kind == '(' && before->kind == TOK_NAME && f->before2.kind == '.')
    strbuf_printf(b, "; there are no methods: write x |> %s(...)", before->value.TOK_NAME);
  else if (t->kind == '=' && before->kind == TOK_NAME && before->first)
    strbuf_puts(b, "; the expression above this line is not finished");
  else if (t->kind == '=')
    strbuf_puts(b, "; a comparison is written '=='");
  else if (t->kind == TOK_AT)
    strbuf_puts(b, "; a path stands behind the call that it names");
  else if (t->kind == TOK_NAME && contains(expected, n, "'model'")) {
    static const char *const words[] = {"use", "param", "let", "block", "model"};
    const char *near = diag_nearest(t->value.TOK_NAME, words, 5);
    if (near) strbuf_printf(b, "; did you mean '%s'?", near);
  }
}

// A statement begins or ends while a bracket is open.
static bool reports_open_bracket(Filter *f) {
  const Token *t = &f->token;
  const Bracket *open = filter_innermost(f);
  if (!open || (open->kind != '(' && open->kind != '[')) return false;
  bool brace = t->kind == ';' || t->kind == '{' || t->kind == '}';
  if (!brace && (!t->first || t->column > f->statement_column)) return false;
  diag_error(f->diag, t->span, "a '%c' is missing before this", open->kind == '(' ? ')' : ']');
  diag_note(f->diag, open->span, "opened here");
  return true;
}

void syntax_error(Filter *f, const char *const *expected, int n) {
  const Token *t = &f->token;
  if (t->supplied || f->stopped || reports_open_bracket(f)) return;
  StrBuf b = {0};
  strbuf_puts(&b, "unexpected ");
  put_token(f, t, &b);
  if (mixes_pipeline(f)) {
    strbuf_puts(&b, "; a pipeline does not mix with operators: write a + (b |> f) or (a + b) |> f");
  } else {
    put_expected(&b, expected, n);
    put_hint(f, &b, expected, n);
  }
  diag_error(f->diag, t->span, "%s", strbuf_str(&b));
  for (int i = 0; i < n; i++)
    if (!is_unsaid(expected[i])) diag_expected(f->diag, expected[i]);
  strbuf_free(&b);
}

void syntax_runs_on(Filter *f, const Token *t) {
  const char *hint = t->kind == TOK_NAME ? syntax_hint(t->value.TOK_NAME) : NULL;
  if (!hint && f->token.kind == TOK_NAME) hint = syntax_hint(f->token.value.TOK_NAME);
  if (!hint && t->kind == TOK_IF) hint = "a choice is written cond ? a : b";
  if (hint && is_name(&f->token, "return"))
    diag_error(f->diag, f->token.span, "there is no 'return'; %s", hint);
  else
    diag_error(f->diag, t->span, "expected an operator, ';' or a new line%s%s", hint ? "; " : "", hint ? hint : "");
}
