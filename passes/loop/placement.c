// Dynamic storage allocation: blocks are put, one after another, into the lowest gap that suits them. Which order is
// best depends on the network, so several are tried, then the best is improved by moving the block that sticks out
// forward.
#include "passes/loop/placement.h"
#include "ir/core/arena.h"
#include "ir/core/checked.h"
#include "ir/core/vec.h"
#include <string.h>

enum { MOVES = 400, MOVES_WORK = 40000000 };

// ---- who lives together

static int by_first(const void *a, const void *b, void *slots) {
  int i = *(const int *)a, j = *(const int *)b, s = ((const Slot *)slots)[i].first, t = ((const Slot *)slots)[j].first;
  return s != t ? (s < t ? -1 : 1) : i - j;
}

typedef struct Pair {
  int a, b;
} Pair;
typedef Vec(Pair) PairVec;

static int *indices(int n) {
  int *v = xmalloc(sizeof *v * (size_t)(n + 1));
  for (int i = 0; i < n; i++) v[i] = i;
  return v;
}

static void find_pairs(const Slot *slots, int n, PairVec *pairs) {
  int *order = indices(n), *alive = indices(n), n_alive = 0;
  qsort_r(order, (size_t)n, sizeof *order, by_first, (void *)slots);
  for (int k = 0; k < n; k++) {
    int i = order[k], kept = 0;
    for (int a = 0; a < n_alive; a++)
      if (slots[alive[a]].last >= slots[i].first) alive[kept++] = alive[a];
    for (int a = 0; a < kept; a++) vec_push(pairs, (Pair){alive[a], i});
    alive[kept] = i;
    n_alive = kept + 1;
  }
  free(order);
  free(alive);
}

void placement_conflicts(const Slot *slots, int n, Conflicts *c) {
  PairVec pairs = {0};
  find_pairs(slots, n, &pairs);
  c->begin = xcalloc((size_t)n + 2, sizeof *c->begin);
  c->list = xmalloc(sizeof *c->list * (2 * pairs.len + 1));
  int *next = c->begin + 1; // where slot i's list goes on; in the end the begin of slot i + 1's
  for (size_t p = 0; p < pairs.len; p++) next[pairs.data[p].a]++, next[pairs.data[p].b]++;
  for (int i = 0, sum = 0; i < n; i++) {
    int count = next[i];
    next[i] = sum;
    sum += count;
  }
  for (size_t p = 0; p < pairs.len; p++) {
    c->list[next[pairs.data[p].a]++] = pairs.data[p].b;
    c->list[next[pairs.data[p].b]++] = pairs.data[p].a;
  }
  vec_free(&pairs);
}

void placement_free(Conflicts *c) {
  free(c->begin);
  free(c->list);
}

// The sum is largest at some slot's first moment.
static int64_t fullest(const Slot *slots, int n, int *when) {
  int *order = indices(n), *alive = indices(n), n_alive = 0;
  int64_t most = -1;
  qsort_r(order, (size_t)n, sizeof *order, by_first, (void *)slots);
  for (int k = 0; k < n; k++) {
    int i = order[k], kept = 0;
    int64_t sum = slots[i].size;
    for (int a = 0; a < n_alive; a++)
      if (slots[alive[a]].last >= slots[i].first) sum += slots[alive[a]].size, alive[kept++] = alive[a];
    alive[kept] = i;
    n_alive = kept + 1;
    if (sum > most) most = sum, *when = slots[i].first;
  }
  free(order);
  free(alive);
  return most;
}

int placement_fullest(const Slot *slots, int n) {
  int when = 0;
  fullest(slots, n, &when);
  return when;
}

// ---- one order

typedef struct Range {
  int64_t begin, end;
} Range;

static int by_begin(const void *a, const void *b) {
  const Range *r = a, *s = b;
  return r->begin < s->begin ? -1 : r->begin > s->begin;
}

// The lowest offset where `size` bytes fit between the taken ranges.
static int64_t lowest_gap(Range *taken, int n, int64_t size) {
  int64_t at = 0;
  qsort(taken, (size_t)n, sizeof *taken, by_begin);
  for (int i = 0; i < n && taken[i].begin < at + size; i++) at = max_i64(at, taken[i].end);
  return at;
}

