// Broken invariants: bugs of ours, never of the user's. They abort with the place and what was being worked on.
#pragma once
#include <stdio.h>
#include <stdlib.h>

#define CHECK(cond, ...)                                                                                               \
  do {                                                                                                                 \
    if (__builtin_expect(!(cond), 0)) {                                                                                \
      fprintf(stderr, "nncc: internal error at %s:%d: `%s`: ", __FILE__, __LINE__, #cond);                             \
      fprintf(stderr, __VA_ARGS__);                                                                                    \
      fputc('\n', stderr);                                                                                             \
      abort();                                                                                                         \
    }                                                                                                                  \
  } while (0)

#define UNREACHABLE(...)                                                                                               \
  do {                                                                                                                 \
    CHECK(0, __VA_ARGS__);                                                                                             \
    __builtin_unreachable();                                                                                           \
  } while (0)
