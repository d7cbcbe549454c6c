// What passes may say: remarks and statistics. And the table of all passes.
#include "passes/pass.h"
#include <math.h>
#include <string.h>

static const PassInfo TABLE[] = {
#define PASS(id, name, level, needed, requires, establishes, tolerance, help)                                          \
  {name, PASS_##level, PASS_##needed, requires, establishes, tolerance, help, id##_run},
#include "passes/passes.def"
};

const PassInfo *passes_table(int *n) {
  *n = sizeof TABLE / sizeof *TABLE;
  return TABLE;
}

const PassInfo *passes_find(const char *name) {
  for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++)
    if (!strcmp(TABLE[i].name, name)) return &TABLE[i];
  return NULL;
}

const char *passes_pipeline(int opt_level) {
  static const char *const pipelines[] = {
#define PIPELINE(level, text) [level] = text,
#include "passes/pipelines.def"
  };
  return pipelines[opt_level < 0 ? 0 : opt_level > 3 ? 3 : opt_level];
}

bool passes_asked(const PassInfo *p, const PassOptions *o) {
  if (p->run == open_attention_run) return o->prune.method || o->factorize.method == FACTORIZE_CHANNEL;
  if (p->run == prune_run) return o->prune.method;
  if (p->run == factorize_run) return o->factorize.method;
  if (p->run == quantize_run) return o->quantize.method;
  return p->run == precision_run && o->precision != DT_F32;
}

static bool learns(const PassInfo *p, const PassOptions *o) {
  if (p->run == prune_run) return o->prune.method;
  if (p->run == factorize_run) return o->factorize.method;
  return p->run == quantize_run && o->quantize.method == QUANTIZE_STATIC;
}

void passes_ask(PassOptions *o) {
  const Decisions *d = o->decisions;
  for (size_t i = 0; d && i < d->list.len; i++) {
    const Decision *one = &d->list.data[i];
    // Which opens attention, so that layers have the same names whichever of them are to be factorized.
    if (one->factorize.method) o->factorize.method = FACTORIZE_CHANNEL;
    if (one->integers && o->quantize.method != QUANTIZE_STATIC) o->quantize.method = one->integers; // static needs data
    if (one->precision != DT_F32) o->precision = one->precision;
  }
  if (d) o->quantize.observer = d->observer;
}

bool passes_lossy(const PassOptions *o) {
  bool any = false;
  for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) any = any || passes_asked(&TABLE[i], o);
  return any;
}

const char *passes_place(const char *pipeline, const char *name) {
  for (const char *s = pipeline; *s; s += strcspn(s, ","), s += *s == ',')
    if (strcspn(s, ",") == strlen(name) && !strncmp(s, name, strlen(name))) return s;
  return NULL;
}

const char *passes_next_learning(const char *pipeline, const PassOptions *o) {
  const char *next = NULL;
  for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) {
    const char *at = learns(&TABLE[i], o) ? passes_place(pipeline, TABLE[i].name) : NULL;
    if (at && (!next || at < next)) next = at;
  }
  return next;
}

const char *passes_after_lossy(const char *pipeline, const PassOptions *o) {
  const char *after = pipeline;
  for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) {
    const char *at = passes_asked(&TABLE[i], o) ? passes_place(pipeline, TABLE[i].name) : NULL;
    if (!at) continue;
    at += strcspn(at, ",");
    if (at > after) after = at + (*at == ',');
  }
  return after;
}

bool pass_remarks(const PassContext *c, bool missed) {
  const regex_t *wanted = missed ? c->missed : c->remarks;
  return wanted && !regexec(wanted, c->pass->name, 0, NULL, 0);
}

void pass_remark(PassContext *c, const Node *n, bool missed, const char *fmt, ...) {
  if (!pass_remarks(c, missed)) return;
  StrBuf text = {0};
  va_list ap;
  va_start(ap, fmt);
  strbuf_vprintf(&text, fmt, ap);
  va_end(ap);
  diag_remark(c->diag, n ? n->span : (Span){0}, c->pass->name, missed, "%s", strbuf_str(&text));
  strbuf_free(&text);
}

void pass_refuse(PassContext *c, const Node *n, const char *stays, const char *fmt, ...) {
  StrBuf why = {0};
  va_list ap;
  va_start(ap, fmt);
  strbuf_vprintf(&why, fmt, ap);
  va_end(ap);
  pass_remark(c, n, true, "%s %s: %s", pass_label(n), stays, strbuf_str(&why));
  Arena *arena = c->module->arena;
  vec_push(&c->refusals,
           (PassRefusal){c->pass, arena_strdup(arena, pass_label(n)), arena_strdup(arena, strbuf_str(&why))});
  strbuf_free(&why);
}

void pass_count(PassContext *c, const char *what, int64_t n) {
  if (!n) return;
  for (size_t i = 0; i < c->counts.len; i++) {
    PassCount *count = &c->counts.data[i];
    if (count->pass == c->pass && !strcmp(count->what, what)) {
      count->n += n;
      return;
    }
  }
  vec_push(&c->counts, (PassCount){c->pass, what, n});
}

const char *pass_label(const Node *n) { return n->name ? n->name : op_info(n->op)->name; }
