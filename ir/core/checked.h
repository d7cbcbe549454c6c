// Shape arithmetic that cannot overflow silently. Each function returns false on overflow and leaves *r unspecified.
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { MAX_RANK = 16 };
#define MAX_ELEMENTS (INT64_C(1) << 40)

static inline bool checked_add(int64_t a, int64_t b, int64_t *r) { return !__builtin_add_overflow(a, b, r); }
static inline bool checked_sub(int64_t a, int64_t b, int64_t *r) { return !__builtin_sub_overflow(a, b, r); }
static inline bool checked_mul(int64_t a, int64_t b, int64_t *r) { return !__builtin_mul_overflow(a, b, r); }

// Quotient rounded towards minus infinity; b > 0.
static inline int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }
static inline int64_t ceil_div(int64_t a, int64_t b) { return -floor_div(-a, b); }
static inline int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }
// n >= 1 in the fewest parts of at most `most` >= 1 each, as even as can be: the size of the largest.
static inline int64_t even_part(int64_t n, int64_t most) { return ceil_div(n, ceil_div(n, most)); }
static inline int64_t min_i64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t max_i64(int64_t a, int64_t b) { return a > b ? a : b; }
