// A radix sort's first digits: numbers are counted by 16 bits at a time, of those that begin like the k-th.
#include "passes/graph/smallest.h"
#include "ir/core/arena.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BITS = 64, DIGIT = 16, DIGITS = 1 << DIGIT };

// A magnitude as a number of the same order: the bits of a positive double.
static uint64_t bits_of(double v) {
  double magnitude = fabs(v);
  uint64_t bits;
  memcpy(&bits, &magnitude, sizeof bits);
  return bits;
}

void smallest_begin(Smallest *s, int64_t k) { *s = (Smallest){.left = k, .known = -DIGIT}; }

void smallest_end(Smallest *s) { free(s->counts); }

bool smallest_again(Smallest *s) {
  if (!s->counts) s->counts = xmalloc(sizeof *s->counts * DIGITS);
  if (s->known >= 0) {
    int digit = 0;
    for (; digit + 1 < DIGITS && s->left > s->counts[digit]; digit++) s->left -= s->counts[digit];
    s->bits = s->bits << DIGIT | (uint64_t)digit;
  }
  s->known += DIGIT;
  memset(s->counts, 0, sizeof *s->counts * DIGITS);
  return s->known < BITS;
}

void smallest_see(Smallest *s, double v) {
  uint64_t bits = bits_of(v) >> (BITS - DIGIT - s->known);
  if (bits >> DIGIT == s->bits) s->counts[bits & (DIGITS - 1)]++;
}

bool smallest_takes(Smallest *s, double v) {
  uint64_t bits = bits_of(v);
  if (bits != s->bits) return bits < s->bits;
  return s->left-- > 0;
}
