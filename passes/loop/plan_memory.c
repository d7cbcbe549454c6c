// plan-memory: every buffer gets its offset, a multiple of 64. Weights stand one behind the other; arena and scratch
// buffers share memory when no phase needs both. A buffer that dies where another is born gives its place to it when
// the kernel allows that (both parameters `alias`) and the sizes are equal.
//
// Offsets hold for every value of the symbolic dimensions: which buffers lie below which is decided at nominal values,
// then each stands above all those below it that live at the same time, whatever their sizes (see envelope.h).
//
//   buffer a: arena f32 bytes 4096          # phases 0 to 1
//   buffer b: arena f32 bytes 4096          # phases 1 to 2
//   buffer c: arena f32 bytes 4096          # phases 2 to 3
// becomes
//   buffer a: arena f32 bytes 4096 at 0 ... b at 4096 ... c at 0
#include "ir/core/checked.h"
#include "passes/loop/envelope.h"
#include "passes/loop/placement.h"
#include "passes/loop/plan_weights.h"
#include "passes/pass.h"
#include <string.h>

enum { ALIGNMENT = 64, NOMINAL_MOST = 1 << 16 };
#define SIZE_MOST 0x1p46 // 64 TB

typedef struct Plan {
  PassContext *c;
  LProgram *p;
  LBufferKind kind;
  int *first, *last; // of each buffer of the program; last -1: no phase touches it
  int *group;        // the slot whose memory the buffer takes; -1: another kind
  Vec(Slot) slots;
  Vec(LBuffer *) leaders; // of each slot
  Monomials monomials;
  Vec(Envelope) envelopes; // of each slot
  double *sizes, *offsets; // vectors, one a slot
} Plan;

static bool keeps_all(const Plan *l) { return l->kind == BUFFER_ARENA && l->c->options.keep_all; }

// ---- lifetimes

static void find_lifetimes(Plan *l) {
  size_t n = l->p->buffers.len;
  l->first = xcalloc(n + 1, sizeof *l->first);
  l->last = xmalloc((n + 1) * sizeof *l->last);
  for (size_t i = 0; i < n; i++) l->last[i] = -1;
  for (size_t k = 0; k < l->p->phases.len; k++) {
    const LPhase *phase = l->p->phases.data[k];
    for (size_t a = 0; a < phase->args.len; a++) {
      const LBuffer *b = phase->args.data[a].buffer;
      if (!b) continue;
      if (l->last[b->id] < 0) l->first[b->id] = (int)k;
      l->last[b->id] = (int)k;
    }
  }
}

// Whether every argument of the phase that is `b` starts at its begin and may alias; `access`: what they are used for.
static bool may_alias(const LPhase *phase, const LBuffer *b, LAccess access) {
  for (size_t a = 0; a < phase->args.len; a++) {
    const LVar *param = phase->kernel->params.data[a];
    if (phase->args.data[a].buffer != b) continue;
    if (!param->aliases || param->access != access || phase->args.data[a].dim != 0) return false;
  }
  return true;
}

// The slot of a buffer that dies in phase k and whose memory `b`, born there, may take over; -1: none.
static int slot_to_take(const Plan *l, const LPhase *phase, int k, const LBuffer *b) {
  if (l->kind != BUFFER_ARENA || keeps_all(l) || !may_alias(phase, b, ACCESS_OUT)) return -1;
  for (size_t a = 0; a < phase->args.len; a++) {
    const LBuffer *from = phase->args.data[a].buffer;
    if (!from || from == b || from->kind != BUFFER_ARENA || from->bytes != b->bytes || l->last[from->id] != k) continue;
    int slot = l->group[from->id];
    bool free = l->first[from->id] < k && l->leaders.data[slot] == from;
    if (free && may_alias(phase, from, ACCESS_IN)) return slot;
  }
  return -1;
}

static bool add_slot(Plan *l, LBuffer *b) {
  Envelope e = {0};
  bool ok = envelope_of(&l->monomials, dim_capacity(l->p->dims, b->bytes), &e); // counts are found by a run
  vec_push(&l->envelopes, e);
  l->group[b->id] = (int)l->slots.len;
  vec_push(&l->slots, (Slot){.first = l->first[b->id], .last = l->last[b->id]});
  vec_push(&l->leaders, b);
  if (!ok) diag_error(l->c->diag, (Span){0}, "the size of `%s` has no bound that memory could be planned by", b->name);
  return ok;
}