static int64_t place(Slot *slots, int n, const Conflicts *c, const int *order, Range *taken) {
  int64_t peak = 0;
  for (int i = 0; i < n; i++) slots[i].offset = -1;
  for (int k = 0; k < n; k++) {
    Slot *s = &slots[order[k]];
    int n_taken = 0;
    for (int j = c->begin[order[k]]; j < c->begin[order[k] + 1]; j++) {
      const Slot *other = &slots[c->list[j]];
      if (other->offset >= 0) taken[n_taken++] = (Range){other->offset, other->offset + other->size};
    }
    s->offset = lowest_gap(taken, n_taken, s->size);
    peak = max_i64(peak, s->offset + s->size);
  }
  return peak;
}

// ---- many orders

enum { BY_SIZE, BY_AREA, BY_TIME, BY_LENGTH, RULES };

typedef struct Rule {
  const Slot *slots;
  int kind;
} Rule;

static int64_t rank(const Rule *r, int i) {
  const Slot *s = &r->slots[i];
  int64_t length = s->last - s->first + 1;
  switch (r->kind) {
  case BY_SIZE: return -s->size;
  case BY_AREA: return -min_i64(s->size, INT64_MAX / length) * length;
  case BY_TIME: return s->first;
  default: return -length;
  }
}

static int by_rule(const void *a, const void *b, void *rule) {
  int i = *(const int *)a, j = *(const int *)b;
  int64_t x = rank(rule, i), y = rank(rule, j);
  return x != y ? (x < y ? -1 : 1) : i - j;
}

static int topmost(const Slot *slots, const int *order, int n) {
  int top = 0;
  for (int k = 1; k < n; k++)
    if (slots[order[k]].offset + slots[order[k]].size > slots[order[top]].offset + slots[order[top]].size) top = k;
  return top;
}

// xorshift64 (Marsaglia)
static uint64_t next_random(uint64_t *x) {
  *x ^= *x << 13;
  *x ^= *x >> 7;
  return *x ^= *x << 17;
}

static void move_forward(int *order, int from, int to) {
  int moved = order[from];
  memmove(order + to + 1, order + to, sizeof *order * (size_t)(from - to));
  order[to] = moved;
}

// Moves the block that needs the most to an earlier turn, and keeps what is no worse.
static int64_t improve(Slot *slots, int n, const Conflicts *c, int *order, int64_t best, int64_t bound, Range *taken) {
  uint64_t seed = 0x9e3779b97f4a7c15;
  int *tried = xmalloc(sizeof *tried * (size_t)n);
  int64_t moves = min_i64(MOVES, MOVES_WORK / ((int64_t)c->begin[n] + n));
  place(slots, n, c, order, taken);
  int top = topmost(slots, order, n);
  for (int64_t m = 0; m < moves && best > bound && top > 0; m++) {
    memcpy(tried, order, sizeof *tried * (size_t)n);
    move_forward(tried, top, (int)(next_random(&seed) % (uint64_t)top));
    int64_t peak = place(slots, n, c, tried, taken);
    if (peak <= best) {
      best = peak;
      memcpy(order, tried, sizeof *tried * (size_t)n);
      top = topmost(slots, order, n);
    }
  }
  free(tried);
  return best;
}

int64_t placement_run(Slot *slots, int n, const Conflicts *c) {
  if (!n) return 0;
  int *order = indices(n), *best_order = indices(n);
  Range *taken = xmalloc(sizeof *taken * (size_t)n);
  int when;
  int64_t bound = fullest(slots, n, &when), best = INT64_MAX;
  for (int kind = 0; kind < RULES && best > bound; kind++) {
    qsort_r(order, (size_t)n, sizeof *order, by_rule, &(Rule){slots, kind});
    int64_t peak = place(slots, n, c, order, taken);
    if (peak < best) best = peak, memcpy(best_order, order, sizeof *order * (size_t)n);
  }
  improve(slots, n, c, best_order, best, bound, taken);
  int64_t peak = place(slots, n, c, best_order, taken);
  free(order);
  free(best_order);
  free(taken);
  return peak;
}
