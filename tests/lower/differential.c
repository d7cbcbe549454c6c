#include "tests/lower/differential.h"
#include "ir/core/check.h"
#include "passes/pass.h"
#include "tests/lower/native.h"
#include "tests/lower/room.h"
#include <math.h>
#include <string.h>

#define ROUNDING 1e-6 // absolute: values are of size 1, and a mean of many may be all rounding

typedef struct Subject {
  GeneratedKind kind;
  Module *m;
  const int64_t *symbols;
  uint64_t seed;
  RefTensor *in, *want;
  double **room; // NULL: none
  int bad;
} Subject;

typedef struct Setting {
  const char *name;
  Subject *subject;
} Setting;

static void report(void *user, int output, const char *text) {
  const Setting *s = user;
  if (output < 0)
    printf("%s: %s\n", s->name, text);
  else
    printf("%s: output %s: %s\n", s->name, s->subject->m->outputs.data[output].name, text);
}

static void fail(Subject *s, const char *setting, const Diag *d) {
  StrBuf text = {0};
  diag_print(d, &text, false);
  printf("%s: %s\n", setting, strbuf_str(&text));
  strbuf_free(&text);
  s->bad++;
}

static void free_outputs(Subject *s, RefTensor *t) {
  for (size_t i = 0; i < s->m->outputs.len; i++) ref_tensor_free(&t[i]);
  free(t);
}

// ---- text

// The module as its text reads back.
static void check_text(Subject *s) {
  Diag *d = diag_create();
  StrBuf text = {0}, why = {0};
  graph_print(s->m, &text, &(PrintOptions){0});
  Module *again = graph_read(d, "text", strbuf_str(&text), text.len, ".", graph_open_like, s->m);
  if (!again) fail(s, "text", d);
  if (again && !graph_equal(s->m, again, &why)) printf("text: reads back as another: %s\n", strbuf_str(&why)), s->bad++;
  if (again) module_destroy(again);
  strbuf_free(&text);
  strbuf_free(&why);
  diag_destroy(d);
}

// ---- graph passes, by the reference

// The largest change over the largest magnitude. What rounding may do is no change, but where a pass rounds nothing.
static double change(const RefTensor *a, const RefTensor *b, const double *room, bool exact) {
  double largest = 0, worst = 0;
  for (int64_t k = 0; k < a->count; k++) {
    double x = ref_at(a, k), y = ref_at(b, k);
    if ((isnan(x) && isnan(y)) || (room && room[k] == INFINITY)) continue;
    if (isfinite(x)) largest = fmax(largest, fabs(x));
    double by = x == y ? 0 : fabs(x - y);
    worst = fmax(worst, isnan(by) ? INFINITY : room && !exact ? fmax(0, by - room[k]) : by);
  }
  return worst == 0 ? 0 : worst / fmax(largest, 1e-30);
}

// The result must stay within the tolerance that the pass states.
static void check_pass(Subject *s, const PassInfo *pass) {
  Diag *d = diag_create();
  Module *m = module_clone(s->m);
  m->diag = d;
  PassContext c;
  PassOptions options = passes_options();
  options.verify_each = true;
  RefTensor *got = xcalloc(m->outputs.len + 1, sizeof *got);
  bool ok = passes_init(&c, m, NULL, d, &options) && passes_run(&c, pass->name) &&
            ref_run(m, s->symbols, s->in, got, NULL, NULL, d);
  if (!ok) fail(s, pass->name, d);
  for (size_t i = 0; ok && i < m->outputs.len; i++) {
    double by = change(&s->want[i], &got[i], s->room ? s->room[i] : NULL, pass->tolerance == 0);
    if (by <= pass->tolerance) continue;
    printf("%s: output %s changes by %.3g, %.3g is allowed\n", pass->name, m->outputs.data[i].name, by,
           pass->tolerance);
    s->bad++;
  }
  free_outputs(s, got);
  passes_free(&c);
  module_destroy(m);
  diag_destroy(d);
}

// ---- native code

static void check_native(Subject *s, const char *name, const NativeOptions *o) {
  Diag *d = diag_create();
  Native n;
  Setting setting = {name, s};
  if (!native_open(&n, s->m, o, d))
    fail(s, name, d);
  else
    s->bad += native_judge(&n, s->symbols, s->in, s->want, (Allowance){ROUNDING, s->room}, report, &setting);
  native_close(&n);
  diag_destroy(d);
}

// The network that lossy passes make of it, as native code, by the reference on that network.
static void check_lossy(Subject *s, const char *cpu) {
  Diag *d = diag_create();
  Subject made = {.kind = s->kind, .m = module_clone(s->m), .symbols = s->symbols, .seed = s->seed, .in = s->in};
  made.m->diag = d;
  PassContext c;
  PassOptions o = passes_options();
  o.verify_each = true;
  o.factorize = (Factorization){FACTORIZE_SPATIAL, s->seed % 2 ? 0.9 : 0.5};
  o.prune = (Pruning){s->seed % 4 ? PRUNE_STRUCTURED : PRUNE_MAGNITUDE, s->seed % 3 ? 0.3 : 0.6};
  made.want = xcalloc(s->m->outputs.len + 1, sizeof *made.want);
  bool ok = passes_init(&c, made.m, NULL, d, &o) && passes_run(&c, "prune,factorize") &&
            ref_run(made.m, s->symbols, s->in, made.want, NULL, NULL, d);
  if (ok && s->room) made.room = room_create(made.m, s->symbols, s->in, made.want, s->seed);
  if (ok)
    check_native(&made, "prune, factorize", &(NativeOptions){.level = 2, .cpu = cpu});
  else
    fail(s, "prune, factorize", d);
  s->bad += made.bad;
  room_free(made.room, made.m->outputs.len);
  free_outputs(&made, made.want);
  passes_free(&c);
  module_destroy(made.m);
  diag_destroy(d);
}

