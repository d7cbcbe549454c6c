// What the user asks of the passes that change what a network computes: --factorize=METHOD:NUMBER,
// --prune=METHOD:NUMBER, --quantize=int8,METHOD, --precision=TYPE.
#pragma once
#include "ir/core/dtype.h"
#include "passes/observe.h"

typedef enum FactorizeMethod {
  FACTORIZE_NONE,
  FACTORIZE_SPATIAL,
  FACTORIZE_CHANNEL,
  FACTORIZE_TUCKER2
} FactorizeMethod;

typedef struct Factorization {
  FactorizeMethod method;
  double error; // the most that a layer may change by, relative: its weights, or with data its outputs
} Factorization;

typedef enum PruneMethod { PRUNE_NONE, PRUNE_STRUCTURED, PRUNE_MAGNITUDE, PRUNE_MAGNITUDE_PER_LAYER } PruneMethod;

typedef struct Pruning {
  PruneMethod method;
  double fraction; // of filters, or of weights
} Pruning;

typedef enum QuantizeMethod { QUANTIZE_NONE, QUANTIZE_STATIC, QUANTIZE_DYNAMIC } QuantizeMethod;

typedef struct Quantization {
  QuantizeMethod method;
  Observer observer;
} Quantization;

// False, with what was expected in *why, where the text is no such thing.
bool compress_read_factorization(const char *text, Factorization *f, StrBuf *why);
void compress_print_factorization(const Factorization *f, StrBuf *out); // as it is read; f asks for one
bool compress_read_pruning(const char *text, Pruning *p, StrBuf *why);
bool compress_read_quantization(const char *text, Quantization *q, StrBuf *why); // the method alone
bool compress_read_precision(const char *text, DType *stored, StrBuf *why);      // f32, bf16 or f16
