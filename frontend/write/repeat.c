// Statements as lines of the text. Neighbouring groups that are equal but for a number that counts up in their paths
// become a loop.
#include "frontend/write/writer.h"
#include <stdlib.h>
#include <string.h>

enum { PERIOD_MOST = 128, WIDTH = 116 };

typedef struct Loop {
  size_t period, repeats; // statements, times
  int64_t first;          // of the number; -1: none was met, there is one turn
} Loop;

// ---- paths that count

// The number at the start of s, and its length; 0: there is none that a loop could count.
static size_t number_at(const char *s, int64_t *v) {
  size_t n = strspn(s, "0123456789");
  if (n > 9 || (n > 1 && *s == '0')) return 0;
  *v = strtoll(s, NULL, 10);
  return n;
}

// Whether b is a with `first` + `by` in place of `first` in some numbers, or a itself.
static bool path_counts(const char *a, const char *b, int64_t by, int64_t *first) {
  while (*a && *b) {
    int64_t x = 0, y = 0;
    size_t n = number_at(a, &x), k = number_at(b, &y);
    if (!n || !k) {
      if (*a++ != *b++) return false;
      continue;
    }
    if (x != y && (y - x != by || (*first >= 0 && *first != x))) return false;
    if (x != y) *first = x;
    a += n, b += k;
  }
  return *a == *b;
}

static bool statement_counts(const Statement *a, const Statement *b, int64_t by, int64_t *first) {
  if (a->pieces.len != b->pieces.len) return false;
  for (size_t i = 0; i < a->pieces.len; i++) {
    const Piece *x = &a->pieces.data[i], *y = &b->pieces.data[i];
    if (x->is_path != y->is_path) return false;
    if (x->is_path ? !path_counts(x->text, y->text, by, first) : strcmp(x->text, y->text) != 0) return false;
  }
  return true;
}

// How often the `period` statements at `at` stand behind each other.
static Loop repeats_at(const Writer *w, size_t at, size_t period) {
  Loop l = {period, 1, -1};
  for (;; l.repeats++) {
    size_t next = at + l.repeats * period;
    int64_t first = l.first;
    if (next + period > w->statements.len) return l;
    for (size_t i = 0; i < period; i++)
      if (!statement_counts(&w->statements.data[at + i], &w->statements.data[next + i], (int64_t)l.repeats, &first))
        return l;
    if (first < 0) return l; // equal turns are no loop, however many there are
    l.first = first;
  }
}

static size_t saved(Loop l) { return (l.repeats - 1) * l.period; }

static Loop find_loop(const Writer *w, size_t at) {
  Loop best = {1, 1, -1};
  for (size_t period = 1; period <= PERIOD_MOST && at + period < w->statements.len; period++) {
    Loop l = repeats_at(w, at, period);
    if (l.first >= 0 && saved(l) > saved(best) && saved(l) > 1) best = l;
  }
  return best;
}

// ---- lines

// `next`: the same statement in the loop's second turn; NULL: no loop.
static void put_counted(StrBuf *b, const char *path, const char *next) {
  while (*path) {
    int64_t x = 0, y = 0;
    size_t n = number_at(path, &x), k = number_at(next, &y);
    if (n && k && x != y)
      strbuf_puts(b, "{i}");
    else
      strbuf_write(b, path, n ? n : 1);
    path += n ? n : 1, next += k ? k : 1;
  }
}

static size_t width_until_pipe(const Statement *s, size_t i) {
  size_t n = 0;
  for (; i < s->pieces.len && strcmp(s->pieces.data[i].text, " |> ") != 0; i++) n += strlen(s->pieces.data[i].text);
  return n;
}

// Too long chains go on below their first `|>`, as nncc fmt has them.
static void put_line(StrBuf *b, const Statement *s, const Statement *next, int indent) {
  size_t begin = b->len, column = 0;
  strbuf_fill(b, ' ', indent);
  for (size_t i = 0; i < s->pieces.len; i++) {
    const Piece *p = &s->pieces.data[i];
    bool pipe = !p->is_path && !strcmp(p->text, " |> ");
    if (pipe && column && b->len - begin + 4 + width_until_pipe(s, i + 1) > WIDTH) {
      strbuf_putc(b, '\n');
      begin = b->len;
      strbuf_fill(b, ' ', (int)column);
    }
    if (pipe && !column) column = b->len - begin;
    if (p->is_path && next)
      put_counted(b, p->text, next->pieces.data[i].text);
    else
      strbuf_puts(b, p->text);
  }
  strbuf_putc(b, '\n');
}

void put_statements(Writer *w, StrBuf *b) {
  const Statement *s = w->statements.data;
  Loop l = find_loop(w, 0);
  for (size_t i = 0; i < w->statements.len;) {
    Loop later = find_loop(w, i + 1);
    if (l.repeats == 1 || (later.period == l.period && saved(later) >= saved(l))) { // it ends with what began before it
      put_line(b, &s[i++], NULL, 2);
      l = later;
      continue;
    }
    strbuf_printf(b, "  for i in %lld..%lld {\n", (long long)l.first, (long long)l.first + (int64_t)l.repeats);
    for (size_t k = 0; k < l.period; k++) put_line(b, &s[i + k], &s[i + l.period + k], 4);
    strbuf_puts(b, "  }\n");
    i += l.period * l.repeats;
    l = find_loop(w, i);
  }
}
