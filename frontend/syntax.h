// The wording of syntax errors.
#pragma once
#include "frontend/filter.h"

// The parser cannot take f->token; `expected`: the names of the tokens that it could.
void syntax_error(Filter *f, const char *const *expected, int n);
// Token t goes on where a statement should have ended.
void syntax_runs_on(Filter *f, const Token *t);
// What to write instead of a word of another language; NULL: nothing known.
const char *syntax_hint(const char *word);
