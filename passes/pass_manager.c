// Runs pipelines. Here, and nowhere else, passes are verified, timed, dumped, disabled and bisected.
#include "ir/core/check.h"
#include "passes/pass.h"
#include <string.h>
#include <time.h>

PassOptions passes_options(void) {
#ifdef NDEBUG
  bool verify = false;
#else
  bool verify = true;
#endif
  return (PassOptions){.verify_each = verify, .bisect = -1, .quantize.observer = OBSERVE_MSE};
}

// ---- names

typedef Vec(const PassInfo *) Pipeline;

static const PassInfo *find(PassContext *c, const char *name) {
  const PassInfo *pass = passes_find(name);
  if (pass) return pass;
  int n;
  const PassInfo *table = passes_table(&n);
  Vec(const char *) names = {0};
  for (int i = 0; i < n; i++) vec_push(&names, table[i].name);
  const char *near = diag_nearest(name, names.data, n);
  vec_free(&names);
  if (near)
    diag_error(c->diag, (Span){0}, "unknown pass `%s`; did you mean `%s`?", name, near);
  else
    diag_error(c->diag, (Span){0}, "unknown pass `%s`", name);
  return NULL;
}

// Calls `each` with every name of a list joined by commas, until it says no.
static bool split(PassContext *c, const char *list, bool (*each)(PassContext *c, const char *name, Pipeline *to),
                  Pipeline *to) {
  bool ok = true;
  for (const char *s = list; ok && s && *s;) {
    size_t n = strcspn(s, ",");
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(n < 63 ? n : 63), s);
    ok = each(c, name, to);
    s += n + (s[n] == ',');
  }
  return ok;
}

static bool append(PassContext *c, const char *name, Pipeline *to) {
  const PassInfo *pass = find(c, name);
  if (pass) vec_push(to, pass);
  return pass != NULL;
}

static bool known(PassContext *c, const char *name, Pipeline *to) {
  (void)to;
  return find(c, name) != NULL;
}

static bool listed(const char *list, const char *name) {
  size_t n = strlen(name);
  for (const char *s = list; s && *s; s += strcspn(s, ","), s += *s == ',')
    if (strcspn(s, ",") == n && !strncmp(s, name, n)) return true;
  return false;
}

static regex_t *compile(PassContext *c, const char *expression, const char *option, bool *ok) {
  if (!expression) return NULL;
  regex_t *r = xmalloc(sizeof *r);
  int status = regcomp(r, expression, REG_EXTENDED | REG_NOSUB);
  if (!status) return r;
  char why[128];
  regerror(status, r, why, sizeof why);
  diag_error(c->diag, (Span){0}, "%s=%s: %s", option, expression, why);
  free(r);
  *ok = false;
  return NULL;
}

bool passes_init(PassContext *c, Module *module, LProgram *program, Diag *diag, const PassOptions *o) {
  *c = (PassContext){.module = module, .program = program, .diag = diag, .options = *o};
  c->target = (LowerTarget){.vector_bytes = 16, .vector_registers = 16};
  bool ok = true;
  c->remarks = compile(c, o->remarks, "-Rpass", &ok);
  c->missed = compile(c, o->missed, "-Rpass-missed", &ok);
  const char *lists[] = {o->print_before, o->print_after, o->stop_after, o->disable};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) ok = split(c, lists[i], known, NULL) && ok;
  return ok;
}

void passes_free(PassContext *c) {
  if (c->remarks) regfree(c->remarks);
  if (c->missed) regfree(c->missed);
  free(c->remarks);
  free(c->missed);
  vec_free(&c->runs);
  vec_free(&c->counts);
  vec_free(&c->refusals);
}

// ---- facts

static bool is_primitive(const Module *m) {
  for (const Node *n = m->first; n; n = n->next)
    if (op_has(n->op, TRAIT_COMPOSITE)) return false;
  return true;
}

static unsigned facts(const PassContext *c, unsigned asked) {
  unsigned held = 0;
  if (asked & FACT_PRIMITIVE && (!c->module || is_primitive(c->module))) held |= FACT_PRIMITIVE;
  if (asked & FACT_LOWERED && c->program) held |= FACT_LOWERED;
  if (asked & FACT_PLANNED && c->program && c->program->arena_bytes >= 0) held |= FACT_PLANNED;
  return held;
}

