// Upper bounds of sizes as polynomials in the symbolic dimensions with coefficients >= 0: unlike the sizes themselves
// (quotients, maxima) they are closed under sum and maximum without growing, so that offsets in memory stay short.
#pragma once
#include "ir/core/dim.h"
#include "ir/core/vec.h"

// The products of symbols that occur in a set of sizes; a bound is one coefficient for each of them.
typedef struct Monomials {
  DimTable *dims;
  Vec(Dim) list; // [0] is 1
} Monomials;

typedef struct Term {
  Dim monomial;
  double coef;
} Term;
typedef Vec(Term) Envelope;

// A bound of `d`, which is never negative when a model runs; its monomials are added to *m. False: d has none.
bool envelope_of(Monomials *m, Dim d, Envelope *out);
// As a vector of m->list.len coefficients, none negative, each a multiple of `multiple`.
void envelope_vector(const Monomials *m, const Envelope *e, int64_t multiple, double *out);
Dim envelope_dim(const Monomials *m, const double *vector);
double envelope_value(const Monomials *m, const double *vector, const int64_t *symbols);
