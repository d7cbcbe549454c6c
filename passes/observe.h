// Observers: from a histogram of a value's elements, the range that 8 bits should cover. What lies outside is clipped;
// the wider the range, the coarser its 255 steps.
#pragma once
#include "ir/core/strbuf.h"
#include <stdbool.h>
#include <stdint.h>

typedef enum Observer {
  OBSERVE_MINMAX,     // all of it
  OBSERVE_PERCENTILE, // without the outermost 0.005% on either side
  OBSERVE_MSE,        // the least mean square of the error of clipping and rounding
  OBSERVE_ENTROPY,    // the least Kullback-Leibler divergence of the quantized from the true distribution
  OBSERVERS,
} Observer;

typedef struct ObservedRange {
  double low, high; // low <= 0 <= high: zero is always a number of its own
} ObservedRange;

enum { HISTOGRAM_BINS = 2048 };

typedef struct Histogram {
  double min, max; // of all elements; bins divide [min, max] evenly
  int64_t bins[HISTOGRAM_BINS];
} Histogram;

extern const char *const observe_names[OBSERVERS];
bool observe_read(const char *text, Observer *o, StrBuf *why); // false, with what was expected in *why
int histogram_bin(const Histogram *h, double v);               // v in [min, max]
ObservedRange observe_range(const Histogram *h, Observer o);

// Steps of 1/255 of a range: x is round(x / scale) + zero, in [0, 255]. The scale is a float's.
typedef struct Steps {
  double scale;
  int zero;
} Steps;
Steps observe_steps(ObservedRange r);
