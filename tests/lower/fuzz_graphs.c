// fuzz_graphs [count [first seed]]: random graphs, judged by the reference: after each optional graph pass alone, as
// native code at -O0 and -O2, with one optional pass, and pruned and factorized, for one of three instruction sets,
// with 1, 2 and 3 threads. Each graph is tried in a process of its own, so that crashes are failures like others. A
// failing graph is made smaller as long as it fails, then printed.
#include "ir/core/check.h"
#include "passes/pass.h"
#include "tests/lower/generate.h"
#include "tests/lower/native.h"
#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDING 1e-6 // absolute: values are of size 1, and a mean of many may be all rounding

typedef struct Subject {
  Module *m;
  const int64_t *symbols;
  uint64_t seed;
  RefTensor *in, *want;
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

// ---- graph passes, by the reference

static double change(const RefTensor *a, const RefTensor *b) {
  double largest = 0, worst = 0;
  for (int64_t k = 0; k < a->count; k++) {
    double x = ref_at(a, k), y = ref_at(b, k);
    if (isnan(x) && isnan(y)) continue;
    largest = fmax(largest, fabs(x));
    worst = fmax(worst, x == y ? 0 : fabs(x - y));
    if (isnan(x) != isnan(y)) worst = INFINITY;
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
    double by = change(&s->want[i], &got[i]);
    if (by <= pass->tolerance) continue;
    printf("%s: output %s changes by %.3g, %.3g is allowed\n", pass->name, m->outputs.data[i].name, by,
           pass->tolerance);
    s->bad++;
  }
  for (size_t i = 0; i < m->outputs.len; i++) ref_tensor_free(&got[i]);
  free(got);
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
    s->bad += native_judge(&n, s->symbols, s->in, s->want, ROUNDING, report, &setting);
  native_close(&n);
  diag_destroy(d);
}

// The network that lossy passes make of it, as native code, by the reference on that network.
static void check_lossy(Subject *s, const char *cpu) {
  Diag *d = diag_create();
  Subject made = {.m = module_clone(s->m), .symbols = s->symbols, .seed = s->seed, .in = s->in};
  made.m->diag = d;
  PassContext c;
  PassOptions o = passes_options();
  o.verify_each = true;
  o.factorize = (Factorization){FACTORIZE_SPATIAL, s->seed % 2 ? 0.9 : 0.5};
  o.prune = (Pruning){s->seed % 4 ? PRUNE_STRUCTURED : PRUNE_MAGNITUDE, s->seed % 3 ? 0.3 : 0.6};
  made.want = xcalloc(s->m->outputs.len + 1, sizeof *made.want);
  bool ok = passes_init(&c, made.m, NULL, d, &o) && passes_run(&c, "prune,factorize") &&
            ref_run(made.m, s->symbols, s->in, made.want, NULL, NULL, d);
  if (ok)
    check_native(&made, "prune, factorize", &(NativeOptions){.level = 2, .cpu = cpu});
  else
    fail(s, "prune, factorize", d);
  s->bad += made.bad;
  for (size_t i = 0; i < made.m->outputs.len; i++) ref_tensor_free(&made.want[i]);
  free(made.want);
  passes_free(&c);
  module_destroy(made.m);
  diag_destroy(d);
}

static void check_all(Subject *s) {
  static const char *const cpus[] = {NULL, "x86-64-v3", "x86-64-v2"};
  const char *cpu = cpus[s->seed % 3];
  if (!native_supports(cpu)) cpu = NULL;
  int n_passes, n_optional = 0;
  const PassInfo *passes = passes_table(&n_passes), *optional[32];
  for (int i = 0; i < n_passes; i++)
    if (passes[i].level == PASS_GRAPH && passes[i].needed == PASS_OPTIONAL) optional[n_optional++] = &passes[i];
  for (int i = 0; i < n_optional; i++) check_pass(s, optional[i]);
  check_pass(s, passes_find("decompose"));
  check_lossy(s, cpu);
  char name[100], pipeline[200];
  const char *pass = optional[s->seed % (uint64_t)n_optional]->name;
  snprintf(pipeline, sizeof pipeline, "%s,decompose,%s,assign-layouts,lower,plan-memory", pass, pass);
  for (int k = 0; k < 3; k++) {
    snprintf(name, sizeof name, "%s %s", (const char *[]){"-O0", "-O2", pass}[k], cpu ? cpu : "native");
    check_native(s, name,
                 &(NativeOptions){.level = k == 1 ? 2 : 0,
                                  .cpu = cpu,
                                  .pipeline = k == 2 ? pipeline : NULL,
                                  .chains = s->seed / 3 % 2}); // pictures are too small for them to pay
  }
}

// In a process of its own; what it says goes to `out`, NULL for nowhere.
static bool passes(Module *m, const int64_t *symbols, uint64_t seed, FILE *out) {
  fflush(NULL);
  pid_t child = fork();
  CHECK(child >= 0, "no process");
  if (!child) {
    FILE *to = out ? out : fopen("/dev/null", "w");
    dup2(fileno(to), 1);
    dup2(fileno(to), 2);
    alarm(120);
    Subject s = {.m = m, .symbols = symbols, .seed = seed, .in = generate_inputs(m, symbols, seed)};
    s.want = xcalloc(m->outputs.len + 1, sizeof *s.want);
    Diag *d = diag_create();
    if (ref_run(m, symbols, s.in, s.want, NULL, NULL, d))
      check_all(&s);
    else
      fail(&s, "reference", d);
    fflush(NULL);
    _exit(s.bad ? 1 : 0);
  }
  int status;
  while (waitpid(child, &status, 0) < 0) {}
  if (out && WIFSIGNALED(status))
    fprintf(out, "it ended by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// ---- making a failing graph smaller

static void prune(Module *m) {
  for (Node *n = m->last, *prev; n; n = prev) {
    prev = n->prev;
    bool used = false;
    for (int i = 0; i < n->n_results; i++) used |= n->results[i]->uses || graph_is_output(m, n->results[i]);
    if (!used) graph_remove(m, n);
  }
  size_t kept = 0;
  for (size_t i = 0; i < m->inputs.len; i++) {
    Value *v = m->inputs.data[i];
    if (!v->uses && !graph_is_output(m, v)) continue;
    v->index = (int)kept;
    m->inputs.data[kept++] = v;
  }
  m->inputs.len = kept;
  graph_drop_unused_weights(m);
}

static Node *node_at(Module *m, int k) {
  Node *n = m->first;
  while (k-- && n) n = n->next;
  return n;
}

// One way of making it smaller: node k becomes its operand (where the types agree), inputs of the model, or output k -
// n goes. NULL: this way does not apply.
static Module *smaller(const Module *from, int k, int n_nodes, bool bypass) {
  if (k >= n_nodes && (from->outputs.len < 2 || bypass)) return NULL;
  Module *m = module_clone(from);
  Node *n = k < n_nodes ? node_at(m, k) : NULL;
  Value *x = n ? operand(n, 0) : NULL;
  if (bypass && (!x || n->n_results != 1 || x->type != result(n)->type)) return module_destroy(m), NULL;
  for (int i = 0; n && i < n->n_results; i++) {
    Value *old = n->results[i];
    if (!old->uses && !graph_is_output(m, old)) continue;
    Value *with = bypass ? x : graph_input(m, arena_printf(m->arena, "cut%u", old->id), old->type);
    graph_replace_uses(m, old, with);
  }
  if (n)
    graph_remove(m, n);
  else {
    size_t gone = (size_t)(k - n_nodes);
    memmove(&m->outputs.data[gone], &m->outputs.data[gone + 1], (m->outputs.len - gone - 1) * sizeof *m->outputs.data);
    m->outputs.len--;
  }
  prune(m);
  return m;
}

static int count_nodes(const Module *m) {
  int n = 0;
  for (const Node *k = m->first; k; k = k->next) n++;
  return n;
}

static Module *shrink(Module *m, const int64_t *symbols, uint64_t seed) {
  for (bool changed = true; changed;) {
    changed = false;
    int n = count_nodes(m);
    for (int k = n + (int)m->outputs.len - 1; k >= 0 && !changed; k--)
      for (int way = 0; way < 2 && !changed; way++) {
        Module *less = smaller(m, k, n, way == 0);
        if (!less) continue;
        changed = (less->first || n > count_nodes(less)) && !passes(less, symbols, seed, NULL);
        module_destroy(changed ? m : less);
        if (changed) m = less;
      }
  }
  return m;
}

static bool try_seed(uint64_t seed) {
  Diag *d = diag_create();
  Generated g = generate(seed, d);
  bool ok = passes(g.m, g.symbols, seed, stdout);
  if (!ok) {
    printf("seed %llu fails (%d nodes); making it smaller\n", (unsigned long long)seed, count_nodes(g.m));
    g.m = shrink(g.m, g.symbols, seed);
    passes(g.m, g.symbols, seed, stdout);
    StrBuf text = {0};
    graph_print(g.m, &text, &(PrintOptions){0});
    printf("%s", strbuf_str(&text));
    for (int i = 0; i < dim_symbol_count(g.m->dims); i++)
      printf("%s = %lld\n", dim_symbol_at(g.m->dims, i)->name, (long long)g.symbols[i]);
    printf("fuzz_graphs 1 %llu\n\n", (unsigned long long)seed);
    strbuf_free(&text);
  }
  module_destroy(g.m);
  diag_destroy(d);
  return ok;
}

int main(int argc, char **argv) {
  uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 100, first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1,
           bad = 0;
  for (uint64_t seed = first; seed < first + count; seed++) bad += !try_seed(seed);
  printf("%llu of %llu graphs fail\n", (unsigned long long)bad, (unsigned long long)count);
  return bad != 0;
}
