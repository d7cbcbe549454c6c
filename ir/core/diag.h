// Diagnostics: what the user did wrong, all of it, each with file:line:col, the source line and a caret.
// Collected first and printed together, in source order of their files' registration and position.
#pragma once
#include "ir/core/arena.h"
#include "ir/core/strbuf.h"
#include <stdbool.h>
#include <stdint.h>

// Bytes [begin, end) of registered source `file` (1-based; 0: no place).
typedef struct Span {
  uint32_t file, begin, end;
} Span;

typedef enum Severity { SEV_ERROR, SEV_WARNING, SEV_REMARK, SEV_NOTE } Severity;

typedef struct Diag Diag;

Diag *diag_create(void);
void diag_destroy(Diag *d);

// Registers a source text, copied; returns its id for spans. `name` is what messages show.
uint32_t diag_add_source(Diag *d, const char *name, const char *text, size_t size);
const char *diag_source_name(const Diag *d, uint32_t file);
const char *diag_source_text(const Diag *d, uint32_t file, size_t *size);
// 1-based line and column (bytes; a tab counts as one).
void diag_position(const Diag *d, Span s, int *line, int *col);

// Errors past the cap (default 50) are counted but not kept. Exact repeats at one place are dropped.
void diag_error(Diag *d, Span s, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void diag_warning(Diag *d, Span s, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
// A note belongs to the error or warning before it and is printed below it.
void diag_note(Diag *d, Span s, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
// `group` names the pass: shown as [-Rpass=group] or [-Rpass-missed=group].
void diag_remark(Diag *d, Span s, const char *group, bool missed, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
// Without a source position but about a named file, e.g. weights: "NAME: error: ...". May hold several lines.
void diag_error_file(Diag *d, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void diag_warning_file(Diag *d, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void diag_remark_file(Diag *d, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

// One of the things that the last message would have had instead.
void diag_expected(Diag *d, const char *what);

int diag_errors(const Diag *d);
// All messages as they would be printed; `colour` adds ANSI escapes. Source text and names are stripped of control
// bytes.
void diag_print(const Diag *d, StrBuf *out, bool colour);
// The same for programs: one JSON object a line, with the fields file, line, column, end (line and column behind the
// last byte), severity, message, expected (what could have stood there) and notes; of remarks also pass and missed.
void diag_json(const Diag *d, StrBuf *out);
// Forgets messages, keeps sources.
void diag_clear(Diag *d);

// The candidate nearest to `word` by edit distance, or NULL when none is near enough to be meant.
const char *diag_nearest(const char *word, const char *const *candidates, int n);
