// os_linux.c: os.h on Linux with glibc 2.28 or newer. Newer names of old functions are avoided (fstat), or bound to
// their old version (pthread_create); the thread library is optional, as a program for an old glibc may lack it.
#include "os.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#pragma weak pthread_create
#pragma weak pthread_join
#if defined(__has_feature) && !defined(__SANITIZE_THREAD__)
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__
#endif
#endif
#if !defined(__SANITIZE_THREAD__) // whose interceptors carry no version
#if defined(__x86_64__)
#define PTHREAD_VERSION "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define PTHREAD_VERSION "GLIBC_2.17"
#endif
__asm__(".symver pthread_create, pthread_create@" PTHREAD_VERSION);
__asm__(".symver pthread_join, pthread_join@" PTHREAD_VERSION);
#endif

int os_cpus(void) {
  unsigned long set[128]; // 8192 processors
  long bytes = syscall(SYS_sched_getaffinity, 0, sizeof set, set);
  int n = 0;
  for (long i = 0; i < bytes / (long)sizeof *set; i++)
    for (unsigned long rest = set[i]; rest; rest &= rest - 1) n++; // popcount would call into libgcc
  return n > 0 ? n : 1;
}

int32_t os_pid(void) { return getpid(); }

uint64_t os_now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

bool os_allow_amx(void) {
#if defined(__x86_64__)
  enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
  return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
  return false;
#endif
}

// Without O_NONBLOCK a pipe's name would block.
static int open_to_read(const char *path) { return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); }

bool os_read_text(const char *path, char *text, size_t size) {
  int fd = open_to_read(path);
  if (fd < 0) return false;
  size_t length = 0;
  ssize_t got = 0;
  while (length + 1 < size && (got = read(fd, text + length, size - 1 - length)) > 0) length += (size_t)got;
  close(fd);
  text[length] = 0;
  return got >= 0;
}

bool os_map(const char *path, OsMap *map) {
  int fd = open_to_read(path);
  if (fd < 0) return false;
  off_t bytes = lseek(fd, 0, SEEK_END);
  void *base = bytes > 0 ? mmap(NULL, (size_t)bytes, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
  close(fd);
  if (base == MAP_FAILED) return false;
  *map = (OsMap){base, (size_t)bytes};
  return true;
}

void os_unmap(OsMap *map) {
  if (map->base) munmap(map->base, map->bytes);
  *map = (OsMap){0};
}

void os_yield(void) { syscall(SYS_sched_yield); }

void os_wait(atomic_uint *word, unsigned seen) { syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0); }

void os_wake(atomic_uint *word, int n) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0); }

bool os_thread_start(OsThread *thread, void *(*body)(void *), void *arg) {
  if (!pthread_create || !pthread_join) return false;
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &before); // this thread's mask on Linux; the new thread inherits it
  pthread_t id;
  bool started = pthread_create(&id, NULL, body, arg) == 0;
  sigprocmask(SIG_SETMASK, &before, NULL);
  *thread = started ? (OsThread)id : 0;
  return started;
}

void os_thread_join(OsThread thread) { pthread_join((pthread_t)thread, NULL); }
