// Whether a kernel for zeros pays, and how it is divided. The estimate counts cycles as tile.c does, so that both
// kernels are compared by the same machine: two fused multiply-adds or two loads a cycle. Constants were measured with
// AVX2 and SSE4.2 on layers of ResNet-50, MobileNetV2 and Vision Transformers, from half to 95% of zeros.
#include "ir/core/checked.h"
#include "passes/lower/choose.h"
#include "passes/lower/conv.h"
#include "passes/lower/pack_sparse.h"
#include "passes/lower/sparse.h"

// ---- zeros

enum { SAMPLES = 64, SAMPLE = 64 }; // runs of a large weight that are looked at first, and their elements
#define ZEROS_LEAST 0.2             // of a weight, for its zeros to be counted and spoken of

static int64_t count_zeros(const void *data, DType stored, int64_t first, int64_t n) {
  int64_t zeros = 0;
  if (stored == DT_F32)
    for (int64_t i = first; i < first + n; i++) zeros += ((const float *)data)[i] == 0;
  else
    for (int64_t i = first; i < first + n; i++) zeros += dtype_load(stored, data, i) == 0;
  return zeros;
}

// How many elements are not zero; all, where a look here and there says that few are.
static int64_t count_nonzeros(Weight *w) {
  int64_t n = weight_count(w), step = n / SAMPLES;
  DType stored;
  if (w->source == WEIGHT_INIT || (w->source == WEIGHT_SPLAT && w->splat != 0)) return n; // not made for nothing
  const void *data = weight_data(w, &stored);
  if (!data) return n;
  if (step > SAMPLE) {
    int64_t zeros = 0;
    for (int64_t i = 0; i < SAMPLES; i++) zeros += count_zeros(data, stored, i * step, SAMPLE);
    if ((double)zeros < ZEROS_LEAST / 2 * SAMPLES * SAMPLE) return n;
  }
  int64_t zeros = count_zeros(data, stored, 0, n);
  weight_rest(w);
  return n - zeros;
}

// ---- what it costs

enum {
  WIDTH_MOST = 8,
  LATENCY = 4,      // cycles from one sum to the next
  ROW = 18,         // cycles to begin and end an output channel of a block: its loop ends where nobody foresees it
  NEAR = 24 << 10,  // bytes of turned pixels that stay in the first-level cache
  MANY_VECTORS = 96 // of a picture whose size is not known
};
#define ALL_LOADS 1.3 // times the cycles that loads take where they are nearly all there is to do
#define FAR_LINE 1.5  // more cycles for a line that does not
#define WORTH 0.9     // of the dense kernel's estimate, to be chosen

// What is computed, by numbers.
typedef struct Work {
  int64_t in, out, nonzeros; // channels; weights
  int64_t rows, vectors;     // pixels of a picture (0: unknown), and vectors of 16 of them
} Work;

static Work work_of(const Weight *w, Dim pixels, int64_t nonzeros) {
  const Dim *dims = w->type->dims;
  bool known = dim_is_const(pixels);
  return (Work){dims[1], dims[0], nonzeros, known ? pixels : 0, known ? ceil_div(pixels, BLOCK) : MANY_VECTORS};
}

static int registers_per_vector(const LowerTarget *t) { return 64 / t->vector_bytes; }

// Cycles to turn 16 vectors, reading and writing included.
static double turn_cycles(const LowerTarget *t) { return 80 + 35 * registers_per_vector(t); }

// Of a picture whose bands have at most `width` vectors, `block` input channels at a time.
static double sparse_cycles(const LowerTarget *t, const Work *w, int width, int64_t block) {
  TileSplit bands = tile_split(w->vectors, width);
  int v = registers_per_vector(t);
  double blocks = (double)ceil_div(w->in, block), panels = (double)ceil_div(w->out, BLOCK), near = NEAR;
  double channels = blocks * panels * BLOCK, bytes = (double)(block * width * BLOCK) * sizeof(float), cycles = 0;
  for (int longer = 0; longer < 2; longer++) {
    double n = (double)(longer ? bands.big : bands.tiles - bands.big), size = (double)(bands.small + longer);
    double product = ALL_LOADS * (size * v + 2) / 2; // all sums' pixels are loaded, the value and its channel
    if (product < LATENCY) product = LATENCY;
    if (bytes > near) product += FAR_LINE * size * (1 - near / bytes);
    cycles += n * ((double)w->nonzeros * product + channels * (ROW + size * v));
  }
  double turned = (double)ceil_div(w->in, BLOCK) + panels;
  return cycles + (double)w->vectors * turned * turn_cycles(t);
}

static double dense_cycles(const LowerTarget *t, const Work *w) {
  TileWork dense = {.rows = w->rows, .panels = ceil_div(w->out, BLOCK), .steps = w->in};
  double rows = (double)(w->rows ? w->rows : w->vectors * BLOCK);
  double steps = rows * (double)dense.panels * (double)w->in * registers_per_vector(t) / 2;
  return steps / tile_compare(t, &dense).efficiency;
}

// Beside the sums stand the value, and where no instruction reads memory and adds, what is loaded.
static bool fits(const LowerTarget *t, int width) {
  int beside = t->has_fma && t->vector_registers == 16 ? 1 : 4;
  return width * registers_per_vector(t) + beside <= t->vector_registers;
}