// `leaders` holds, at any moment, the buffer that owns the slot last.
static bool collect(Plan *l) {
  bool ok = true;
  l->group = xmalloc((l->p->buffers.len + 1) * sizeof *l->group);
  for (size_t i = 0; i < l->p->buffers.len; i++) l->group[i] = -1;
  for (size_t k = 0; k < l->p->phases.len; k++) {
    const LPhase *phase = l->p->phases.data[k];
    for (size_t a = 0; a < phase->args.len; a++) {
      LBuffer *b = phase->args.data[a].buffer;
      if (!b || b->kind != l->kind || l->group[b->id] >= 0) continue;
      int slot = slot_to_take(l, phase, (int)k, b);
      if (slot < 0) {
        ok = add_slot(l, b) && ok;
        continue;
      }
      l->group[b->id] = slot;
      l->leaders.data[slot] = b;
      l->slots.data[slot].last = l->last[b->id];
      pass_count(l->c, "buffers in place of their operand", 1);
    }
  }
  return ok;
}

// ---- offsets

static double *vector(Plan *l, double *vectors, int slot) { return vectors + (size_t)slot * l->monomials.list.len; }

// Symbols with a small maximum at it, others at 1.
static bool set_nominal_sizes(Plan *l) {
  int64_t symbols[MAX_SYMBOLS];
  for (int i = 0; i < dim_symbol_count(l->p->dims); i++) {
    const Symbol *s = dim_symbol_at(l->p->dims, i);
    symbols[i] = s->max <= NOMINAL_MOST ? s->max : s->min;
  }
  size_t n = l->slots.len, m = l->monomials.list.len;
  l->sizes = xcalloc(n * m + 1, sizeof *l->sizes);
  l->offsets = xcalloc(n * m + 1, sizeof *l->offsets);
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    envelope_vector(&l->monomials, &l->envelopes.data[i], ALIGNMENT, vector(l, l->sizes, (int)i));
    double size = envelope_value(&l->monomials, vector(l, l->sizes, (int)i), symbols);
    sum += size;
    if (!(sum < SIZE_MOST)) {
      diag_error(l->c->diag, (Span){0}, "the model needs more than 64 TB for its activations");
      return false;
    }
    l->slots.data[i].size = (int64_t)size;
  }
  return true;
}

// One behind the other; `top` is where the next would stand.
static void stack(Plan *l, double *top) {
  size_t m = l->monomials.list.len;
  for (size_t i = 0; i < l->slots.len; i++) {
    memcpy(vector(l, l->offsets, (int)i), top, m * sizeof *top);
    for (size_t d = 0; d < m; d++) top[d] += vector(l, l->sizes, (int)i)[d];
  }
}

static int by_offset(const void *a, const void *b, void *slots) {
  int i = *(const int *)a, j = *(const int *)b;
  int64_t x = ((const Slot *)slots)[i].offset, y = ((const Slot *)slots)[j].offset;
  return x != y ? (x < y ? -1 : 1) : i - j;
}

// Each slot above all that conflict with it and lie below; into `top` what all of them need.
static void raise_offsets(Plan *l, const Conflicts *c, double *top) {
  size_t m = l->monomials.list.len;
  int n = (int)l->slots.len, *order = xmalloc(sizeof *order * (size_t)(n + 1));
  bool *placed = xcalloc((size_t)n + 1, 1);
  for (int i = 0; i < n; i++) order[i] = i;
  qsort_r(order, (size_t)n, sizeof *order, by_offset, l->slots.data);
  for (int k = 0; k < n; k++) {
    int i = order[k];
    double *offset = vector(l, l->offsets, i), *size = vector(l, l->sizes, i);
    for (int j = c->begin[i]; j < c->begin[i + 1]; j++) {
      if (!placed[c->list[j]]) continue;
      double *below = vector(l, l->offsets, c->list[j]), *height = vector(l, l->sizes, c->list[j]);
      for (size_t d = 0; d < m; d++) offset[d] = below[d] + height[d] > offset[d] ? below[d] + height[d] : offset[d];
    }
    placed[i] = true;
    for (size_t d = 0; d < m; d++) top[d] = offset[d] + size[d] > top[d] ? offset[d] + size[d] : top[d];
  }
  free(order);
  free(placed);
}

