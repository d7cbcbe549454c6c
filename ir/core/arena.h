// Bump allocation for everything that lives as long as a module: nodes, types, names, syntax trees.
// Running out of memory ends the process: no caller could do anything better.
#pragma once
#include <stdarg.h>
#include <stddef.h>

typedef struct Arena Arena;

Arena *arena_create(void);
void arena_destroy(Arena *a);

// `size` zeroed bytes, aligned to 16.
void *arena_alloc(Arena *a, size_t size);
void *arena_memdup(Arena *a, const void *p, size_t size);
char *arena_strdup(Arena *a, const char *s);
char *arena_strndup(Arena *a, const char *s, size_t n);
char *arena_printf(Arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define arena_new(a, T) ((T *)arena_alloc((a), sizeof(T)))
#define arena_array(a, T, n) ((T *)arena_alloc((a), sizeof(T) * (size_t)(n)))

// Says so, removes temporary files and ends the process with this status.
enum { EXIT_MEMORY = 71 }; // sysexits.h: EX_OSERR
_Noreturn void out_of_memory(void);

// malloc family that does not come back when memory runs out; for data that must be freed before its module is.
void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
