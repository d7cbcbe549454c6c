#include "passes/observe.h"
#include <math.h>
#include <string.h>

const char *const observe_names[OBSERVERS] = {"minmax", "percentile", "mse", "entropy"};

enum { LEVELS = 255, CANDIDATES = 80 };
#define TAIL 0.00005    // of all elements, on either side
#define LEAST_SHARE 0.2 // of the range that a candidate keeps

bool observe_read(const char *text, Observer *o, StrBuf *why) {
  for (int i = 0; i < OBSERVERS; i++)
    if (!strcmp(observe_names[i], text)) return *o = (Observer)i, true;
  strbuf_puts(why, "--observer takes ");
  for (int i = 0; i < OBSERVERS; i++)
    strbuf_printf(why, "%s%s", !i ? "" : i + 1 < OBSERVERS ? ", " : " or ", observe_names[i]);
  strbuf_printf(why, ", not `%s`", text);
  return false;
}

Steps observe_steps(ObservedRange r) {
  double low = fmin(r.low, 0), high = fmax(r.high, 0);
  double scale = (double)(float)((high - low) / LEVELS);
  if (!(scale > 0)) return (Steps){1, 0};
  return (Steps){scale, (int)fmin(fmax(rint(-low / scale), 0), LEVELS)};
}

static double width(const Histogram *h) { return (h->max - h->min) / HISTOGRAM_BINS; }

int histogram_bin(const Histogram *h, double v) {
  double at = h->max > h->min ? (v - h->min) / (h->max - h->min) * HISTOGRAM_BINS : 0;
  return at >= HISTOGRAM_BINS ? HISTOGRAM_BINS - 1 : at > 0 ? (int)at : 0;
}

static ObservedRange with_zero(double low, double high) { return (ObservedRange){fmin(low, 0), fmax(high, 0)}; }

static double total(const Histogram *h) {
  double n = 0;
  for (int i = 0; i < HISTOGRAM_BINS; i++) n += (double)h->bins[i];
  return n;
}

static ObservedRange percentile(const Histogram *h) {
  double most = total(h) * TAIL, below = 0, above = 0;
  int first = 0, last = HISTOGRAM_BINS - 1;
  while (first < last && below + (double)h->bins[first] <= most) below += (double)h->bins[first++];
  while (last > first && above + (double)h->bins[last] <= most) above += (double)h->bins[last--];
  return with_zero(h->min + first * width(h), h->min + (last + 1) * width(h));
}

// ---- mean square error

// Elements of a bin count as its middle, but 0 where it holds that: zeros of rectifiers are many, and exact.
static double middle(const Histogram *h, int i) {
  double low = h->min + i * width(h), high = low + width(h);
  return low <= 0 && high >= 0 ? 0 : (low + high) / 2;
}

static double square_error(const Histogram *h, ObservedRange r) {
  Steps s = observe_steps(r);
  double sum = 0;
  for (int i = 0; i < HISTOGRAM_BINS; i++) {
    if (!h->bins[i]) continue;
    double x = middle(h, i), q = fmin(fmax(rint(x / s.scale) + s.zero, 0), LEVELS), e = (q - s.zero) * s.scale - x;
    sum += e * e * (double)h->bins[i];
  }
  return sum;
}

// ---- divergence

// Which of the range's steps a bin belongs to. Zeros are exact, so that theirs, if the bin is no wider, is one apart.
static bool same_step(const Histogram *h, double scale, int a, int b) {
  double x = middle(h, a), y = middle(h, b);
  return (x == 0) == (y == 0) && rint(x / scale) == rint(y / scale);
}

// Of the distribution within the range, what lies outside counted at its ends, from the same in steps of the range:
// each step's elements spread evenly over those of its bins that have any (Migacz, 8-bit inference with TensorRT,
// 2017).
static double divergence(const Histogram *h, ObservedRange r) {
  int first = histogram_bin(h, fmax(r.low, h->min)), last = histogram_bin(h, fmin(r.high, h->max));
  double p[HISTOGRAM_BINS] = {0}, q[HISTOGRAM_BINS] = {0}, n = total(h), inside = 0;
  for (int i = 0; i < HISTOGRAM_BINS; i++) p[i < first ? first : i > last ? last : i] += (double)h->bins[i];
  Steps s = observe_steps(r);
  for (int i = first, end; i <= last; i = end) {
    double sum = 0;
    int used = 0;
    for (end = i; end <= last && same_step(h, s.scale, i, end); end++) sum += (double)h->bins[end], used += p[end] > 0;
    for (int k = i; k < end && used; k++) q[k] = p[k] > 0 ? sum / used : 0;
    inside += sum;
  }
  double kl = 0;
  for (int i = first; i <= last && inside > 0; i++)
    if (p[i] > 0) kl += p[i] / n * log(p[i] / n / fmax(q[i] / inside, 1e-12));
  return kl;
}

// ---- the best of many

// The ends are moved inwards one after the other, where the measure says so, twice over.
static ObservedRange best(const Histogram *h, double (*loss)(const Histogram *h, ObservedRange r)) {
  ObservedRange whole = with_zero(h->min, h->max), found = whole;
  double least = loss(h, whole);
  for (int turn = 0; turn < 4; turn++)
    for (int k = 1; k <= CANDIDATES; k++) {
      double share = 1 - (1 - LEAST_SHARE) * k / CANDIDATES;
      ObservedRange r = found;
      if (turn % 2)
        r.low = whole.low * share;
      else
        r.high = whole.high * share;
      if (turn % 2 ? whole.low == 0 : whole.high == 0) break;
      double l = loss(h, r);
      if (l < least) least = l, found = r;
    }
  return found;
}

ObservedRange observe_range(const Histogram *h, Observer o) {
  switch (o) {
  case OBSERVE_PERCENTILE: return percentile(h);
  case OBSERVE_MSE: return best(h, square_error);
  case OBSERVE_ENTROPY: return best(h, divergence);
  case OBSERVE_MINMAX:
  case OBSERVERS: break;
  }
  return with_zero(h->min, h->max);
}
