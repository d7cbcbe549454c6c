// Growable arrays: `Vec(int) v = {0}; vec_push(&v, 3); v.data[0]; v.len; vec_free(&v);`
// A named type: `typedef Vec(Node *) NodeVec;`
#pragma once
#include "ir/core/arena.h"
#include <stdlib.h>

#define Vec(T)                                                                                                         \
  struct {                                                                                                             \
    T *data;                                                                                                           \
    size_t len, cap;                                                                                                   \
  }

#define vec_reserve(v, n)                                                                                              \
  do {                                                                                                                 \
    if ((n) > (v)->cap) {                                                                                              \
      (v)->cap = (n) > 2 * (v)->cap ? (n) : 2 * (v)->cap;                                                              \
      (v)->data = xrealloc((v)->data, (v)->cap * sizeof *(v)->data);                                                   \
    }                                                                                                                  \
  } while (0)

#define vec_push(v, ...)                                                                                               \
  do {                                                                                                                 \
    vec_reserve(v, (v)->len + 1);                                                                                      \
    (v)->data[(v)->len++] = (__VA_ARGS__);                                                                             \
  } while (0)

#define vec_pop(v) ((v)->data[--(v)->len])
#define vec_last(v) ((v)->data[(v)->len - 1])

#define vec_free(v)                                                                                                    \
  do {                                                                                                                 \
    free((v)->data);                                                                                                   \
    (v)->data = NULL;                                                                                                  \
    (v)->len = (v)->cap = 0;                                                                                           \
  } while (0)
