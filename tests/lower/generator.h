// What the parts of the generator of random graphs share: chance, values made so far, nodes. generate.c makes graphs
// and most kinds of layers, generate_moves.c what only moves elements, generate_volume.c what works on volumes,
// generate_any.c nodes of any op and type, which generate_inputs.c keeps from growing wild.
#pragma once
#include "ir/core/check.h"
#include "tests/lower/generate.h"

enum { GENERATOR_ELEMENTS = 6000 }; // of a value, at most

typedef struct Generator {
  uint64_t state;
  Module *m;
  int64_t *symbols;
  int n_nodes;
  DType favourite;   // of a graph of any types
  Vec(Value *) pool; // what may be an operand
} Generator;

static inline uint32_t next(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(*state >> 33);
}
static inline int64_t below(Generator *g, int64_t n) { return (int64_t)(next(&g->state) % (uint32_t)n); }
static inline int64_t between(Generator *g, int64_t lo, int64_t hi) { return lo + below(g, hi - lo + 1); }
static inline bool chance(Generator *g, int percent) { return below(g, 100) < percent; }
static inline double noise(uint64_t *state) { return next(state) / 0x1p30 - 1; }

Value *generator_any(Generator *g); // one of the values made so far, rather a late one
Attr *generator_defaults(Generator *g, OpKind op);
// The node's first result; NULL where shape inference refuses it or its result is too large.
Value *generator_add(Generator *g, OpKind op, int n, Value *const *operands, const Attr *attrs);

// A weight of elements between -spread and spread, or between least and spread + least; now and then a computed one:
// the mean of a value makes it larger or smaller.
Value *generator_weight(Generator *g, int rank, const Dim *dims, double spread, double least);

static inline Value *any(Generator *g) { return generator_any(g); }
static inline Attr *defaults(Generator *g, OpKind op) { return generator_defaults(g, op); }
static inline Value *add(Generator *g, OpKind op, int n, Value *const *operands, const Attr *attrs) {
  return generator_add(g, op, n, operands, attrs);
}
static inline Value *add_unary(Generator *g, OpKind op, Value *x, const Attr *attrs) {
  return add(g, op, 1, &x, attrs);
}

static inline int64_t size_of(const Generator *g, Dim d) {
  return dim_is_const(d) ? d : dim_eval(g->m->dims, d, g->symbols);
}

static inline bool known(const Type *t, int axis) { return t->rank > axis && axis >= 0 && dim_is_const(t->dims[axis]); }

static inline Attr ints(Generator *g, AttrKind kind, int n, const int64_t *v) {
  return (Attr){kind, n, {.ints = arena_memdup(g->m->arena, v, sizeof *v * (size_t)n)}};
}
static inline Attr number(int64_t v) { return (Attr){ATTR_INT, 0, {.i = v}}; }
static inline Attr real(double v) { return (Attr){ATTR_FLOAT, 0, {.f = v}}; }
static inline Attr flag(bool v) { return (Attr){ATTR_BOOL, 0, {.i = v}}; }
static inline Attr pair(Generator *g, int64_t lo, int64_t hi) {
  return ints(g, ATTR_INTS, 2, (int64_t[]){between(g, lo, hi), between(g, lo, hi)});
}
static inline Attr padding(Generator *g, int64_t most) {
  return ints(g, ATTR_PADDING, 4,
              (int64_t[]){below(g, most + 1), below(g, most + 1), below(g, most + 1), below(g, most + 1)});
}
#define SET(attrs, OP, name, value) ((attrs)[ATTR_##OP##_##name] = (value))

// One maker a kind of layer; each may decline.
typedef Value *(*Maker)(Generator *g, Value *x);
Value *generate_dimension(Generator *g, Value *x); // dimensions that come and go, and parts of values
Value *generate_order(Generator *g, Value *x);     // elements in another order
Value *generate_resized(Generator *g, Value *x);   // a picture of another size
Value *generate_volume(Generator *g, Value *x);    // convolutions and pools of volumes
Value *generate_selection(Generator *g, Value *x); // numbers in order, some of them outside, and what they choose
Value *generate_op(Generator *g, Value *x);        // of any op, on values of any type; `x` has no say
void generator_any_inputs(Generator *g);           // inputs of any type and rank
// Ops whose operands have layouts or scales that only a pass knows, and those whose results' length a run finds, which
// test_native_select.c has.
bool generator_leaves_out(OpKind op);

// What each value is on sample inputs, so that nodes whose results are no use to a test (all NaN, or so large that all
// that follows overflows) are taken back, and those that the compiler refuses.
typedef struct Tamer {
  Vec(RefTensor) values; // by value id; those that are not known are empty
} Tamer;
void tamer_create(Tamer *t, Generator *g, uint64_t seed); // once the module has its inputs
void tamer_keep(Tamer *t, Generator *g, Maker make);      // lets it add nodes, and takes them back where they are wild
void tamer_free(Tamer *t);
