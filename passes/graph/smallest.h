// The k smallest of numbers by magnitude, which are gone through several times and kept nowhere:
//
//   smallest_begin(&s, k);
//   while (smallest_again(&s)) <for each v> smallest_see(&s, v);
//   <for each v> if (smallest_takes(&s, v)) ...
//   smallest_end(&s);
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct Smallest {
  int64_t *counts;
  int64_t left;  // of those that are not told apart yet, then of those equal to the largest
  uint64_t bits; // of the largest: the upper ones, then all
  int known;     // of them, and how many are by the numbers being seen
} Smallest;

// k: from 0 to how many there are.
void smallest_begin(Smallest *s, int64_t k);
bool smallest_again(Smallest *s);
void smallest_see(Smallest *s, double v);
// Of equal numbers the first are taken.
bool smallest_takes(Smallest *s, double v);
void smallest_end(Smallest *s);
