// ONNX's backend suite, compiled and run, or judged by the reference interpreter alone (-r). See README.md.
//
//   test_onnx [-r] [-O LEVEL] [-t THREADS] [-j JOBS] DATA LISTS [PATTERN...]
//
// Each case runs in a process of its own, JOBS at once (0: in this process, for a debugger). It fails when the suite
// in DATA is not the one that is listed, when a case fails that is neither excluded nor known to fail, and when one
// passes that is known to fail. NNCC_BLESS=1 writes those that fail to LISTS/onnx_failing.txt instead.
#include "ir/core/check.h"
#include "tests/conformance/onnx_case.h"
#include "tests/conformance/onnx_lists.h"
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS_MAX = 120 }; // a case

typedef struct Trial {
  bool selected;
  const OnnxEntry *excluded; // NULL: it is run
  bool known;                // to fail
} Trial;

typedef struct Suite {
  Arena *arena;
  const char *data, *lists;
  OnnxJudge judge;
  int jobs;
  OnnxList cases, excluded, failing;
  Trial *trials;         // of each case
  OnnxOutcome *outcomes; // of each case; children write theirs
  int problems;
} Suite;

static bool runs(const Suite *s, size_t k) { return s->trials[k].selected && !s->trials[k].excluded; }

// ---- which cases

static OnnxEntry *find_case(const Suite *s, const char *name) {
  for (size_t k = 0; k < s->cases.len; k++)
    if (!strcmp(s->cases.data[k].name, name)) return &s->cases.data[k];
  return NULL;
}

static void problem(Suite *s, const char *what, const char *name) {
  printf("%s: %s\n", what, name);
  s->problems++;
}

static void discover(Suite *s) {
  glob_t found;
  int status = glob(arena_printf(s->arena, "%s/*/test_*", s->data), 0, NULL, &found);
  CHECK(!status || status == GLOB_NOMATCH, "%s cannot be read", s->data);
  for (size_t i = 0; i < found.gl_pathc; i++) {
    const char *name = found.gl_pathv[i] + strlen(s->data) + 1;
    OnnxEntry *e = find_case(s, name);
    if (e)
      e->used = true;
    else
      problem(s, "not on the list of cases", name);
  }
  globfree(&found);
  for (size_t k = 0; k < s->cases.len; k++)
    if (!s->cases.data[k].used) problem(s, "the suite has no such case", s->cases.data[k].name);
}

static void choose(Suite *s, const OnnxList *patterns) {
  s->trials = arena_array(s->arena, Trial, s->cases.len);
  size_t bytes = sizeof *s->outcomes * (s->cases.len + 1);
  s->outcomes = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(s->outcomes != MAP_FAILED, "no memory");
  for (size_t k = 0; k < s->cases.len; k++) {
    const char *name = s->cases.data[k].name;
    OnnxEntry *excluded = onnx_list_match(&s->excluded, name), *failing = onnx_list_match(&s->failing, name);
    if (excluded) excluded->used = true;
    if (failing) failing->used = true;
    s->trials[k] = (Trial){!patterns->len || onnx_list_match(patterns, name), excluded, failing};
    if (excluded && failing) problem(s, "excluded and known to fail", name);
  }
  for (size_t i = 0; i < s->excluded.len; i++) {
    if (!s->excluded.data[i].used) problem(s, "excluded, but no case", s->excluded.data[i].name);
    if (!s->excluded.data[i].label) problem(s, "excluded without a reason", s->excluded.data[i].name);
  }
  for (size_t i = 0; i < s->failing.len; i++)
    if (!s->failing.data[i].used) problem(s, "known to fail, but no case", s->failing.data[i].name);
}

// ---- running them

typedef struct Slot {
  pid_t child; // 0: none
  size_t at;   // of its case
  int said;    // a file of what it prints
} Slot;

static void start(const Suite *s, Slot *slot, size_t at) {
  slot->at = at;
  CHECK(!ftruncate(slot->said, 0), "a file in memory cannot be emptied");
  fflush(NULL);
  slot->child = fork();
  CHECK(slot->child >= 0, "no process");
  if (slot->child) return;
  lseek(slot->said, 0, SEEK_SET);
  dup2(slot->said, 1);
  dup2(slot->said, 2);
  alarm(SECONDS_MAX);
  onnx_case_run(&s->judge, s->data, s->cases.data[at].name, &s->outcomes[at]);
  _exit(0);
}

static void finish(const Suite *s, Slot *slots) {
  int status;
  pid_t child = wait(&status);
  CHECK(child > 0, "no child");
  for (int i = 0; i < s->jobs; i++) {
    if (slots[i].child != child) continue;
    slots[i].child = 0;
    if (WIFEXITED(status) && !WEXITSTATUS(status)) return;
    OnnxOutcome *o = &s->outcomes[slots[i].at];
    char said[REASON_SIZE / 2] = "";
    ssize_t n = pread(slots[i].said, said, sizeof said - 1, 0);
    said[n > 0 ? strcspn(said, "\n") : 0] = 0;
    o->passed = false;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
      snprintf(o->reason, sizeof o->reason, "it took more than %d s", SECONDS_MAX);
    else
      snprintf(o->reason, sizeof o->reason, "it ended by %s: %s",
               WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "exit", said);
    return;
  }
}

static Slot *free_slot(const Suite *s, Slot *slots) {
  for (int i = 0; i < s->jobs; i++)
    if (!slots[i].child) return &slots[i];
  return NULL;
}

