#include "passes/lower/shuffled.h"
#include "ir/core/checked.h"

// ---- the tile

static bool is_power_of_two(Dim d) { return dim_is_const(d) && d > 1 && !(d & (d - 1)); }

static int dim_of_stride(const Strided *s, int o, Dim stride) {
  for (int d = 0; d < s->rank; d++)
    if (s->strides[o][d] == stride) return d;
  return -1;
}

// Follows operand o through its memory for one vector. The last dimension may have fewer elements than the tile's piece
// of it, but not less than half: most of the vector would be empty.
static bool follow(DimTable *dims, const Strided *s, int o, Shuffled *t) {
  Dim stride = 1;
  for (int left = t->lanes; left > 1;) {
    int d = dim_of_stride(s, o, stride), piece = left;
    if (d < 0) return false;
    Dim extent = s->dims[d], next = dim_mul(dims, stride, extent);
    if (is_power_of_two(extent) && extent < left && dim_of_stride(s, o, next) >= 0) piece = (int)extent;
    if (dim_is_const(extent) && 2 * extent < piece) return false;
    if (t->pieces[d] != 1 && t->pieces[d] != piece) return false;
    t->pieces[d] = piece;
    t->run[o][t->n_run[o]++] = d;
    stride = next;
    left /= piece;
  }
  return true;
}

int64_t shuffled_elements(const Shuffled *t) {
  int64_t n = t->group;
  for (int d = 0; d < t->rank; d++) n *= t->pieces[d];
  return n;
}

// Tiles side by side in the source: a line of it, unless the walk comes back to the line before long.
static void choose_group(Shuffled *t, const Strided *s) {
  const int64_t soon = 1024; // elements: 8 KB are read and written
  int d = t->grouped = t->run[0][t->n_run[0] - 1], piece = t->pieces[d];
  t->group = 1;
  int64_t before = shuffled_elements(t);
  for (int i = d + 1; i < s->rank && before <= soon; i++)
    before *= dim_is_const(s->dims[i]) ? ceil_div(s->dims[i], t->pieces[i]) : soon;
  if (before <= soon) return;
  t->group = max_i64(1, BLOCK / piece);
  if (dim_is_const(s->dims[d])) t->group = even_part(ceil_div(s->dims[d], piece), t->group);
}

bool shuffled_plan(const Kernel *k, Strided *s, Shuffled *t) {
  DimTable *dims = k->lw->m->dims;
  *t = (Shuffled){.lanes = (int)min_i64(BLOCK, k->lw->target->vector_bytes / (int64_t)sizeof(float)), .rank = s->rank};
  while (1 << t->log_lanes < t->lanes) t->log_lanes++;
  for (int d = 0; d < s->rank; d++) t->pieces[d] = 1;
  for (int o = 0; o < 2; o++)
    if (!follow(dims, s, o, t)) return false;
  choose_group(t, s);
  for (int d = 0; d < s->rank; d++) {
    t->extents[d] = s->dims[d];
    int64_t elements = t->pieces[d] * (d == t->grouped ? t->group : 1);
    s->dims[d] = dim_floordiv(dims, dim_add(dims, s->dims[d], elements - 1), elements);
    for (int o = 0; o < 2; o++) {
      t->strides[o][d] = s->strides[o][d];
      s->strides[o][d] = dim_mul(dims, s->strides[o][d], elements);
    }
  }
  return true;
}

// ---- turning: an element's place is a binary number, the low bits its lane, the others its vector. Bit b of the
// coordinate in dimension d is at one of these places in the source, at another in the result.

enum { MOST_BITS = 8 };

typedef struct Bit {
  int dim, value;
} Bit;

static bool same_bit(Bit a, Bit b) { return a.dim == b.dim && a.value == b.value; }

static int find_bit(const Bit *bits, int n, Bit b) {
  for (int i = 0; i < n; i++)
    if (same_bit(bits[i], b)) return i;
  return -1;
}

// Lanes of operand o.
static void lane_bits(const Shuffled *t, int o, Bit *out) {
  int n = 0;
  for (int i = 0; i < t->n_run[o]; i++)
    for (int v = 1; v < t->pieces[t->run[o][i]]; v *= 2) out[n++] = (Bit){t->run[o][i], v};
}

// All of the tile's bits where they are in the source. Returns their number.
static int source_bits(const Shuffled *t, Bit *bits) {
  int n = t->log_lanes;
  Bit result[MOST_BITS];
  lane_bits(t, 0, bits);
  lane_bits(t, 1, result);
  for (int i = 0; i < t->log_lanes; i++)
    if (find_bit(bits, n, result[i]) < 0) bits[n++] = result[i];
  return n;
}

