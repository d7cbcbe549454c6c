// Weights: their names, their bytes, and seeded values for those that no file gives.
//
// Seeded values, by rank and suffix, from xoshiro256** seeded with the weight's name and seed:
//   `.running_var`          uniform in [0.5, 1.5]: positive, as a variance is
//   rank 1, `.weight`       uniform in [0.9, 1.1]: a norm's scale
//   rank 1, others          uniform in [-0.05, 0.05]
//   rank 4                  normal with deviation sqrt(2 / fan_in), as He et al. 2015: a rectifier follows
//   other ranks             normal with deviation sqrt(1 / fan_in)
#include "ir/core/check.h"
#include "ir/core/checked.h"
#include "ir/graph/internal.h"
#include <math.h>
#include <string.h>

// ---- blobs

static void release_malloc(Blob *b) { free((void *)b->data); }

Blob *blob_malloc(size_t size) {
  Blob *b = xcalloc(1, sizeof *b);
  *b = (Blob){.refs = 1, .data = xcalloc(size ? size : 1, 1), .size = size, .release = release_malloc};
  return b;
}

void blob_unref(Blob *b) {
  if (!b || --b->refs) return;
  if (b->release) b->release(b);
  free(b);
}

// ---- names

struct WeightIndex {
  Weight **slots; // open addressing by the interned name's address, power of two
  size_t len, cap;
};

void weight_index_destroy(WeightIndex *index) {
  if (!index) return;
  free(index->slots);
  free(index);
}

static Weight **find_slot(const WeightIndex *index, const char *interned) {
  size_t at = hash_bytes(&interned, sizeof interned, 0) & (index->cap - 1);
  while (index->slots[at] && index->slots[at]->name != interned) at = (at + 1) & (index->cap - 1);
  return &index->slots[at];
}

static void index_weights(Module *m) {
  weight_index_destroy(m->weight_index);
  WeightIndex *index = m->weight_index = xcalloc(1, sizeof *index);
  index->cap = 64;
  while (index->cap < 4 * m->weights.len) index->cap *= 2;
  index->slots = xcalloc(index->cap, sizeof *index->slots);
  for (size_t i = 0; i < m->weights.len; i++) *find_slot(index, m->weights.data[i]->name) = m->weights.data[i];
  index->len = m->weights.len;
}

Weight *graph_find_weight(const Module *m, const char *name) {
  WeightIndex *index = m->weight_index;
  if (!index || index->len != m->weights.len) index_weights((Module *)m), index = m->weight_index; // a cache
  return *find_slot(index, intern(m->names, name));
}

Weight *graph_weight(Module *m, const char *name, const Type *type, WeightSource source) {
  CHECK(!graph_find_weight(m, name), "two weights named %s", name);
  Weight *w = arena_new(m->arena, Weight);
  w->name = intern(m->names, name);
  w->type = type;
  w->stored = type->dtype;
  w->source = source;
  w->value = value_create(m, VALUE_WEIGHT, type);
  w->value->weight = w;
  w->value->name = w->name;
  vec_push(&m->weights, w);
  WeightIndex *index = m->weight_index;
  if (2 * m->weights.len > index->cap) return index_weights(m), w;
  *find_slot(index, w->name) = w;
  index->len++;
  return w;
}

static const char *unique_name(Module *m, const char *hint) {
  Weight *taken = graph_find_weight(m, hint);
  const char *name = hint;
  while (taken && graph_find_weight(m, name)) name = arena_printf(m->arena, "%s.%d", hint, ++taken->numbered);
  return name;
}

Weight *graph_dense(Module *m, const char *hint, const Type *type, Blob *blob) {
  Weight *w = graph_weight(m, unique_name(m, hint), type, WEIGHT_DENSE);
  w->blob = blob;
  return w;
}

Weight *graph_splat(Module *m, const char *hint, const Type *type, double v) {
  Weight *w = graph_weight(m, unique_name(m, hint), type, WEIGHT_SPLAT);
  w->splat = v;
  return w;
}

bool weight_is_parameter(const Weight *w) { return !strchr(w->name, ':'); }

void graph_drop_unused_weights(Module *m) {
  size_t kept = 0;
  for (size_t i = 0; i < m->weights.len; i++) {
    Weight *w = m->weights.data[i];
    if (graph_use_count(m, w->value)) {
      m->weights.data[kept++] = w;
      continue;
    }
    blob_unref(w->blob);
    w->blob = NULL;
  }
  bool dropped = kept != m->weights.len;
  m->weights.len = kept;
  if (dropped) index_weights(m);
}

// ---- seeded values

typedef struct Random {
  uint64_t s[4];
} Random;