static void run_here(const Suite *s) {
  for (size_t k = 0; k < s->cases.len; k++)
    if (runs(s, k)) onnx_case_run(&s->judge, s->data, s->cases.data[k].name, &s->outcomes[k]);
}

static void run(const Suite *s) {
  if (!s->jobs) return run_here(s);
  Slot *slots = arena_array(s->arena, Slot, s->jobs);
  for (int i = 0; i < s->jobs; i++) CHECK((slots[i].said = memfd_create("said", 0)) >= 0, "no file in memory");
  int running = 0;
  for (size_t k = 0; k < s->cases.len; k++) {
    if (!runs(s, k)) continue;
    if (running == s->jobs) finish(s, slots), running--;
    start(s, free_slot(s, slots), k);
    running++;
  }
  while (running--) finish(s, slots);
  for (int i = 0; i < s->jobs; i++) close(slots[i].said);
}

// ---- what is said of them

// The reference judges less than the list of failures is about, so it is not asked to fail.
static bool unexpected(const Suite *s, size_t k) {
  bool passed = s->outcomes[k].passed;
  return runs(s, k) && (s->judge.reference ? !passed && !s->trials[k].known : passed == s->trials[k].known);
}

static void report_failures(const Suite *s) {
  for (size_t k = 0; k < s->cases.len; k++) {
    const OnnxEntry *e = &s->cases.data[k];
    if (!runs(s, k) || (s->outcomes[k].passed && !unexpected(s, k))) continue;
    printf("%s  %s [%s]  %s\n", s->trials[k].known ? "known" : "FAIL ", e->name, e->label,
           s->outcomes[k].passed ? "PASSES: take it off onnx_failing.txt" : s->outcomes[k].reason);
  }
}

static void report_label(const Suite *s, const char *label) {
  int cases = 0, passed = 0, frozen = 0, excluded = 0, failed = 0, odd = 0;
  for (size_t k = 0; k < s->cases.len; k++) {
    if (!s->trials[k].selected || (label && strcmp(s->cases.data[k].label, label) != 0)) continue;
    cases++;
    excluded += !runs(s, k);
    passed += runs(s, k) && s->outcomes[k].passed;
    frozen += runs(s, k) && s->outcomes[k].passed && s->outcomes[k].frozen;
    failed += runs(s, k) && !s->outcomes[k].passed;
    odd += unexpected(s, k);
  }
  if (cases || !label)
    printf("%-10s %7d %7d %7d %9d %7d %11d\n", label ? label : "all", cases, passed, frozen, excluded, failed, odd);
}

static int report(const Suite *s) {
  static const char *const labels[] = {"core", "ext", "-", "converted", "operator", "simple", "light"};
  int odd = 0;
  for (size_t k = 0; k < s->cases.len; k++) odd += unexpected(s, k);
  report_failures(s);
  printf("%-10s %7s %7s %7s %9s %7s %11s\n", "label", "cases", "passed", "frozen", "excluded", "failed", "unexpected");
  for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) report_label(s, labels[i]);
  report_label(s, NULL);
  return odd + s->problems;
}

static int bless(const Suite *s) {
  const char *path = arena_printf(s->arena, "%s/onnx_failing.txt", s->lists);
  FILE *f = fopen(path, "w");
  CHECK(f, "%s cannot be written", path);
  fprintf(f, "# What fails today and is to pass; written by NNCC_BLESS=1, see README.md.\n");
  for (size_t k = 0; k < s->cases.len; k++) {
    const Trial *t = &s->trials[k];
    if (!t->excluded && (t->selected ? !s->outcomes[k].passed : t->known)) fprintf(f, "%s\n", s->cases.data[k].name);
  }
  CHECK(!fclose(f), "%s cannot be written", path);
  return s->problems;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool parse(Suite *s, int argc, char **argv) {
  *s =
      (Suite){.arena = arena_create(), .judge = {.level = 2, .threads = 1}, .jobs = (int)sysconf(_SC_NPROCESSORS_ONLN)};
  for (int c; (c = getopt(argc, argv, "rO:t:j:")) >= 0;) switch (c) {
    case 'r': s->judge.reference = true; break;
    case 'O': s->judge.level = atoi(optarg); break;
    case 't': s->judge.threads = atoi(optarg); break;
    case 'j': s->jobs = atoi(optarg); break;
    default: return false;
    }
  if (argc - optind < 2) return false;
  s->data = argv[optind];
  s->lists = argv[optind + 1];
  return true;
}

int main(int argc, char **argv) {
  Suite s;
  if (!parse(&s, argc, argv)) {
    fprintf(stderr, "usage: test_onnx [-r] [-O LEVEL] [-t THREADS] [-j JOBS] DATA LISTS [PATTERN...]\n");
    return 2;
  }
  OnnxList patterns = {0};
  for (int i = optind + 2; i < argc; i++) vec_push(&patterns, (OnnxEntry){.name = argv[i]});
  s.cases = onnx_list_read(s.arena, s.lists, "onnx_cases.tsv");
  s.excluded = onnx_list_read(s.arena, s.lists, "onnx_excluded.txt");
  s.failing = onnx_list_read(s.arena, s.lists, "onnx_failing.txt");
  discover(&s);
  choose(&s, &patterns);
  double begin = now();
  run(&s);
  int wrong = report(&s);
  printf("%.1f s\n", now() - begin);
  const char *b = getenv("NNCC_BLESS");
  if (b && *b && *b != '0' && !s.judge.reference) wrong = bless(&s);
  vec_free(&patterns);
  vec_free(&s.cases);
  vec_free(&s.excluded);
  vec_free(&s.failing);
  arena_destroy(s.arena);
  return wrong != 0;
}