// Exchanges the bit `lane` of the lane's number with `of` of the vector's in all vectors; then lane x comes from lane
// order[x].
static void exchange(LBuilder *b, LExpr **v, int n, int lanes, int lane, int of, const int *order) {
  int bit = 1 << lane, lower[BLOCK], upper[BLOCK];
  for (int x = 0; x < lanes; x++) {
    int from = order[x];
    lower[x] = from & bit ? lanes + (from ^ bit) : from;
    upper[x] = from & bit ? lanes + from : from | bit;
  }
  for (int i = 0; i < n; i++) {
    int other = i | 1 << of;
    if (i == other) continue;
    LExpr *low = loop_let(b, "t", lx_shuffle(b, v[i], v[other], lanes, lower));
    v[other] = loop_let(b, "t", lx_shuffle(b, v[i], v[other], lanes, upper));
    v[i] = low;
  }
}

// Groups of `unit` lanes of a and c in turns: of every four lanes the lower or the upper two.
static LExpr *interleave(LBuilder *b, LExpr *a, LExpr *c, int lanes, int unit, bool upper) {
  int from[BLOCK];
  for (int i = 0; i < lanes; i++)
    from[i] = i / unit % 2 * lanes + i / 4 * 4 + upper * 2 + i % 4 / (2 * unit) * unit + i % unit;
  return loop_let(b, "t", lx_shuffle(b, a, c, lanes, from));
}

// Exchanges the last two bits of the lane's number with `of` of the vector's, by shuffles that are one instruction on
// every machine. They leave each of the lane's bits where the other one belongs, which is mended by names.
static void exchange_last_two(LBuilder *b, LExpr **v, int n, int lanes, const int *of) {
  for (int step = 0; step < 2; step++)
    for (int i = 0; i < n; i++) {
      int other = i | 1 << of[step];
      if (i == other) continue;
      LExpr *low = interleave(b, v[i], v[other], lanes, 1 << step, false);
      v[other] = interleave(b, v[i], v[other], lanes, 1 << step, true);
      v[i] = low;
    }
  for (int i = 0; i < n; i++) {
    int other = i ^ 1 << of[0] ^ 1 << of[1];
    if (!(i >> of[0] & 1) || i >> of[1] & 1) continue;
    LExpr *moved = v[i];
    v[i] = v[other];
    v[other] = moved;
  }
}

void shuffled_transpose(LBuilder *b, LExpr **v) {
  int order[BLOCK];
  for (int x = 0; x < BLOCK; x++) order[x] = x;
  exchange_last_two(b, v, BLOCK, BLOCK, (int[]){0, 1});
  for (int bit = 2; 1 << bit < BLOCK; bit++) exchange(b, v, BLOCK, BLOCK, bit, bit, order);
}

// The lane to free for `wanted`: its own, else any whose bit the result has in no lane.
static int lane_for(const Shuffled *t, const Bit *bits, const Bit *wanted, Bit bit) {
  int own = find_bit(wanted, t->log_lanes, bit);
  if (find_bit(wanted, t->log_lanes, bits[own]) < 0) return own;
  int lane = 0;
  while (find_bit(wanted, t->log_lanes, bits[lane]) >= 0) lane++;
  return lane;
}

// Where each lane's element lies once every wanted bit is among the lanes' bits.
static void final_order(const Shuffled *t, const Bit *bits, const Bit *wanted, int *order) {
  for (int x = 0; x < t->lanes; x++) {
    order[x] = 0;
    for (int i = 0; i < t->log_lanes; i++)
      if (x >> i & 1) order[x] |= 1 << find_bit(bits, t->log_lanes, wanted[i]);
  }
}

// Brings the result's bits into the lanes; the last exchange orders them, where there is none a shuffle of each vector.
// Updates where `bits` are.
static void turn(LBuilder *b, const Shuffled *t, Bit *bits, int n_bits, LExpr **v) {
  Bit wanted[MOST_BITS];
  int vectors = 1 << (n_bits - t->log_lanes), missing = 0, order[BLOCK];
  lane_bits(t, 1, wanted);
  for (int p = t->log_lanes; p < n_bits; p++) missing += find_bit(wanted, t->log_lanes, bits[p]) >= 0;
  if (!missing) {
    final_order(t, bits, wanted, order);
    for (int i = 0; i < vectors; i++) v[i] = loop_let(b, "t", lx_shuffle(b, v[i], v[i], t->lanes, order));
    return;
  }
  for (int x = 0; x < t->lanes; x++) order[x] = x;
  for (int p = t->log_lanes; p < n_bits; p++) {
    if (find_bit(wanted, t->log_lanes, bits[p]) < 0) continue;
    int lane = lane_for(t, bits, wanted, bits[p]);
    Bit moved = bits[lane];
    bits[lane] = bits[p];
    bits[p] = moved;
    if (!--missing) final_order(t, bits, wanted, order);
    exchange(b, v, vectors, t->lanes, lane, p - t->log_lanes, order);
  }
}

// ---- one tile

typedef struct Moves {
  Kernel *k;
  const Shuffled *t;
  LExpr *const *base;
  LExpr *counts[MAX_RANK + 2]; // by dimension: the elements that exist; NULL: the whole piece
} Moves;

