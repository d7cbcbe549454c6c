#include "frontend/words.h"
#include "frontend/lexer.h"
#include "frontend/sema.h"

static bool is_constant(int token) { return token == TOK_TRUE || token == TOK_FALSE; }

static const char *reserved(int i, bool constants) {
  const char *word;
  int token;
  for (int k = 0; (word = lexer_reserved(k, &token)); k++)
    if (is_constant(token) == constants && !i--) return word;
  return NULL;
}

// Ops of the language first, then what is computed while compiling.
static const char *function(int i) {
  for (int op = 0; op < OP_COUNT; op++)
    if (!(op_info((OpKind)op)->traits & TRAIT_INTERNAL) && !i--) return op_info((OpKind)op)->name;
  return i < BUILTIN_COUNT ? builtin_name((Builtin)i) : NULL;
}

const char *words_at(WordKind kind, int i) {
  switch (kind) {
  case WORD_RESERVED: return reserved(i, false);
  case WORD_CONSTANT: return reserved(i, true);
  case WORD_TYPE: return i < DT_COUNT ? dtype_name((DType)i) : NULL;
  default: return function(i);
  }
}