// splitmix64 (Vigna)
static uint64_t split_mix(uint64_t *x) {
  uint64_t z = *x += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static uint64_t rotate(uint64_t x, int k) { return x << k | x >> (64 - k); }

// xoshiro256** (Blackman and Vigna)
static uint64_t next(Random *r) {
  uint64_t *s = r->s, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotate(s[3], 45);
  return result;
}

static double uniform(Random *r, double lo, double hi) { return lo + (hi - lo) * ((double)(next(r) >> 11) * 0x1p-53); }

// Nearly normal: four 16-bit uniforms summed, of mean 0 and variance 1. The same on every machine, unlike libm's log.
static double normal(Random *r) {
  uint64_t u = next(r);
  int64_t sum = (int64_t)((u & 0xffff) + (u >> 16 & 0xffff) + (u >> 32 & 0xffff) + (u >> 48));
  return (double)(sum - 131070) * (1.7320508075688772 / 65536);
}

static bool ends_with(const char *s, const char *suffix) {
  size_t n = strlen(s), k = strlen(suffix);
  return n >= k && !strcmp(s + n - k, suffix);
}

static void fill_seeded(const Weight *w, void *data, int64_t n) {
  uint64_t seed = w->seed ^ hash_bytes(w->name, strlen(w->name), 0);
  Random r;
  for (int i = 0; i < 4; i++) r.s[i] = split_mix(&seed);
  int rank = w->type->rank;
  double lo = -0.05, hi = 0.05;
  if (rank == 1 && ends_with(w->name, ".weight")) lo = 0.9, hi = 1.1;
  if (ends_with(w->name, ".running_var")) lo = 0.5, hi = 1.5;
  bool is_normal = rank >= 2 && !ends_with(w->name, ".running_var");
  double fan_in = w->fan_in > 0 ? (double)w->fan_in : 1;
  double deviation = sqrt((rank == 4 ? 2 : 1) / fan_in);
  for (int64_t i = 0; i < n; i++)
    dtype_store(w->stored, data, i, is_normal ? deviation * normal(&r) : uniform(&r, lo, hi));
}

// ---- data

int64_t weight_count(const Weight *w) {
  int64_t n = 1;
  for (int i = 0; i < w->type->rank; i++) {
    CHECK(dim_is_const(w->type->dims[i]) && checked_mul(n, w->type->dims[i], &n) && n <= MAX_ELEMENTS,
          "the size of weight %s", w->name);
  }
  return n;
}

Weight *weight_behind(const Value *v) {
  if (v && v->kind == VALUE_RESULT && v->node->op == OP_CAST && v->type->dtype == DT_F32) {
    const Value *x = operand(v->node, 0);
    return x->kind == VALUE_WEIGHT && dtype_is_half(x->type->dtype) ? x->weight : NULL;
  }
  return v && v->kind == VALUE_WEIGHT ? v->weight : NULL;
}

const void *weight_data(Weight *w, DType *stored) {
  if (!w->blob && (w->source == WEIGHT_SPLAT || w->source == WEIGHT_INIT)) {
    int64_t n = weight_count(w);
    w->stored = w->type->dtype;
    w->blob = blob_malloc((size_t)n * dtype_size(w->stored));
    void *data = (void *)w->blob->data;
    if (w->source == WEIGHT_INIT)
      fill_seeded(w, data, n);
    else
      for (int64_t i = 0; i < n; i++) dtype_store(w->stored, data, i, w->splat);
  }
  if (stored) *stored = w->stored;
  return w->blob ? w->blob->data : NULL;
}

void weight_rest(Weight *w) {
  if (w->blob && w->blob->rest) w->blob->rest(w->blob);
}

void weight_drop_cache(Weight *w) {
  weight_rest(w);
  if (w->source != WEIGHT_SPLAT && w->source != WEIGHT_INIT) return;
  blob_unref(w->blob);
  w->blob = NULL;
}

double weight_at(Weight *w, int64_t i) {
  double v[1]; // room for one element of any type
  if (w->source == WEIGHT_SPLAT) return dtype_store(w->type->dtype, v, 0, w->splat), dtype_load(w->type->dtype, v, 0);
  const void *data = weight_data(w, NULL);
  CHECK(data, "weight %s has no data", w->name);
  return dtype_load(w->stored, data, i);
}

void weight_to_f32(Weight *w, int64_t first, int64_t n, float *out) {
  const void *data = weight_data(w, NULL);
  CHECK(data, "weight %s has no data", w->name);
  if (w->stored == DT_F32)
    memcpy(out, (const float *)data + first, (size_t)n * sizeof *out);
  else
    for (int64_t i = 0; i < n; i++) out[i] = (float)dtype_load(w->stored, data, first + i);
}

enum { HASH_CHUNK = 1024 };

// Of the values in the weight's own type, so that a file's half-precision copy hashes alike; in chunks of equal length.
uint64_t weight_hash(Weight *w) {
  const Type *t = w->type;
  uint64_t h = hash_bytes(t->dims, sizeof(Dim) * (size_t)t->rank, t->dtype);
  if (w->source == WEIGHT_MISSING || (w->source == WEIGHT_FILE && !w->blob)) return h;
  size_t size = dtype_size(t->dtype);
  char chunk[HASH_CHUNK * 8] __attribute__((aligned(8)));
  const char *data = w->source == WEIGHT_SPLAT ? NULL : weight_data(w, NULL);
  for (int64_t at = 0, n = weight_count(w); at < n; at += HASH_CHUNK) {
    int64_t count = min_i64(n - at, HASH_CHUNK);
    bool direct = data && w->stored == t->dtype;
    for (int64_t i = 0; i < count && !direct; i++)
      dtype_store(t->dtype, chunk, i, data ? dtype_load(w->stored, data, at + i) : w->splat);
    h = hash_bytes(direct ? data + (size_t)at * size : chunk, (size_t)count * size, h);
  }
  return h;
}
