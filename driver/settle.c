#include "driver/settle.h"
#include <math.h>

enum { NEAR = 1, APART = 2 * NEAR + 1 }; // layers whose times one changes; between two that are tried at once

double settle_excess(double f32, double us) { return us - f32 - fmax(SETTLE_SLOWER * f32, SETTLE_LEAST_US); }

size_t settle_runs(const SettledLayer *l, size_t n, bool *revert) {
  size_t count = 0;
  for (size_t i = 0; i < n; i++) revert[i] = false;
  for (size_t i = 0, end; i < n; i = end + 1) {
    double before = 0, after = 0;
    for (end = i; end < n && l[end].changed; end++) before += l[end].before, after += l[end].after;
    if (end < n) before += l[end].before, after += l[end].after;
    bool slower = end > i && settle_excess(before, after) > 0;
    for (size_t j = i; slower && j < end; j++, count++) revert[j] = true;
  }
  return count;
}

static bool is_near_one(const bool *probe, size_t n, size_t i) {
  bool near = false;
  for (size_t j = i < APART ? 0 : i + 1 - APART; j < n && j < i + APART; j++) near = near || probe[j];
  return near;
}

// How much slower layer i, or one of f32 beside it, is.
static double worst_about(const SettledLayer *l, size_t n, size_t i) {
  double worst = settle_excess(l[i].before, l[i].after);
  if (i > 0 && !l[i - 1].changed) worst = fmax(worst, settle_excess(l[i - 1].before, l[i - 1].after));
  if (i + 1 < n && !l[i + 1].changed) worst = fmax(worst, settle_excess(l[i + 1].before, l[i + 1].after));
  return worst;
}

size_t settle_probes(const SettledLayer *l, size_t n, size_t most, bool *probe) {
  size_t count = 0;
  for (size_t i = 0; i < n; i++) probe[i] = false;
  for (; count < most; count++) {
    size_t best = n;
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
      double excess = l[i].changed && !l[i].kept ? worst_about(l, n, i) : 0;
      if (excess > largest && !is_near_one(probe, n, i)) best = i, largest = excess;
    }
    if (best == n) break;
    probe[best] = true;
  }
  return count;
}

double settle_in_place(const SettledLayer *l, size_t n, size_t i, const double *us) {
  double time = l[i].after;
  for (size_t j = i < NEAR ? 0 : i - NEAR; j < n && j <= i + NEAR; j++) time += us[j] - l[j].after;
  return time;
}
