// Each call of a command that can fail does, one a run, and demands of each run: outputs that are whole, or what they
// were; no temporary files; success or a message and a status of its own; an end.
//
//   test_fault [-e EVERY] [-g GROUP] [-m LIBRARY] [-o OUTPUT]... COMMAND...
//
// EVERY: of the calls each EVERYth, but of each kind some. GROUP: these faults only. LIBRARY: memory.c, for
// allocations. The command must succeed where nothing fails, in the current folder, where it may leave nothing but what
// it left then.
#include "tests/fault/inject.h"
#include "tests/fault/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// What the C library calls today and did before; what an architecture lacks is left out.
static const Fault faults[] = {
    {.name = "open", .calls = {SYS_openat, SYS_open, -1}, .error = EMFILE},
    {.name = "read", .calls = {SYS_read, SYS_pread64, SYS_readv, SYS_getdents64, -1}, .error = EIO},
    {.name = "write", .calls = {SYS_write, SYS_pwrite64, SYS_writev, -1}, .error = ENOSPC},
    {.name = "close", .calls = {SYS_close, SYS_fsync, SYS_fdatasync, -1}, .error = EIO},
    {.name = "rename", .calls = {SYS_rename, SYS_renameat, SYS_renameat2, -1}, .error = EIO},
    {.name = "remove", .calls = {SYS_unlink, SYS_unlinkat, SYS_rmdir, -1}, .error = EACCES},
    {.name = "make", .calls = {SYS_mkdir, SYS_mkdirat, SYS_ftruncate, SYS_chmod, SYS_fchmod, -1}, .error = ENOSPC},
    {.name = "look",
     .calls = {SYS_newfstatat, SYS_fstat, SYS_stat, SYS_lstat, SYS_access, SYS_faccessat2, SYS_readlink, SYS_lseek,
               SYS_getcwd, -1},
     .error = EIO},
    {.name = "map", .calls = {SYS_mmap, SYS_brk, SYS_mremap, SYS_mprotect, SYS_madvise, -1}, .error = ENOMEM},
    {.name = "start", .calls = {SYS_clone, SYS_clone3, SYS_fork, SYS_vfork, SYS_execve, -1}, .error = EAGAIN},
    {.name = "wait", .calls = {SYS_wait4, SYS_waitid, -1}, .error = ECHILD},
    {.name = "kill",
     .calls = {SYS_write, SYS_pwrite64, SYS_rename, SYS_unlink, SYS_openat, SYS_vfork, SYS_clone3, SYS_execve,
               SYS_wait4, -1},
     .signal = SIGKILL},
    {.name = "stop",
     .calls = {SYS_write, SYS_pwrite64, SYS_rename, SYS_unlink, SYS_openat, SYS_vfork, SYS_clone3, SYS_execve,
               SYS_wait4, -1},
     .signal = SIGTERM},
};
enum { FAULTS = sizeof faults / sizeof *faults, OUTPUTS = 16, NAMES = 256, FAILURES_SHOWN = 20 };

typedef struct Content {
  char *bytes;
  size_t size;
} Content;

typedef struct Test {
  char **command;
  long every;
  const char *group, *library, *shared_path;
  const char *outputs[OUTPUTS];
  Content good[OUTPUTS];
  int n_outputs, failures, tried;
  char *names[NAMES]; // of files that may be there
  int n_names;
  Memory *memory;
} Test;

static void die(const char *what) {
  perror(what);
  exit(1);
}

// Nothing where there is no such file.
static Content content_of(const char *path) {
  Content c = {0};
  FILE *f = fopen(path, "rb");
  char chunk[1 << 14];
  for (size_t n; f && (n = fread(chunk, 1, sizeof chunk, f)); c.size += n) {
    c.bytes = realloc(c.bytes, c.size + n + 1);
    if (!c.bytes) die("memory");
    memcpy(c.bytes + c.size, chunk, n);
    c.bytes[c.size + n] = 0;
  }
  if (f) fclose(f);
  return c;
}

static bool equal(const Content *a, const Content *b) {
  return a->size == b->size && (!a->size || !memcmp(a->bytes, b->bytes, a->size));
}

// ---- the folder

static const char old_text[] = "before\n";

static void write_old(const char *path) {
  FILE *f = fopen(path, "wb");
  if (!f || fputs(old_text, f) < 0 || fclose(f)) die(path);
}

static Test *walked; // nftw hands nothing on

