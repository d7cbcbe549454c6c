// Native code against the reference on a table of small networks in the model language, all of a table in one library.
#pragma once
#include "tests/lower/native.h"

// `inputs`: types of the inputs a, b, c, ... in order, e.g. "f32[N, 3, 7, 9] f32[7]". Behind a type, `!` puts
// infinities and NaNs among the values, `-` minus infinities, `^` all that integers of the type can be. `body`:
// statements that give y; layers need paths. Dimensions may be N, H, W, T. Integer inputs hold no zero.
typedef struct Case {
  const char *inputs, *body;
} Case;

typedef Vec(Case) Cases;
void cases_add(Cases *c, const char *inputs, const char *body, ...) __attribute__((format(printf, 3, 4)));
void cases_free(Cases *c);

// Compiles all cases and runs them at several values of the symbols: -O0 and -O2 for this processor, -O2 for x86-64-v3
// and x86-64-v2; with 1, 2 and 3 threads, which must agree in every bit. Fails the running test with a list of the
// cases that go wrong. NNCC_CASE=<text> runs only the cases that contain it.
void cases_check(const Case *cases, size_t n);
// The same, with every convolution that allows it by F(2,3), then by F(4,3); at -O2.
void cases_check_winograd(const Case *cases, size_t n);
// The same, with pointwise and depthwise convolutions row by row wherever they may be.
void cases_check_chains(const Case *cases, size_t n);
// The same with weights of layers in bf16 or f16, as --precision leaves them; each case must have some. Results must be
// those of the same weights as floats, to the bit. Also by Winograd's algorithm and row by row.
void cases_check_halves(const Case *cases, size_t n, DType halves);
// The same, that share of all weights zero, by kernels for zeros wherever they may be. Results must be those of the
// dense kernels, to the bit.
void cases_check_sparse(const Case *cases, size_t n, double zeros);
// The same, with every weight an input.
void cases_check_computed(const Case *cases, size_t n);
// The case is no error of its language, but compiling it says `message`.
void cases_refused(const Case *c, const char *message);
#define CASES_CHECK(table) cases_check(table, sizeof(table) / sizeof *(table))
