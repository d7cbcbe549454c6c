#include "driver/choose.h"
#include "driver/settle.h"
#include "driver/table.h"
#include "driver/timing.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

void choose_progress(const Choose *k, const char *what, size_t done, size_t of) {
  if (!isatty(STDERR_FILENO)) return;
  if (what)
    fprintf(stderr, "\r\033[Kchoosing  %s  %zu/%zu  %.0f s", what, done, of, (timing_ms() - k->begin_ms) / 1e3);
  else
    fprintf(stderr, "\r\033[K");
}

// ---- why not

// Of an alternative that was not taken.
static void print_reason(const ChosenLayer *l, int a, StrBuf *out) {
  const Alternative *of = &l->of[a], *f32 = &l->of[0], *taken = &l->of[l->taken];
  if (of->refused)
    strbuf_puts(out, of->refused);
  else if (l->reverted == a)
    strbuf_puts(out, "slower than f32 among the others");
  else if (of->us >= f32->us)
    strbuf_printf(out, "%.2gx slower", of->us / f32->us);
  else if (of->us >= taken->us && l->taken)
    strbuf_puts(out, "no faster");
  else if (isfinite(of->error))
    strbuf_printf(out, "error %.2f%% for %.1f us", of->error * 100, f32->us - of->us);
  else
    strbuf_printf(out, "only %.2gx faster", f32->us / of->us);
}

// Whether nothing is to be said of it: it is for other layers, or refused by what refuses another that stands in front.
static bool goes_without_saying(const ChosenLayer *l, int a) {
  const Alternative *of = l->of;
  if (a == l->taken || (of[a].refused && !*of[a].refused)) return true;
  bool said = false;
  for (int b = 1; b < a; b++) said = said || (of[a].refused && of[b].refused && choose_asks_for(a, b));
  return said;
}

// "bf16, spatial:0.1: no faster; int8: ...": those of one reason together.
static void print_rejected(const ChosenLayer *l, StrBuf *out) {
  StrBuf reasons[CHOOSE_ALTERNATIVES] = {{0}};
  if (l->taken && l->us_here > 0) strbuf_printf(out, "f32: %.1f us here, its neighbours converting", l->us_here);
  for (int a = 1; a < CHOOSE_ALTERNATIVES; a++)
    if (!goes_without_saying(l, a)) print_reason(l, a, &reasons[a]);
  for (int a = 1; a < CHOOSE_ALTERNATIVES; a++) {
    if (!reasons[a].len) continue;
    const char *separator = out->len ? "; " : "";
    for (int b = a; b < CHOOSE_ALTERNATIVES; b++) {
      if (!reasons[b].len || strcmp(reasons[a].s, reasons[b].s)) continue;
      Decision d = choose_alternative(b);
      strbuf_puts(out, separator);
      decisions_print(&d, out);
      separator = ", ";
      if (b > a) strbuf_clear(&reasons[b]);
    }
    strbuf_printf(out, ": %s", reasons[a].s);
  }
  for (int a = 0; a < CHOOSE_ALTERNATIVES; a++) strbuf_free(&reasons[a]);
}

// ---- the table

static void print_layer(Table *t, const ChosenLayer *l) {
  StrBuf choice = {0}, rejected = {0};
  char before[32], after[32];
  Decision d = choose_alternative(l->taken);
  decisions_print(&d, &choice);
  print_rejected(l, &rejected);
  table_cell(t, "%s", l->name);
  table_cell(t, "%s", strbuf_str(&choice));
  table_cell(t, "%.2f%%", l->of[l->taken].error * 100);
  table_cell(t, "%.1f", l->us_before);
  table_cell(t, "%.1f", l->us);
  table_cell(t, "%s", table_bytes(l->of[0].bytes, before));
  table_cell(t, "%s", table_bytes(l->bytes, after));
  table_cell(t, "%s", strbuf_str(&rejected));
  strbuf_free(&choice), strbuf_free(&rejected);
}

// ---- the whole

// Which layers are slower than they may be, by how much, and why they stay; and how many only seem to be.
static void print_slower(const Choose *k) {
  StrBuf slower = {0};
  int seem = 0;
  for (size_t i = 0; i < k->layers.len; i++) {
    const ChosenLayer *l = &k->layers.data[i];
    if (choose_excess(l) <= 0) {
      seem += settle_excess(l->us_before, l->us) > 0;
      continue;
    }
    strbuf_printf(&slower, "%s%s by %.1f us (%s)", slower.len ? ", " : ": ", l->name, l->us - l->us_before,
                  !l->taken    ? "it is f32, what is about it is not"
                  : l->us_here ? "without what was chosen for it the whole is slower, or less exact"
                               : "no time was left to try it in f32");
  }
  fprintf(stderr, "%s slower than in f32 by more than %g%% (or %g us), conversions counted%s\n",
          slower.len ? "some layers are" : "no layer is", SETTLE_SLOWER * 100, SETTLE_LEAST_US, strbuf_str(&slower));
  if (seem)
    fprintf(stderr,
            "%d of the others are slower than in the model's own network; here f32 would make neighbours convert "
            "for them, which is slower\n",
            seem);
  strbuf_free(&slower);
}

void choose_report(const Choose *k, const Measured *m) {
  static const char *const heads[] = {"layer",    "choice",       "error adds",  "us before",
                                      "us after", "bytes before", "bytes after", "rejected"};
  enum { COLUMNS = sizeof heads / sizeof *heads };
  char before[32], after[32];
  Table t;
  table_open(&t, "llrrrrrl");
  for (int i = 0; i < COLUMNS; i++) table_cell(&t, "%s", heads[i]);
  for (size_t i = 0; i < k->layers.len; i++) print_layer(&t, &k->layers.data[i]);
  table_print(&t, 0, stderr);
  table_close(&t);
  fprintf(stderr,
          "%.3f -> %.3f ms on one thread (%.2fx)   %s -> %s of weights   error %.2f%% (at most %g%%), the same answer "
          "on %.1f%%, of %zu held-out samples   %zu calibrated   %d networks tried in %.0f s\n",
          m->reference_ms, m->ms, m->ms > 0 ? m->reference_ms / m->ms : 1, table_bytes(m->reference_bytes, before),
          table_bytes(m->weight_bytes, after), m->error * 100, k->max_error * 100, m->agreement * 100, k->held.list.len,
          k->seen.list.len, k->builds, (timing_ms() - k->begin_ms) / 1e3);
  print_slower(k);
}