static bool may_run(PassContext *c, const PassInfo *pass) {
  if (pass->level == PASS_GRAPH && c->program) {
    diag_error(c->diag, (Span){0}, "pass `%s` works on the graph, which is lowered already", pass->name);
    return false;
  }
  unsigned missing = pass->requires & ~facts(c, pass->requires);
  if (!missing) return true;
  int n;
  const PassInfo *table = passes_table(&n);
  for (int i = 0; i < n; i++)
    if (table[i].establishes & missing)
      diag_error(c->diag, (Span){0}, "pass `%s` needs what `%s` does; run that before it", pass->name, table[i].name);
  return false;
}

// ---- text and checks

static void print(const PassContext *c, StrBuf *out) {
  if (c->program)
    loop_print(c->program, out);
  else
    graph_print(c->module, out, &(PrintOptions){0});
}

static void dump(PassContext *c, const char *when, const char *text) {
  if (!c->dump) return;
  StrBuf out = {0};
  strbuf_printf(&out, "# %s %s\n%s\n", when, c->pass->name, text);
  c->dump(c->dump_user, strbuf_str(&out));
  strbuf_free(&out);
}

static void dump_now(PassContext *c, const char *when) {
  StrBuf text = {0};
  print(c, &text);
  dump(c, when, strbuf_str(&text));
  strbuf_free(&text);
}

// The module's own bytes stand in for the files and side files that its text names.
static Blob *open_own(void *user, Diag *d, const char *dir, const char *file, const char *key, DType *stored, int *rank,
                      Dim *dims) {
  (void)d, (void)dir;
  Module *m = user;
  for (size_t i = 0; i < m->weights.len; i++) {
    Weight *w = m->weights.data[i];
    char hash[32];
    bool same = w->source == WEIGHT_FILE && file && !strcmp(w->file, file) && !strcmp(w->key, key);
    if (!same && w->source == WEIGHT_DENSE && w->blob) {
      snprintf(hash, sizeof hash, "%016llx", (unsigned long long)weight_hash(w));
      same = !strcmp(hash, key);
    }
    if (!same || !w->blob) continue;
    *stored = w->stored;
    *rank = w->type->rank;
    memcpy(dims, w->type->dims, sizeof *dims * (size_t)w->type->rank);
    w->blob->refs++;
    return w->blob;
  }
  return NULL;
}

static void check_graph_round_trip(PassContext *c) {
  StrBuf text = {0}, why = {0};
  print(c, &text);
  Diag *d = diag_create();
  Module *again = graph_read(d, c->pass->name, strbuf_str(&text), text.len, ".", open_own, c->module);
  if (!again) diag_print(d, &why, false);
  CHECK(again, "after pass `%s` the module's text does not read back:\n%s", c->pass->name, strbuf_str(&why));
  CHECK(graph_equal(c->module, again, &why), "after pass `%s` the module's text reads back as another: %s",
        c->pass->name, strbuf_str(&why));
  module_destroy(again);
  diag_destroy(d);
  strbuf_free(&text);
  strbuf_free(&why);
}

static void check_program_round_trip(PassContext *c) {
  StrBuf text = {0}, second = {0};
  print(c, &text);
  Diag *d = diag_create();
  LProgram *again = loop_read(d, c->pass->name, strbuf_str(&text), text.len);
  if (again)
    loop_print(again, &second);
  else
    diag_print(d, &second, false);
  CHECK(again && !strcmp(strbuf_str(&text), strbuf_str(&second)),
        "after pass `%s` the program's text reads back as\n%s", c->pass->name, strbuf_str(&second));
  loop_program_destroy(again);
  diag_destroy(d);
  strbuf_free(&text);
  strbuf_free(&second);
}

static void verify(PassContext *c) {
  StrBuf problems = {0};
  bool ok = c->program ? loop_verify(c->program, &problems) : graph_verify(c->module, &problems);
  CHECK(ok, "after pass `%s`:\n%s", c->pass->name, strbuf_str(&problems));
  strbuf_free(&problems);
  if (c->program)
    check_program_round_trip(c);
  else
    check_graph_round_trip(c);
}

