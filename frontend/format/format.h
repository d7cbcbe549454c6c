// `nncc fmt`: a .nn file laid out canonically. Spaces, indentation and line breaks around braces are the formatter's;
// where else lines break is the author's, and so are comments and columns of tokens that stand below each other.
//
// It works on the lexer's tokens, not on the syntax tree: pieces.c lists them with their comments, breaks.c decides
// where lines begin, gaps.c what stands between two tokens of a line, columns.c where each goes.
#pragma once
#include "ir/core/diag.h"

// The layout of a .nn file ("-": stdin), and whether the file has another one. False after diagnostics: what has errors
// is not laid out.
bool format_file(Diag *d, const char *path, StrBuf *out, bool *differs);
