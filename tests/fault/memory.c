// A library to preload: counts what nncc allocates from the beginning of main, and lets one allocation fail.
#include "tests/fault/memory.h"
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

enum { DEPTH = 5, OWN = 2 }; // callers that tell places apart; of backtrace's, those in this file

static Memory *memory; // NULL outside of main
static _Thread_local bool inside;

static void note_place(long call) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  void *callers[DEPTH + OWN];
  int n = backtrace(callers, DEPTH + OWN);
  unsigned long hash = 1;
  for (int i = OWN; i < n; i++) hash = (hash ^ (unsigned long)callers[i]) * 0x9e3779b97f4a7c15ul;
  pthread_mutex_lock(&lock);
  size_t i = hash >> 48;
  while (memory->places[i].first && memory->places[i].hash != hash) i = (i + 1) % MEMORY_PLACES;
  if (!memory->places[i].first) memory->places[i].hash = hash, memory->places[i].first = call;
  pthread_mutex_unlock(&lock);
}

static bool fails(void) {
  if (!memory || inside) return false;
  inside = true;
  long call = atomic_fetch_add(&memory->calls, 1) + 1;
  if (!memory->at) note_place(call);
  inside = false;
  bool now = memory->at && (call == memory->at || (memory->lasting && call > memory->at));
  if (now) errno = ENOMEM;
  return now;
}

void *malloc(size_t size) { return fails() ? NULL : __libc_malloc(size); }
void *calloc(size_t n, size_t size) { return fails() ? NULL : __libc_calloc(n, size); }
void *realloc(void *p, size_t size) { return fails() ? NULL : __libc_realloc(p, size); }
void *aligned_alloc(size_t alignment, size_t size) { return fails() ? NULL : __libc_memalign(alignment, size); }
void *memalign(size_t alignment, size_t size) { return fails() ? NULL : __libc_memalign(alignment, size); }

int posix_memalign(void **to, size_t alignment, size_t size) {
  void *p = fails() ? NULL : __libc_memalign(alignment, size);
  if (!p) return ENOMEM;
  *to = p;
  return 0;
}

static int (*real_main)(int, char **, char **);

static int counted_main(int argc, char **argv, char **environment) {
  const char *path = getenv(MEMORY_VARIABLE);
  int fd = path && !strcmp(program_invocation_short_name, "nncc") ? open(path, O_RDWR | O_CLOEXEC) : -1;
  void *callers[1];
  backtrace(callers, 1); // which loads a library the first time
  if (fd >= 0) memory = mmap(NULL, sizeof *memory, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  int status = real_main(argc, argv, environment);
  memory = NULL;
  return status;
}

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end);
int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end) {
  int (*start)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void), void (*)(void), void *);
  *(void **)&start = dlsym(RTLD_NEXT, "__libc_start_main");
  real_main = main;
  return start(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}