// What came from a text may break invariants that its reader does not know of; passes rely on them.
static bool input_is_sound(PassContext *c) {
  StrBuf problems = {0};
  bool ok = c->program ? loop_verify(c->program, &problems) : graph_verify(c->module, &problems);
  if (!ok)
    diag_error(c->diag, (Span){0}, "`%s` breaks rules of the IR:\n%s", c->program ? c->program->name : c->module->name,
               strbuf_str(&problems));
  strbuf_free(&problems);
  return ok;
}

// ---- running

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int count_nodes(const PassContext *c) {
  int n = 0;
  if (c->program) return (int)c->program->phases.len;
  for (const Node *node = c->module->first; node; node = node->next) n++;
  return n;
}

static bool timed(PassContext *c) {
  int before = count_nodes(c);
  double start = now();
  bool ok = c->pass->run(c);
  vec_push(&c->runs, (PassRun){c->pass, now() - start, before, ok ? count_nodes(c) : before});
  return ok;
}

static bool run_one(PassContext *c) {
  const PassOptions *o = &c->options;
  StrBuf before = {0};
  if (!may_run(c, c->pass)) return false;
  if (listed(o->print_before, c->pass->name)) dump_now(c, "before");
  if (o->print_changed) print(c, &before);
  bool ok = timed(c);
  if (ok) {
    unsigned missing = c->pass->establishes & ~facts(c, c->pass->establishes);
    CHECK(!missing, "pass `%s` did not establish what it promises (%#x)", c->pass->name, missing);
    if (o->verify_each) verify(c);
    if (o->print_after_all || listed(o->print_after, c->pass->name)) dump_now(c, "after");
  }
  if (ok && o->print_changed) {
    StrBuf after = {0};
    print(c, &after);
    bool changed = strcmp(strbuf_str(&before), strbuf_str(&after)) != 0;
    dump(c, changed ? "changed by" : "unchanged by", changed ? strbuf_str(&after) : "");
    strbuf_free(&after);
  }
  strbuf_free(&before);
  return ok;
}

// Whether the pass is to be left out.
static bool skipped(PassContext *c) {
  const PassOptions *o = &c->options;
  if (listed(o->disable, c->pass->name)) return true;
  if (o->bisect < 0 || c->pass->needed != PASS_OPTIONAL) return false;
  bool skip = ++c->bisected > o->bisect;
  char text[96];
  snprintf(text, sizeof text, "# bisect: %s pass %d, %s\n", skip ? "skip" : "run", c->bisected, c->pass->name);
  if (c->dump) c->dump(c->dump_user, text);
  return skip;
}

bool passes_run(PassContext *c, const char *pipeline) {
  Pipeline passes = {0};
  bool ok = split(c, pipeline, append, &passes) && input_is_sound(c);
  for (size_t i = 0; ok && i < passes.len; i++) {
    c->pass = passes.data[i];
    if (!skipped(c)) ok = run_one(c);
    c->stopped = c->options.stop_after && !strcmp(c->options.stop_after, c->pass->name);
    if (c->stopped) break;
  }
  c->pass = NULL;
  vec_free(&passes);
  return ok;
}

// ---- reports

void passes_list(StrBuf *out) {
  int n;
  const PassInfo *table = passes_table(&n);
  for (int i = 0; i < n; i++) strbuf_printf(out, "  %-18s %s\n", table[i].name, table[i].help);
}

void passes_times(const PassContext *c, StrBuf *out) {
  double total = 0;
  for (size_t i = 0; i < c->runs.len; i++) total += c->runs.data[i].seconds;
  strbuf_printf(out, "%-18s %10s %7s   %s\n", "pass", "time ms", "share", "nodes");
  for (size_t i = 0; i < c->runs.len; i++) {
    const PassRun *r = &c->runs.data[i];
    strbuf_printf(out, "%-18s %10.2f %6.1f%%   %d -> %d\n", r->pass->name, r->seconds * 1e3,
                  total > 0 ? r->seconds / total * 100 : 0, r->nodes_before, r->nodes_after);
  }
  strbuf_printf(out, "%-18s %10.2f\n", "total", total * 1e3);
}

void passes_counts(const PassContext *c, StrBuf *out) {
  for (size_t i = 0; i < c->counts.len; i++) {
    const PassCount *count = &c->counts.data[i];
    strbuf_printf(out, "%8lld %-18s %s\n", (long long)count->n, count->pass->name, count->what);
  }
}