static int learn(const char *path, const struct stat *st, int kind, struct FTW *f) {
  (void)st, (void)kind, (void)f;
  if (walked->n_names == NAMES) die("too many files");
  walked->names[walked->n_names++] = strdup(path);
  return 0;
}

static const char *left; // the name of a file that may not be there

static int compare(const char *path, const struct stat *st, int kind, struct FTW *f) {
  (void)st, (void)kind, (void)f;
  for (int i = 0; i < walked->n_names; i++)
    if (!strcmp(path, walked->names[i])) return 0;
  if (!left) left = strdup(path);
  return remove(path);
}

static const char *find_left(Test *t) {
  walked = t;
  left = NULL;
  nftw(".", compare, 16, FTW_DEPTH | FTW_PHYS);
  return left;
}

// ---- one run

static void fail(Test *t, const Fault *f, const Outcome *o, const char *what, const char *which) {
  if (++t->failures > FAILURES_SHOWN) return;
  Content err = content_of("err");
  printf("FAIL %s %ld (call %d of %s): %s%s\n%.*s\n", f->name, f->at, o->number, o->caller, what, which,
         (int)(err.size < 1000 ? err.size : 1000), err.bytes ? err.bytes : "");
  free(err.bytes);
}

static void judge_outputs(Test *t, const Fault *f, const Outcome *o, bool success) {
  const Content old = {(char *)old_text, sizeof old_text - 1};
  for (int i = 0; i < t->n_outputs; i++) {
    Content now = content_of(t->outputs[i]);
    bool absent = access(t->outputs[i], F_OK), whole = !absent && equal(&now, &t->good[i]);
    bool ours = !strcmp(o->caller, "nncc");
    if (success && !whole && ours) fail(t, f, o, "success, but not the output ", t->outputs[i]);
    if (success && !whole && !ours) printf("%s overlooks its call %d: %s\n", o->caller, o->number, t->outputs[i]);
    if (!success && !whole && !absent && !equal(&now, &old)) fail(t, f, o, "half an output: ", t->outputs[i]);
    free(now.bytes);
  }
}

// What the loader says of libraries that it cannot read is not ours.
static bool is_loaders(const Content *err) {
  return err->bytes && (strstr(err->bytes, "error while loading shared libraries") || strstr(err->bytes, "ld.so"));
}

static void judge(Test *t, const Fault *f, const Outcome *o) {
  Content err = content_of("err");
  bool killed = WIFSIGNALED(o->status), expected = killed && f->signal && WTERMSIG(o->status) == f->signal;
  int status = killed ? -1 : WEXITSTATUS(o->status);
  if (!is_loaders(&err)) {
    if (o->hung) fail(t, f, o, "it hangs", "");
    if (killed && !o->hung && !expected) fail(t, f, o, "it ends by ", strsignal(WTERMSIG(o->status)));
    if (status == 70) fail(t, f, o, "a bug is reported", "");
    bool sanitizer = err.bytes && (strstr(err.bytes, "memory leaks") || strstr(err.bytes, "runtime error: "));
    if (sanitizer) fail(t, f, o, "a sanitizer reports", "");
    bool says = err.bytes && (strstr(err.bytes, "error: ") || strstr(err.bytes, "nncc: "));
    bool tells = strcmp(f->name, "write") || status > 1; // what fails to be written may be the message
    if (status > 0 && !says && tells) fail(t, f, o, "no message", "");
  }
  judge_outputs(t, f, o, status == 0);
  bool stays = err.bytes && strstr(err.bytes, "warning: cannot be removed: "),
       unsaid = f->signal == SIGKILL && expected;
  const char *name = find_left(t);
  bool tools = !strcmp(f->name, "remove") && strcmp(o->caller, "nncc"); // what a tool cannot remove is its own
  if (name && !stays && !unsaid && !tools) fail(t, f, o, "left behind: ", name);
  free(err.bytes);
}

static Outcome run_once(Test *t, const Fault *f) {
  if (t->memory) atomic_store(&t->memory->calls, 0);
  for (int i = 0; i < t->n_outputs; i++) {
    if (t->tried % 2)
      write_old(t->outputs[i]);
    else
      remove(t->outputs[i]);
  }
  t->tried++;
  return inject(t->command, f);
}

// ---- all of them

enum { LEAST = 8 }; // tries, where there are as many calls

static void count_end(long *counts, const Outcome *o) {
  int status = WIFEXITED(o->status) ? WEXITSTATUS(o->status) : -1;
  counts[status == 0 ? 0 : status == 1 ? 1 : status == 71 ? 2 : 3]++;
}