// The division of the fewest cycles; returns these.
static double divide(const LowerTarget *t, const Work *w, Sparse *s) {
  double least = 0;
  for (int width = 1; width <= WIDTH_MOST && width <= w->vectors; width++) {
    if (width > 1 && !fits(t, width)) break;
    for (int64_t most = 64; most <= SPARSE_BLOCK_MOST; most *= 2) {
      int64_t blocks = ceil_div(w->in, most), block = round_up(ceil_div(w->in, blocks), BLOCK);
      double cycles = sparse_cycles(t, w, width, block);
      if (least > 0 && cycles >= least) continue;
      least = cycles;
      s->width = width;
      s->block = block;
    }
  }
  return least;
}

// Tasks: bands of pictures. Where these are few, and it is worth a phase more, pixels are turned before, for groups of
// panels to be tasks; so many panels that sums which wait for the next block of input channels stay near.
static void share(const Contraction *c, const Work *w, double cycles, Sparse *s) {
  enum { TASKS = 8, WORTH_SHARING = 100000, SUMS = 256 << 10 };
  int64_t panels = ceil_div(c->channels_out, BLOCK), images = dim_is_const(c->images) ? c->images : 1;
  int64_t tasks = ceil_div(w->vectors, s->width) * images, groups = 1;
  s->apart = w->rows && tasks < TASKS && panels > 1 && cycles * (double)images > WORTH_SHARING;
  if (s->apart) groups = ceil_div(TASKS, tasks);
  int64_t bytes = panels * BLOCK * s->width * BLOCK * (int64_t)sizeof(float);
  if (s->block < w->in) groups = max_i64(groups, ceil_div(bytes, SUMS));
  s->group = ceil_div(panels, min_i64(groups, panels));
}

// ---- whether it pays

// Cycles of one picture.
typedef struct Estimate {
  double sparse, dense;
} Estimate;

static Estimate estimate(const LowerTarget *t, const Work *w, Sparse *s) {
  return (Estimate){divide(t, w, s), dense_cycles(t, w)};
}

static bool pays(const Estimate *e) { return e->sparse < WORTH * e->dense; }

// What measurement says.
static bool ask(Lower *lw, const Node *n, const Contraction *c, Dim pixels, double zeros, bool taken) {
  const char *words[] = {taken ? "sparse" : "dense", taken ? "dense" : "sparse"};
  Contraction rows = *c;
  contract_flatten(lw, &rows, pixels);
  return choose(lw, n, &rows, arena_printf(lw->p->arena, "kernel for %.1f%% zeros", 100 * zeros), 2, words) ? !taken
                                                                                                            : taken;
}

static bool applies(const Contraction *c, Dim pixels) {
  return !c->scaling && c->groups == 1 && c->weight->type->dtype == DT_F32 && pixels != 0 &&
         weight_count(c->weight) <= INT32_MAX;
}

bool sparse_choose(Lower *lw, const Node *n, const Contraction *c, Dim pixels, Sparse *s) {
  if (!applies(c, pixels)) return false;
  int64_t elements = weight_count(c->weight), nonzeros = count_nonzeros(c->weight);
  double zeros = 1 - (double)nonzeros / (double)elements;
  bool forced = lw->target->sparse;
  if (zeros < ZEROS_LEAST && !forced) return false;
  if (c->block != BLOCK) {
    pass_remark(lw->pass, n, true, "%s: %.0f%% of the weights are zero, but rows of features have a dense kernel only",
                pass_label(n), 100 * zeros);
    return false;
  }
  Work w = work_of(c->weight, pixels, nonzeros);
  *s = (Sparse){.nonzeros = nonzeros};
  Estimate e = estimate(lw->target, &w, s);
  share(c, &w, e.sparse, s);
  if (forced) return true;
  bool taken = pays(&e);
  if (lw->target->reproducible) { // the bits depend on it where there are infinities or NaNs
    Sparse other;
    Estimate alike = estimate(&choose_reference, &w, &other);
    taken = pays(&alike);
  }
  pass_remark(lw->pass, n, !taken,
              "%s: %.0f%% of the weights are zero, by the %s kernel: %.0f thousand cycles estimated for the others, "
              "%.0f for all (%lld pixels)",
              pass_label(n), 100 * zeros, taken ? "sparse" : "dense", e.sparse / 1e3, e.dense / 1e3,
              (long long)(w.rows ? w.rows : w.vectors * BLOCK));
  return lw->target->reproducible ? taken : ask(lw, n, c, pixels, zeros, taken);
}

double sparse_gain(Lower *lw, const Node *n) {
  Weight *weight = weight_operand(n, IN_CONV2D_weight);
  if (weight->type->dtype != DT_F32) return 0;
  const Dim *y = result(n)->type->dims;
  int64_t elements = weight_count(weight), nonzeros = count_nonzeros(weight);
  Work w = work_of(weight, dim_mul(lw->m->dims, y[2], y[3]), nonzeros);
  if (w.vectors == 0 || (double)nonzeros > (1 - ZEROS_LEAST) * (double)elements) return 0;
  Sparse s;
  Estimate e = estimate(&choose_reference, &w, &s);
  return pays(&e) ? (double)lower_estimate(lw, y[0]) * (e.dense - e.sparse) / 1e3 : 0;
}