// Optional graph passes drawn at random, twice the same ones too, and what must run among them or behind: as the rows
// of the table allow.
static void draw_pipeline(uint64_t seed, StrBuf *out) {
  int n;
  const PassInfo *passes = passes_table(&n);
  unsigned facts = 0;
  uint64_t state = seed * 0x9e3779b97f4a7c15u;
  for (int left = 1 + (int)(seed % 12); left;) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const PassInfo *p = &passes[(state >> 33) % (uint64_t)n];
    bool once = p->establishes && !(p->establishes & ~facts), ends = p->needed == PASS_ALWAYS && !p->establishes;
    if (p->level != PASS_GRAPH || p->needed == PASS_LOSSY || once || ends || p->establishes & FACT_LOWERED) continue;
    if (p->requires & ~facts) continue;
    facts |= p->establishes;
    strbuf_printf(out, "%s,", p->name);
    left--;
  }
  for (int i = 0; i < n; i++)
    if (passes[i].needed == PASS_ALWAYS && (!passes[i].establishes || passes[i].establishes & ~facts))
      strbuf_printf(out, "%s%s", passes[i].name, passes[i].establishes & FACT_PLANNED ? "" : ",");
}

// Pictures are too small for it to pay.
static int forced_winograd(const Subject *s) { return (int[]){0, 2, 4}[s->seed / 2 % 3]; }

static void check_levels(Subject *s, const char *cpu) {
  StrBuf drawn = {0};
  draw_pipeline(s->seed, &drawn);
  for (int k = 0; k < 3; k++) {
    StrBuf name = {0};
    strbuf_printf(&name, "%s %s", (const char *[]){"-O0", "-O2", strbuf_str(&drawn)}[k], cpu ? cpu : "native");
    check_native(s, strbuf_str(&name),
                 &(NativeOptions){.level = k == 1 ? 2 : 0,
                                  .cpu = cpu,
                                  .pipeline = k == 2 ? strbuf_str(&drawn) : NULL,
                                  .winograd = k == 1 ? forced_winograd(s) : 0,
                                  .chains = s->seed / 3 % 2}); // as of Winograd
    strbuf_free(&name);
  }
  strbuf_free(&drawn);
}

static void check_all(Subject *s, bool brief) {
  static const char *const cpus[] = {NULL, "x86-64-v3", "x86-64-v2"};
  const char *cpu = cpus[s->seed % 3];
  if (!native_supports(cpu)) cpu = NULL;
  if (brief)
    return check_native(s, "-O2",
                        &(NativeOptions){.level = 2,
                                         .cpu = cpu,
                                         .winograd = forced_winograd(s),
                                         .chains = s->seed / 3 % 2,
                                         .sparse = s->seed / 7 % 2});
  int n_passes;
  const PassInfo *passes = passes_table(&n_passes);
  check_text(s);
  for (int i = 0; i < n_passes; i++)
    if (passes[i].level == PASS_GRAPH && passes[i].needed != PASS_LOSSY && !passes[i].requires)
      check_pass(s, &passes[i]);
  check_lossy(s, cpu);
  check_levels(s, cpu);
}

// Convolutions multiply what lies in the same block by zeros, or add and subtract neighbours (Winograd): a NaN of one
// group or pixel may reach another.
static bool keeps_specials_apart(const Module *m) {
  for (const Node *n = m->first; n; n = n->next)
    if (!strcmp(op_info(n->op)->family, "conv")) return false;
  return true;
}

int differential(GeneratedKind kind, Module *m, const int64_t *symbols, uint64_t seed, bool brief) {
  bool any = kind == GENERATED_ANY, special = any && seed % 4 == 0 && keeps_specials_apart(m);
  Subject s = {.kind = kind, .m = m, .symbols = symbols, .seed = seed};
  s.in = generate_inputs(m, symbols, seed, special);
  s.want = xcalloc(m->outputs.len + 1, sizeof *s.want);
  Diag *d = diag_create();
  bool ok = ref_run(m, symbols, s.in, s.want, NULL, NULL, d);
  if (ok && any) s.room = room_create(m, symbols, s.in, s.want, seed);
  if (ok)
    check_all(&s, brief);
  else if (!special) // an integer made of one of them may be a divisor
    fail(&s, "reference", d);
  room_free(s.room, m->outputs.len);
  free_outputs(&s, s.want);
  generated_inputs_free(s.in, m);
  diag_destroy(d);
  return s.bad;
}
