// What the methods of --factorize= share: a layer that is to become several (factorize_layer.c), and the layers in its
// place. A linear layer is a convolution of one tap.
#pragma once
#include "passes/graph/layer_data.h"
#include "passes/graph/product.h"

// A convolution without groups. It takes the layer's stride, padding and dilation in the directions of `along`.
typedef struct Stage {
  const char *name; // behind the layer's
  int64_t out, in, kh, kw;
  bool along[2]; // columns of taps, rows of taps
  double *w;     // [out][in][kh][kw]; NULL as long as only the cost is asked for
} Stage;

enum { STAGES = 3 };

typedef struct Chain {
  int n;
  Stage stages[STAGES];
} Chain;

typedef struct FactorLayer {
  PassContext *pass;
  Product p;
  Stage whole;
  int64_t n;        // inputs of each output: in kh kw
  double ratios[2]; // pixels of the input for one of the result, down and across
  bool winograd;    // strides and sizes are such that Winograd's algorithm may compute 3x3 windows
  // From calibration; NULL: there is none, weights count as they are.
  const CalibrationLayer *data;
  double *covariance; // see layer_covariance
  double prior;       // what of the diagonal is not measured
  double square;      // the mean square of the outputs; without data the sum of the squares of all weights
} FactorLayer;

// False, with the reason in *why, where it is not to be tried. factor_layer_free is due either way.
bool factor_layer_read(FactorLayer *l, PassContext *c, Node *n, const LayerData *data, const char **why);
void factor_layer_weigh(FactorLayer *l); // computes what of data takes time: covariance, prior, square
void factor_layer_free(FactorLayer *l);

double factor_cost(const FactorLayer *l,
                   const Chain *c); // multiplications as kernels do them, for a pixel of the result
double factor_macs(const FactorLayer *l, const Chain *c);
double factor_whole_cost(const FactorLayer *l);
const char *factor_beside(const FactorLayer *l); // what that cost is counted beside, for remarks; may be empty
// Weights of the one convolution that the stages are, [out][in][kh][kw].
double *factor_composed(const FactorLayer *l, const Chain *c);
// The mean square of what other weights change of the outputs, biases making up for the mean: with `prior` as the
// methods see it, without it as it was measured.
double factor_loss(const FactorLayer *l, const double *w, bool prior);
// With data: weights of a layer of m inputs, b (m x n) times those of this one, that come nearest to it: out x m.
// *gram, if not NULL, becomes the covariance of these inputs, m x m.
double *factor_fit(const FactorLayer *l, int64_t m, const double *b, double *gram);
// The covariance of inputs that lie `taps` behind each other, averaged over these: of channels where all taps of the
// window are meant, of columns of taps where those of a row are. l->n / taps squared.
double *factor_tap_covariance(const FactorLayer *l, int64_t taps);
void factor_chain_free(Chain *c);

// ---- the methods
// Fill in the chain of least cost whose loss is at most allowed^2 times l->square, and what it is, for remarks. Where
// none is cheaper than the layer: false, and the reason.
bool factorize_spatial(const FactorLayer *l, double allowed, Chain *c, StrBuf *what);
bool factorize_channel(const FactorLayer *l, double allowed, Chain *c, StrBuf *what);
bool factorize_tucker(const FactorLayer *l, double allowed, Chain *c, StrBuf *what);
// What the methods of one rank have in common: the first two stages of `c` (without weights) are made for the smallest
// rank of `best` that is within the bound; the rank, or 0 with the reason in *what.
int64_t factorize_rank(const FactorLayer *l, double allowed, Chain *c, int64_t limit,
                       double (*loss)(void *user, int64_t rank), void *user, StrBuf *what);
