#include "frontend/sema.h"
#include <inttypes.h>

// Repeats at one place are not counted as errors by Diag, but a loop of them must end.
static void count_report(Sema *s) {
  if (diag_errors(s->diag) >= s->o->max_errors || ++s->reports >= MAX_REPORTS) s->stopped = true;
}

void sema_chain(Sema *s) {
  enum { SHOWN = 4 };
  int shown = 0;
  for (const Frame *f = s->frame; f && f->caller && shown < SHOWN; f = f->caller) {
    if (!f->def) continue;
    diag_note(s->diag, f->call, "in `%s`, called here", f->def->name->text);
    shown++;
  }
  count_report(s);
}

static void report(Sema *s, Span at, const char *fmt, va_list ap) {
  StrBuf b = {0};
  strbuf_vprintf(&b, fmt, ap);
  diag_error(s->diag, at, "%s", strbuf_str(&b));
  strbuf_free(&b);
}

void sema_error(Sema *s, Span at, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  report(s, at, fmt, ap);
  va_end(ap);
  sema_chain(s);
}

void sema_mistake(Sema *s, Span at, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  report(s, at, fmt, ap);
  va_end(ap);
  count_report(s);
}

bool sema_step(Sema *s, Span at, int64_t count) {
  if (s->stopped) return false;
  s->steps += count;
  if (s->steps <= MAX_STEPS) return true;
  sema_error(s, at, "this model takes too long to expand: more than %" PRId64 " steps", MAX_STEPS);
  s->stopped = true;
  return false;
}

Node *sema_node(Sema *s, const NodeSpec *spec) {
  if (s->stopped) return NULL;
  if (s->m->n_nodes >= MAX_NODES) {
    sema_error(s, spec->span, "this model has more than %d layers", MAX_NODES);
    s->stopped = true;
    return NULL;
  }
  Node *n = graph_node(s->m, spec);
  if (!n) sema_chain(s);
  return n;
}