// What lives together at the nominally fullest moment: no plan needs less, whatever the dimensions are.
static Dim lower_bound(Plan *l) {
  size_t m = l->monomials.list.len, n = l->slots.len;
  double *sum = xcalloc(m + 1, sizeof *sum);
  int fullest = placement_fullest(l->slots.data, (int)n);
  for (size_t i = 0; i < n; i++)
    if (l->slots.data[i].first <= fullest && fullest <= l->slots.data[i].last)
      for (size_t d = 0; d < m; d++) sum[d] += vector(l, l->sizes, (int)i)[d];
  Dim bound = envelope_dim(&l->monomials, sum);
  free(sum);
  return bound;
}

static Dim place_all(Plan *l, Dim *bound) {
  int n = (int)l->slots.len;
  double *top = xcalloc(l->monomials.list.len + 1, sizeof *top);
  *bound = lower_bound(l);
  if (keeps_all(l)) {
    stack(l, top);
  } else {
    Conflicts conflicts;
    placement_conflicts(l->slots.data, n, &conflicts);
    placement_run(l->slots.data, n, &conflicts);
    raise_offsets(l, &conflicts, top);
    placement_free(&conflicts);
  }
  Dim total = envelope_dim(&l->monomials, top);
  free(top);
  return total;
}

static void plan_free(Plan *l) {
  for (size_t i = 0; i < l->envelopes.len; i++) vec_free(&l->envelopes.data[i]);
  vec_free(&l->envelopes);
  vec_free(&l->monomials.list);
  vec_free(&l->slots);
  vec_free(&l->leaders);
  free(l->first);
  free(l->last);
  free(l->group);
  free(l->sizes);
  free(l->offsets);
}

// Plans the buffers of one kind; *total and *bound are in bytes. False after a diagnostic.
static bool plan(PassContext *c, LBufferKind kind, Dim *total, Dim *bound) {
  Plan l = {.c = c, .p = c->program, .kind = kind, .monomials.dims = c->program->dims};
  find_lifetimes(&l);
  *total = *bound = 0;
  bool ok = collect(&l) && set_nominal_sizes(&l);
  if (ok && l.slots.len) *total = place_all(&l, bound);
  for (size_t i = 0; ok && i < l.p->buffers.len; i++) {
    LBuffer *b = l.p->buffers.data[i];
    if (b->kind != kind) continue;
    b->offset = l.group[i] < 0 ? -1 : envelope_dim(&l.monomials, vector(&l, l.offsets, l.group[i]));
    ok = b->offset != DIM_INVALID;
  }
  if (ok && *total == DIM_INVALID) ok = false;
  if (!ok && !diag_errors(c->diag)) diag_error(c->diag, (Span){0}, "the model needs more memory than can be counted");
  plan_free(&l);
  return ok;
}

static double kilobytes(const LProgram *p, Dim d) { // where every dimension is at its minimum
  int64_t values[MAX_SYMBOLS];
  dim_least(p->dims, values);
  return (double)dim_eval(p->dims, d, values) / 1024;
}

static void explain(PassContext *c) {
  LProgram *p = c->program;
  if (!pass_remarks(c, false) && !pass_remarks(c, true)) return;
  double arena = kilobytes(p, p->arena_bytes), bound = kilobytes(p, p->arena_bound), all = 0;
  int n = 0;
  for (size_t i = 0; i < p->buffers.len; i++)
    if (p->buffers.data[i]->kind == BUFFER_ARENA) all += kilobytes(p, p->buffers.data[i]->bytes), n++;
  pass_remark(c, NULL, false,
              "arena of %.0f KB for %d buffers of together %.0f KB; at the fullest moment %.0f KB are live", arena, n,
              all, bound);
  if (arena > 1.05 * bound)
    pass_remark(c, NULL, true, "the arena is %.0f%% larger than what is live at the fullest moment",
                100 * (arena / bound - 1));
}

bool plan_memory_run(PassContext *c) {
  LProgram *p = c->program;
  Dim unused;
  bool ok = plan_weights(p, c->weights, c->diag) && plan(c, BUFFER_SCRATCH, &p->scratch_bytes, &unused) &&
            plan(c, BUFFER_ARENA, &p->arena_bytes, &p->arena_bound);
  if (ok) explain(c);
  return ok;
}
