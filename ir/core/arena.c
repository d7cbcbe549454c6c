#include "ir/core/arena.h"
#include "ir/core/check.h"
#include "ir/core/temporary.h"
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_BLOCK = 16 << 10, LARGEST_BLOCK = 1 << 20, ALIGN = 16 };

typedef struct Block {
  struct Block *next;
  size_t used, size;
  _Alignas(ALIGN) char data[];
} Block;

struct Arena {
  Block *head;
};

// stdio might allocate.
void out_of_memory(void) {
  static const char text[] = "nncc: error: out of memory\n";
  if (write(STDERR_FILENO, text, sizeof text - 1)) {}
  temporary_end();
  _exit(EXIT_MEMORY);
}

static void *checked(void *p) {
  if (!p) out_of_memory();
  return p;
}

void *xmalloc(size_t size) { return checked(malloc(size ? size : 1)); }
void *xcalloc(size_t n, size_t size) { return checked(calloc(n ? n : 1, size ? size : 1)); }
void *xrealloc(void *p, size_t size) { return checked(realloc(p, size ? size : 1)); }
char *xstrdup(const char *s) { return checked(strdup(s)); }
char *xstrndup(const char *s, size_t n) { return checked(strndup(s, n)); }

char *xprintf(const char *fmt, ...) {
  char *s = NULL;
  va_list ap;
  va_start(ap, fmt);
  int n = vasprintf(&s, fmt, ap);
  va_end(ap);
  return checked(n < 0 ? NULL : s);
}

Arena *arena_create(void) { return xcalloc(1, sizeof(Arena)); }

void arena_destroy(Arena *a) {
  if (!a) return;
  for (Block *b = a->head, *next; b; b = next) {
    next = b->next;
    free(b);
  }
  free(a);
}

static Block *new_block(Arena *a, size_t size) {
  size_t want = a->head ? a->head->size * 2 : FIRST_BLOCK;
  if (want > LARGEST_BLOCK) want = LARGEST_BLOCK;
  if (want < size) want = size;
  Block *b = xmalloc(sizeof(Block) + want);
  *b = (Block){.next = a->head, .size = want};
  return a->head = b;
}

void *arena_alloc(Arena *a, size_t size) {
  CHECK(size <= SIZE_MAX / 2, "absurd allocation of %zu bytes", size);
  size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
  Block *b = a->head;
  if (!b || b->size - b->used < size) b = new_block(a, size);
  void *p = b->data + b->used;
  b->used += size;
  return memset(p, 0, size);
}

void *arena_memdup(Arena *a, const void *p, size_t size) {
  void *copy = arena_alloc(a, size);
  if (size) memcpy(copy, p, size);
  return copy;
}

char *arena_strndup(Arena *a, const char *s, size_t n) {
  char *copy = arena_alloc(a, n + 1);
  memcpy(copy, s, n);
  return copy;
}

char *arena_strdup(Arena *a, const char *s) { return arena_strndup(a, s, strlen(s)); }

char *arena_printf(Arena *a, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  char *s = NULL;
  int n = vasprintf(&s, fmt, ap);
  va_end(ap);
  if (n < 0) out_of_memory();
  char *copy = arena_strndup(a, s, (size_t)n);
  free(s);
  return copy;
}