static void report(const char *name, const long *counts) {
  printf("%-8s %ld succeed, %ld are refused, %ld lack memory, %ld end otherwise\n", name, counts[0], counts[1],
         counts[2], counts[3]);
  fflush(stdout);
}

static void try_group(Test *t, Fault f) {
  char *idle[] = {t->command[0], "--version", NULL};
  long counts[4] = {0}, loaders = inject(idle, &f).calls; // which any program makes before its main
  long first = loaders > 3 ? loaders - 2 : 1, step = (run_once(t, &f).calls - first) / LEAST;
  if (step > t->every) step = t->every;
  for (f.at = first;; f.at += step > 1 ? step : 1) {
    Outcome o = run_once(t, &f);
    if (o.calls < f.at) break;
    judge(t, &f, &o);
    count_end(counts, &o);
  }
  report(f.name, counts);
}

static int by_number(const void *a, const void *b) {
  long x = *(const long *)a, y = *(const long *)b;
  return (x > y) - (x < y);
}

static const Fault nothing = {.name = "memory", .calls = {-1}};

// The first allocation of each chain of callers.
static void try_memory(Test *t) {
  static long firsts[MEMORY_PLACES];
  size_t n = 0;
  t->memory->at = 0;
  Fault f = nothing;
  Outcome o = run_once(t, &f);
  if (!WIFEXITED(o.status) || WEXITSTATUS(o.status)) fail(t, &f, &o, "it fails though nothing does", "");
  long calls = atomic_load(&t->memory->calls), counts[4] = {0};
  for (int i = 0; i < MEMORY_PLACES; i++)
    if (t->memory->places[i].first) firsts[n++] = t->memory->places[i].first;
  qsort(firsts, n, sizeof *firsts, by_number);
  size_t step = n / LEAST < (size_t)t->every ? n / LEAST + 1 : (size_t)t->every;
  for (size_t i = 0; i < n; i += step) {
    t->memory->at = f.at = firsts[i];
    t->memory->lasting = i / step % 2;
    o = run_once(t, &f);
    judge(t, &f, &o);
    count_end(counts, &o);
  }
  printf("%ld allocations at %zu places\n", calls, n);
  report(f.name, counts);
  if (calls < 30) fail(t, &f, &o, "allocations are not counted", "");
}

static void share_memory(Test *t) {
  char path[] = "/tmp/fault-memory-XXXXXX"; // not in the folder that is looked at
  int fd = mkstemp(path);
  if (fd < 0 || ftruncate(fd, sizeof(Memory))) die(path);
  t->memory = mmap(NULL, sizeof(Memory), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (t->memory == MAP_FAILED) die(path);
  t->shared_path = strdup(path);
  close(fd);
  setenv(MEMORY_VARIABLE, path, 1);
  setenv("LD_PRELOAD", t->library, 1);
}

static void learn_good(Test *t) {
  Outcome o = inject(t->command, &nothing);
  if (!WIFEXITED(o.status) || WEXITSTATUS(o.status)) {
    Content err = content_of("err");
    printf("the command fails though nothing does:\n%s\n", err.bytes ? err.bytes : "");
    exit(1);
  }
  for (int i = 0; i < t->n_outputs; i++) {
    t->good[i] = content_of(t->outputs[i]);
    if (!t->good[i].size) die(t->outputs[i]);
  }
  walked = t;
  nftw(".", learn, 16, FTW_PHYS);
}

int main(int argc, char **argv) {
  Test t = {.every = 1};
  for (int c; (c = getopt(argc, argv, "+e:g:m:o:")) != -1;) {
    if (c == '?') return 2;
    if (c == 'e') t.every = atol(optarg);
    if (c == 'g') t.group = optarg;
    if (c == 'm') t.library = optarg;
    if (c == 'o' && t.n_outputs < OUTPUTS) t.outputs[t.n_outputs++] = optarg;
  }
  if (optind == argc || t.every < 1) return 2;
  t.command = argv + optind;
  learn_good(&t);
  for (int i = 0; i < FAULTS; i++)
    if (!t.group || !strcmp(t.group, faults[i].name)) try_group(&t, faults[i]);
  if (t.library && (!t.group || !strcmp(t.group, nothing.name))) {
    share_memory(&t);
    try_memory(&t);
    remove(t.shared_path);
  }
  printf("%d runs, %d failures\n", t.tried, t.failures);
  return t.failures > 0;
}
