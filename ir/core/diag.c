#include "ir/core/diag.h"
#include "ir/core/check.h"
#include "ir/core/vec.h"
#include <string.h>

enum { ERROR_CAP = 50 };

typedef struct Source {
  char *name, *text;
  size_t size;
} Source;

typedef struct Message {
  Severity severity;
  Span span;
  const char *file; // for messages about a file as a whole
  const char *group;
  bool missed;
  char *text;
  uint32_t order; // notes share the order of the message they follow
} Message;

struct Diag {
  Arena *arena;
  Vec(Source) sources;
  Vec(Message) messages;
  int errors;
  bool dropped_last; // notes of a dropped message are dropped with it
};

Diag *diag_create(void) {
  Diag *d = xcalloc(1, sizeof *d);
  d->arena = arena_create();
  return d;
}

void diag_destroy(Diag *d) {
  if (!d) return;
  vec_free(&d->sources);
  vec_free(&d->messages);
  arena_destroy(d->arena);
  free(d);
}

void diag_clear(Diag *d) {
  d->messages.len = 0;
  d->errors = 0;
}

uint32_t diag_add_source(Diag *d, const char *name, const char *text, size_t size) {
  CHECK(size < UINT32_MAX, "source of %zu bytes", size);
  vec_push(&d->sources, (Source){arena_strdup(d->arena, name), arena_strndup(d->arena, text, size), size});
  return (uint32_t)d->sources.len;
}

static const Source *source_of(const Diag *d, uint32_t file) {
  return file && file <= d->sources.len ? &d->sources.data[file - 1] : NULL;
}

const char *diag_source_name(const Diag *d, uint32_t file) {
  const Source *s = source_of(d, file);
  return s ? s->name : "";
}

const char *diag_source_text(const Diag *d, uint32_t file, size_t *size) {
  const Source *s = source_of(d, file);
  *size = s ? s->size : 0;
  return s ? s->text : "";
}

void diag_position(const Diag *d, Span s, int *line, int *col) {
  *line = *col = 1;
  const Source *src = source_of(d, s.file);
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
    d->dropped_last = is_repeat(d, &m) || (m.severity == SEV_ERROR && d->errors >= ERROR_CAP);
    bool repeat = d->dropped_last && d->errors < ERROR_CAP;
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

int diag_errors(const Diag *d) { return d->errors; }

// Printable: control bytes other than newline become '?'; tabs a space, so that carets stay below their text.
static void put_clean(StrBuf *out, const char *s, size_t n) {
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)s[i];
    strbuf_putc(out, c == '\t' ? ' ' : (c < 0x20 && c != '\n') || c == 0x7f ? '?' : (char)c);
  }
}

static void print_excerpt(const Diag *d, StrBuf *out, Span s, int line, int col, const char *mark, const char *off) {
  const Source *src = source_of(d, s.file);
  size_t begin = s.begin < src->size ? s.begin : src->size, end = begin;
  begin -= (size_t)(col - 1);
  while (end < src->size && src->text[end] != '\n') end++;
  if (end - begin > 200) end = begin + 200;
  strbuf_printf(out, "%5d | ", line);
  put_clean(out, src->text + begin, end - begin);
  strbuf_puts(out, "\n      | ");
  if (begin + (size_t)col - 1 <= end) {
    int width = s.end > s.begin ? (int)(s.end - s.begin) : 1;
    int room = (int)(end - begin) - (col - 1);
    if (width > room) width = room > 1 ? room : 1;
    strbuf_fill(out, ' ', col - 1);
    strbuf_puts(out, mark);
    strbuf_putc(out, '^');
    strbuf_fill(out, '~', width - 1);
    strbuf_puts(out, off);
  }
  strbuf_putc(out, '\n');
}

static void print_message(const Diag *d, StrBuf *out, const Message *m, bool colour) {
  static const char *const names[] = {"error", "warning", "remark", "note"};
  static const char *const colours[] = {"\033[1;31m", "\033[1;35m", "\033[1;34m", "\033[1;36m"};
  const char *on = colour ? colours[m->severity] : "", *off = colour ? "\033[0m" : "";
  int line = 1, col = 1;
  const Source *src = source_of(d, m->span.file);
  if (src) {
    diag_position(d, m->span, &line, &col);
    put_clean(out, src->name, strlen(src->name));
    strbuf_printf(out, ":%d:%d: ", line, col);
  } else if (m->file) {
    put_clean(out, m->file, strlen(m->file));
    strbuf_puts(out, ": ");
  }
  strbuf_printf(out, "%s%s:%s ", on, names[m->severity], off);
  put_clean(out, m->text, strlen(m->text));
  if (m->group) strbuf_printf(out, " [-R%s=%s]", m->missed ? "pass-missed" : "pass", m->group);
  strbuf_putc(out, '\n');
  if (src) print_excerpt(d, out, m->span, line, col, on, off);
}

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

void diag_print(const Diag *d, StrBuf *out, bool colour) {
  Vec(const Message *) heads = {0};
  for (size_t i = 0; i < d->messages.len; i++)
    if (d->messages.data[i].severity != SEV_NOTE || i == 0) vec_push(&heads, &d->messages.data[i]);
  if (heads.len) qsort(heads.data, heads.len, sizeof *heads.data, by_source);
  for (size_t i = 0; i < heads.len; i++) {
    const Message *end = d->messages.data + d->messages.len;
    print_message(d, out, heads.data[i], colour);
    for (const Message *m = heads.data[i] + 1; m < end && m->severity == SEV_NOTE; m++)
      print_message(d, out, m, colour);
  }
  if (d->errors > ERROR_CAP)
    strbuf_printf(out, "%d errors, the first %d shown\n", d->errors, ERROR_CAP);
  else if (d->errors > 1)
    strbuf_printf(out, "%d errors\n", d->errors);
  vec_free(&heads);
}

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
