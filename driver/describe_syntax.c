// Syntax files for editors, made of the lexer's words and the names of ops. The patterns of numbers, strings, paths and
// comments are those of lexer.l.
#include "driver/describe.h"
#include "frontend/words.h"

static void put_words(StrBuf *out, WordKind kind, const char *between) {
  for (int i = 0; words_at(kind, i); i++) strbuf_printf(out, "%s%s", i ? between : "", words_at(kind, i));
}

void describe_vim(StrBuf *out) {
  static const struct {
    WordKind kind;
    const char *group, *link;
  } rows[] = {{WORD_RESERVED, "nnKeyword", "Keyword"},
              {WORD_CONSTANT, "nnConstant", "Boolean"},
              {WORD_TYPE, "nnType", "Type"},
              {WORD_FUNCTION, "nnFunction", "Function"}};
  enum { ROWS = sizeof rows / sizeof *rows };
  strbuf_puts(out, "\" Vim syntax of nncc's .nn files, made by nncc --syntax=vim.\n"
                   "if exists('b:current_syntax') | finish | endif\n");
  for (int i = 0; i < ROWS; i++) {
    strbuf_printf(out, "syn keyword %s ", rows[i].group);
    put_words(out, rows[i].kind, " ");
    strbuf_putc(out, '\n');
  }
  strbuf_puts(out, "syn match nnNumber '\\<\\d\\+\\(\\.\\d\\+\\)\\?\\([eE][+-]\\?\\d\\+\\)\\?\\>'\n"
                   "syn match nnOperator '|>\\|->\\|\\.\\.\\|&&\\|||\\|//\\|[-+*/%<>=!?]'\n"
                   "syn match nnPath '@\\([A-Za-z0-9_.-]\\|{[^}]*}\\)\\+'\n"
                   "syn region nnString start='\"' skip='\\\\.' end='\"' oneline\n"
                   "syn match nnComment '#.*' contains=@Spell\n");
  for (int i = 0; i < ROWS; i++) strbuf_printf(out, "hi def link %s %s\n", rows[i].group, rows[i].link);
  strbuf_puts(out, "hi def link nnNumber Number\n"
                   "hi def link nnOperator Operator\n"
                   "hi def link nnPath Identifier\n"
                   "hi def link nnString String\n"
                   "hi def link nnComment Comment\n"
                   "setlocal commentstring=#\\ %s\n"
                   "let b:current_syntax = 'nn'\n");
}

static void put_pattern(StrBuf *out, const char *scope, const char *pattern) {
  strbuf_printf(out, "    {\"name\": \"%s\", \"match\": \"%s\"},\n", scope, pattern);
}

static void put_word_pattern(StrBuf *out, const char *scope, WordKind kind) {
  strbuf_printf(out, "    {\"name\": \"%s\", \"match\": \"\\\\b(", scope);
  put_words(out, kind, "|");
  strbuf_puts(out, ")\\\\b\"},\n");
}

void describe_textmate(StrBuf *out) {
  strbuf_puts(out, "{\n  \"name\": \"nncc\",\n  \"scopeName\": \"source.nn\",\n  \"fileTypes\": [\"nn\"],\n"
                   "  \"patterns\": [\n");
  put_pattern(out, "comment.line.number-sign.nn", "#.*$");
  strbuf_puts(
      out,
      "    {\"name\": \"string.quoted.double.nn\", \"begin\": \"\\\"\", \"end\": \"\\\"|$\",\n"
      "     \"patterns\": [{\"name\": \"constant.character.escape.nn\", \"match\": \"\\\\\\\\[nt\\\"\\\\\\\\]\"}]},\n");
  put_pattern(out, "entity.name.tag.nn", "@(?:[A-Za-z0-9_.-]|\\\\{[^}]*\\\\})+");
  put_word_pattern(out, "keyword.control.nn", WORD_RESERVED);
  put_word_pattern(out, "constant.language.nn", WORD_CONSTANT);
  put_word_pattern(out, "storage.type.nn", WORD_TYPE);
  put_word_pattern(out, "support.function.nn", WORD_FUNCTION);
  put_pattern(out, "constant.numeric.nn", "\\\\b[0-9]+(?:\\\\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\\\\b");
  strbuf_puts(
      out,
      "    {\"name\": \"keyword.operator.nn\", \"match\": \"\\\\|>|->|\\\\.\\\\.|&&|\\\\|\\\\||//|[-+*/%<>=!?]\"}\n"
      "  ]\n}\n");
}
