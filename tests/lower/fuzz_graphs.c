// fuzz_graphs layers|any [count [first seed [stop|brief]]]: random graphs, each in many ways by the reference
// (differential.h); `stop`: at the first that fails, as it is; `brief`: so too, and at -O2 alone.
// fuzz_graphs layers|any FILE.nnir SEED [symbol...]: one graph, as such a run has left it behind.
// Each graph is tried in a process of its own, so that crashes are failures like others. A failing graph is made
// smaller as long as it fails, then left as a text with the command that shows the failure again.
#include "frontend/weights/weights.h"
#include "ir/core/check.h"
#include "tests/lower/differential.h"
#include "tests/lower/shrink.h"
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Trial {
  GeneratedKind kind;
  uint64_t seed;
  Module *m; // NULL: the one of the seed
  const int64_t *symbols;
  bool only_make; // the graph: no test of it
  bool brief;
} Trial;

static const char *const KINDS[] = {"layers", "any"};

static bool attempt(const Trial *t) {
  if (t->m) return differential(t->kind, t->m, t->symbols, t->seed, t->brief) == 0;
  Diag *d = diag_create();
  Generated g = generate(t->kind, t->seed, d);
  bool ok = t->only_make || differential(t->kind, g.m, g.symbols, t->seed, t->brief) == 0;
  module_destroy(g.m);
  diag_destroy(d);
  return ok;
}

// In a process of its own; what it says goes to `out`, NULL for nowhere.
static bool passes(const Trial *t, FILE *out) {
  fflush(NULL);
  pid_t child = fork();
  CHECK(child >= 0, "no process");
  if (!child) {
    FILE *to = out ? out : fopen("/dev/null", "w");
    dup2(fileno(to), 1);
    dup2(fileno(to), 2);
    alarm(120);
    bool ok = attempt(t);
    fflush(NULL);
    _exit(!ok);
  }
  int status;
  while (waitpid(child, &status, 0) < 0) {}
  if (out && WIFSIGNALED(status))
    fprintf(out, "it ended by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool still_fails(void *user, Module *m, const int64_t *symbols) {
  const Trial *t = user;
  return !passes(&(Trial){.kind = t->kind, .seed = t->seed, .m = m, .symbols = symbols}, NULL);
}

// The graph in the working directory, and how to try it again.
static void leave(const Trial *t, Module *m, const int64_t *symbols) {
  const char *stem = arena_printf(m->arena, "%s-%llu", KINDS[t->kind], (unsigned long long)t->seed),
             *path = arena_printf(m->arena, "%s.nnir", stem);
  StrBuf text = {0};
  graph_print(m, &text, &(PrintOptions){.side_file = arena_printf(m->arena, "%s.safetensors", stem)});
  FILE *f = fopen(path, "w");
  CHECK(f && fwrite(strbuf_str(&text), 1, text.len, f) == text.len && !fclose(f), "%s cannot be written", path);
  printf("%sfuzz_graphs %s %s %llu", strbuf_str(&text), KINDS[t->kind], path, (unsigned long long)t->seed);
  for (int i = 0; i < dim_symbol_count(m->dims); i++) printf(" %lld", (long long)symbols[i]);
  printf("\n\n");
  strbuf_free(&text);
}

static bool try_seed(GeneratedKind kind, uint64_t seed, bool reduce, bool brief) {
  Trial t = {.kind = kind, .seed = seed, .brief = brief};
  if (passes(&t, stdout)) return true;
  printf("fuzz_graphs %s 1 %llu fails", KINDS[kind], (unsigned long long)seed);
  t.only_make = true;
  if (!reduce) return printf("\n"), false;
  if (!passes(&t, NULL)) return printf(" while the graph is made\n\n"), false;
  Diag *d = diag_create();
  Generated g = generate(kind, seed, d);
  printf(" (%d nodes); making it smaller\n", shrink_count_nodes(g.m));
  g.m = shrink(g.m, g.symbols, still_fails, &t);
  passes(&(Trial){.kind = kind, .seed = seed, .m = g.m, .symbols = g.symbols}, stdout);
  leave(&t, g.m, g.symbols);
  module_destroy(g.m);
  diag_destroy(d);
  return false;
}

static bool try_file(GeneratedKind kind, const char *path, char **rest) {
  Diag *d = diag_create();
  int64_t symbols[MAX_SYMBOLS] = {0};
  Trial t = {.kind = kind, .seed = *rest ? strtoull(*rest, NULL, 10) : 1, .symbols = symbols};
  for (int i = 0; *rest && rest[i + 1] && i < MAX_SYMBOLS; i++) symbols[i] = strtoll(rest[i + 1], NULL, 10);
  StrBuf text = {0}, said = {0};
  FILE *f = fopen(path, "r");
  CHECK(f, "%s cannot be read", path);
  for (int c; (c = fgetc(f)) != EOF;) strbuf_putc(&text, (char)c);
  fclose(f);
  WeightFiles *files = weight_files_create();
  Module *m = t.m = graph_read(d, path, strbuf_str(&text), text.len, ".", weight_files_open, files);
  diag_print(d, &said, false);
  fputs(strbuf_str(&said), stdout);
  bool ok = m && passes(&t, stdout);
  if (m) module_destroy(m);
  weight_files_destroy(files);
  strbuf_free(&text);
  strbuf_free(&said);
  diag_destroy(d);
  return ok;
}

int main(int argc, char **argv) {
  GeneratedKind kind = argc > 1 && !strcmp(argv[1], "any") ? GENERATED_ANY : GENERATED_LAYERS;
  if (argc < 2 || strcmp(argv[1], KINDS[kind])) return fprintf(stderr, "usage: the head of fuzz_graphs.c\n"), 2;
  if (argc > 2 && strchr(argv[2], '.')) return !try_file(kind, argv[2], argv + 3);
  setvbuf(stdout, NULL, _IOLBF, 0);
  uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 100, first = argc > 3 ? strtoull(argv[3], NULL, 10) : 1,
           bad = 0;
  bool brief = argc > 4 && !strcmp(argv[4], "brief"), stop = brief || (argc > 4 && !strcmp(argv[4], "stop"));
  for (uint64_t seed = first; seed < first + count && !(stop && bad); seed++)
    bad += !try_seed(kind, seed, !stop, brief);
  printf("%llu of %llu graphs fail\n", (unsigned long long)bad, (unsigned long long)count);
  return bad != 0;
}
