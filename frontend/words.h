// The words of the language, for tools that colour it: the lexer's, and the names that expressions know.
#pragma once

typedef enum WordKind { WORD_RESERVED, WORD_CONSTANT, WORD_TYPE, WORD_FUNCTION, WORD_KINDS } WordKind;

// The i-th word of a kind; NULL past the last.
const char *words_at(WordKind kind, int i);