// Where vector `number` of operand o begins, as the bits behind the lanes say. `inside`: whether it exists at all; NULL
// instead of that: it is moved to the last one that does.
static LExpr *vector_at(const Moves *m, int o, const Bit *bits, int n_bits, int number, LExpr **inside) {
  LBuilder *b = m->k->b;
  int coordinates[MAX_RANK + 2] = {0};
  for (int p = m->t->log_lanes; p < n_bits; p++)
    if (number >> (p - m->t->log_lanes) & 1) coordinates[bits[p].dim] += bits[p].value;
  LExpr *at = lx_int(b, 0);
  for (int d = 0; d < m->t->rank; d++) {
    LExpr *c = lx_int(b, coordinates[d]), *count = m->counts[d];
    if (!coordinates[d]) continue;
    if (count && inside) {
      LExpr *exists = lx_op(b, LOOP_LT, c, count);
      *inside = *inside ? lx_op(b, LOOP_AND, *inside, exists) : exists;
    } else if (count)
      c = lx_min(b, c, lx_addi(b, count, -1));
    at = lx_add(b, at, lx_mul(b, c, kernel_dim(m->k, m->t->strides[o][d])));
  }
  return at;
}

// The lanes of operand o's vectors that exist; NULL: all.
static LExpr *lanes_of(const Moves *m, int o) {
  int last = m->t->run[o][m->t->n_run[o] - 1];
  if (!m->counts[last]) return NULL;
  return loop_let(m->k->b, "lanes", lx_muli(m->k->b, m->counts[last], m->t->lanes / m->t->pieces[last]));
}

static void move(const Moves *m) {
  LBuilder *b = m->k->b;
  Bit bits[MOST_BITS];
  int n_bits = source_bits(m->t, bits), n = 1 << (n_bits - m->t->log_lanes), lanes = m->t->lanes;
  LExpr *v[BLOCK], *count = lanes_of(m, 0);
  for (int i = 0; i < n; i++) {
    LExpr *at = vector_at(m, 0, bits, n_bits, i, NULL);
    v[i] = loop_let(b, "v", count ? lx_load_n(b, m->base[0], at, lanes, count) : lx_load(b, m->base[0], at, lanes));
  }
  turn(b, m->t, bits, n_bits, v);
  count = lanes_of(m, 1);
  for (int i = 0; i < n; i++) {
    LExpr *inside = NULL, *at = vector_at(m, 1, bits, n_bits, i, &inside);
    if (inside) loop_if(b, inside);
    if (count)
      loop_store_n(b, m->base[1], at, v[i], count);
    else
      loop_store(b, m->base[1], at, v[i]);
    if (inside) loop_end_if(b);
  }
}

static void copy_tile(Kernel *k, const Shuffled *t, LExpr *const *base, LExpr *const *index) {
  LBuilder *b = k->b;
  Moves whole = {.k = k, .t = t, .base = base}, part = whole;
  LExpr *is_whole = NULL;
  bool ever_whole = true;
  for (int d = 0; d < t->rank; d++) {
    if (dim_is_const(t->extents[d]) && t->extents[d] % t->pieces[d] == 0) continue;
    LExpr *left = lx_sub(b, kernel_dim(k, t->extents[d]), lx_muli(b, index[d], t->pieces[d]));
    part.counts[d] = loop_let(b, "n", lx_min(b, left, lx_int(b, t->pieces[d])));
    LExpr *all = lx_op(b, LOOP_EQ, part.counts[d], lx_int(b, t->pieces[d]));
    is_whole = is_whole ? lx_op(b, LOOP_AND, is_whole, all) : all;
    ever_whole &= !dim_is_const(t->extents[d]) || t->extents[d] > t->pieces[d];
  }
  if (!is_whole) return move(&whole);
  if (!ever_whole) return move(&part);
  loop_if(b, is_whole);
  move(&whole);
  loop_else(b);
  move(&part);
  loop_end_if(b);
}

void shuffled_copy(Kernel *k, const Shuffled *t, LExpr *const *base, LExpr *const *index) {
  LBuilder *b = k->b;
  int g = t->grouped;
  if (t->group == 1) return copy_tile(k, t, base, index);
  LExpr *first = lx_muli(b, index[g], t->group), *next[2], *number[MAX_RANK + 2];
  Dim tiles = dim_floordiv(k->lw->m->dims, dim_add(k->lw->m->dims, t->extents[g], t->pieces[g] - 1), t->pieces[g]);
  LExpr *count = lx_int(b, t->group);
  if (!dim_is_const(tiles) || tiles % t->group) count = lx_min(b, count, lx_sub(b, kernel_dim(k, tiles), first));
  LExpr *i = loop_for(b, "tile", lx_int(b, 0), count, 1);
  for (int o = 0; o < 2; o++) {
    LExpr *step = lx_muli(b, kernel_dim(k, t->strides[o][g]), t->pieces[g]);
    next[o] = loop_let(b, "p", lx_add(b, base[o], lx_mul(b, i, step)));
  }
  for (int d = 0; d < t->rank; d++) number[d] = d == g ? lx_add(b, first, i) : index[d];
  copy_tile(k, t, next, number);
  loop_end_for(b);
}
