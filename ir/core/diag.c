#include "ir/core/check.h"
#include "ir/core/diag_table.h"
#include <string.h>

Diag *diag_create(void) {
  Diag *d = xcalloc(1, sizeof *d);
  d->arena = arena_create();
  return d;
}

void diag_destroy(Diag *d) {
  if (!d) return;
  diag_clear(d);
  vec_free(&d->sources);
  vec_free(&d->messages);
  arena_destroy(d->arena);
  free(d);
}

void diag_clear(Diag *d) {
  for (size_t i = 0; i < d->messages.len; i++) vec_free(&d->messages.data[i].expected);
  d->messages.len = 0;
  d->errors = 0;
}

uint32_t diag_add_source(Diag *d, const char *name, const char *text, size_t size) {
  CHECK(size < UINT32_MAX, "source of %zu bytes", size);
  vec_push(&d->sources, (Source){arena_strdup(d->arena, name), arena_strndup(d->arena, text, size), size});
  return (uint32_t)d->sources.len;
}

const Source *diag_source(const Diag *d, uint32_t file) {
  return file && file <= d->sources.len ? &d->sources.data[file - 1] : NULL;
}

const char *diag_source_name(const Diag *d, uint32_t file) {
  const Source *s = diag_source(d, file);
  return s ? s->name : "";
}

const char *diag_source_text(const Diag *d, uint32_t file, size_t *size) {
  const Source *s = diag_source(d, file);
  *size = s ? s->size : 0;
  return s ? s->text : "";
}

void diag_position(const Diag *d, Span s, int *line, int *col) {
  *line = *col = 1;
  const Source *src = diag_source(d, s.file);
  for (uint32_t i = 0; src && i < s.begin && i < src->size; i++) {
    if (src->text[i] == '\n')
      ++*line, *col = 1;
    else
      ++*col;
  }
}

static bool is_repeat(const Diag *d, const Message *m) {
  for (size_t i = 0; i < d->messages.len; i++) {
    const Message *o = &d->messages.data[i];
    if (o->severity == m->severity && o->span.file == m->span.file && o->span.begin == m->span.begin &&
        !strcmp(o->text, m->text) && o->file == m->file)
      return true;
  }
  return false;
}

static void add(Diag *d, Message m, const char *fmt, va_list ap) {
  if (m.severity == SEV_NOTE && d->dropped_last) return;
  StrBuf b = {0};
  strbuf_vprintf(&b, fmt, ap);
  m.text = arena_strdup(d->arena, strbuf_str(&b));
  strbuf_free(&b);
  m.order = (uint32_t)d->messages.len;
  if (m.severity == SEV_NOTE && d->messages.len) m.order = vec_last(&d->messages).order;
  if (m.severity != SEV_NOTE) {
    d->dropped_last = is_repeat(d, &m) || (m.severity == SEV_ERROR && d->errors >= DIAG_ERROR_CAP);
    bool repeat = d->dropped_last && d->errors < DIAG_ERROR_CAP;
    if (m.severity == SEV_ERROR && !repeat) d->errors++;
    if (d->dropped_last) return;
  }
  vec_push(&d->messages, m);
}

#define ADD(...)                                                                                                       \
  va_list ap;                                                                                                          \
  va_start(ap, fmt);                                                                                                   \
  add(d, (Message){__VA_ARGS__}, fmt, ap);                                                                             \
  va_end(ap)

void diag_error(Diag *d, Span s, const char *fmt, ...) { ADD(.severity = SEV_ERROR, .span = s); }
void diag_warning(Diag *d, Span s, const char *fmt, ...) { ADD(.severity = SEV_WARNING, .span = s); }
void diag_note(Diag *d, Span s, const char *fmt, ...) { ADD(.severity = SEV_NOTE, .span = s); }
void diag_remark(Diag *d, Span s, const char *group, bool missed, const char *fmt, ...) {
  ADD(.severity = SEV_REMARK, .span = s, .group = group, .missed = missed);
}
void diag_error_file(Diag *d, const char *name, const char *fmt, ...) {
  ADD(.severity = SEV_ERROR, .file = arena_strdup(d->arena, name));
}
void diag_warning_file(Diag *d, const char *name, const char *fmt, ...) {
  ADD(.severity = SEV_WARNING, .file = arena_strdup(d->arena, name));
}
void diag_remark_file(Diag *d, const char *name, const char *fmt, ...) {
  ADD(.severity = SEV_REMARK, .file = arena_strdup(d->arena, name));
}

void diag_expected(Diag *d, const char *what) {
  if (!d->dropped_last && d->messages.len) vec_push(&vec_last(&d->messages).expected, arena_strdup(d->arena, what));
}

int diag_errors(const Diag *d) { return d->errors; }

// ---- the order of printing

static int by_place(const void *pa, const void *pb) {
  const Message *a = *(const Message *const *)pa, *b = *(const Message *const *)pb;
  return a->order < b->order ? -1 : a->order > b->order ? 1 : a < b ? -1 : a > b;
}

static int by_source(const void *pa, const void *pb) {
  const Message *a = *(const Message *const *)pa, *b = *(const Message *const *)pb;
  uint32_t fa = a->span.file ? a->span.file : UINT32_MAX, fb = b->span.file ? b->span.file : UINT32_MAX;
  if (fa != fb) return fa < fb ? -1 : 1;
  if (a->span.file && a->span.begin != b->span.begin) return a->span.begin < b->span.begin ? -1 : 1;
  return by_place(pa, pb);
}

MessageVec diag_sorted(const Diag *d) {
  MessageVec heads = {0};
  for (size_t i = 0; i < d->messages.len; i++)
    if (d->messages.data[i].severity != SEV_NOTE || i == 0) vec_push(&heads, &d->messages.data[i]);
  if (heads.len) qsort(heads.data, heads.len, sizeof *heads.data, by_source);
  return heads;
}

// ---- words that are near

// Levenshtein distance, two rows.
static int distance(const char *a, const char *b) {
  size_t n = strlen(b);
  if (n > 63 || strlen(a) > 63) return 99;
  int row[64];
  for (size_t j = 0; j <= n; j++) row[j] = (int)j;
  for (size_t i = 0; a[i]; i++) {
    int diagonal = row[0];
    row[0] = (int)i + 1;
    for (size_t j = 1; j <= n; j++) {
      int best = diagonal + (a[i] != b[j - 1]);
      diagonal = row[j];
      if (row[j] + 1 < best) best = row[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      row[j] = best;
    }
  }
  return row[n];
}

const char *diag_nearest(const char *word, const char *const *candidates, int n) {
  int limit = (int)strlen(word) / 3 + 1, best = limit + 1;
  const char *found = NULL;
  for (int i = 0; i < n; i++) {
    int d = distance(word, candidates[i]);
    if (d < best) best = d, found = candidates[i];
  }
  return found;
}
