// os.h: all that the runtime asks of the operating system. os_linux.c alone makes system calls.
#ifndef NNCC_RUNTIME_OS_H
#define NNCC_RUNTIME_OS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct OsMap {
  void *base;
  size_t bytes;
} OsMap;

typedef uintptr_t OsThread;

int os_cpus(void); // processors that this thread may use, at least 1
int32_t os_pid(void);
uint64_t os_now_ns(void);
bool os_allow_amx(void); // asks the system for tile registers

// Reads a small text file, cut to size - 1 bytes and terminated.
bool os_read_text(const char *path, char *text, size_t size);

// Maps a whole regular file, read-only; it must not be cut while mapped.
bool os_map(const char *path, OsMap *map);
void os_unmap(OsMap *map);

void os_yield(void);

// Sleeps while *word == seen; may return early.
void os_wait(atomic_uint *word, unsigned seen);
void os_wake(atomic_uint *word, int n); // up to n of those that sleep

// Starts a thread that takes no signals. Fails where the process has no thread library.
bool os_thread_start(OsThread *thread, void *(*body)(void *), void *arg);
void os_thread_join(OsThread thread);

#endif
