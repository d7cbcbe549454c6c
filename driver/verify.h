// Native code beside the reference interpreter, value by value.
#pragma once
#include "driver/against.h"
#include "driver/build.h"

#define VERIFY_NMSE 1e-9 // unless the options say otherwise
// Behind a rounding to integers: an element near the middle of two may go to either, by a whole step. The reference
// follows where the integers can be read; where they cannot, what is computed from them may differ by this. Kernels of
// integers are compared bit by bit elsewhere (tests/lower).
#define VERIFY_NMSE_QUANTIZED 1e-2
#define VERIFY_MOVED 0.05 // of the integers of a layer: more that are beside the reference's are no chance

typedef struct VerifiedLayer {
  const char *name; // of the layer, else of the ONNX model's tensor, else of the operation; owned by the result's arena
  Difference difference;
  bool compared;  // the reference has this value
  bool unchanged; // by another input, though the reference's changes
  bool quantized; // it is computed from something that was rounded to integers
  bool strayed;   // too many of its integers are beside the reference's
  bool ok;        // its NMSE is at most the limit, or not more than rounding alone explains
} VerifiedLayer;

typedef struct Verification {
  Arena *arena;
  VerifiedLayer *layers;
  double nmse;                               // the limit
  int n, compared, agreed, worst, first_bad; // -1: none
  int amplified;                             // layers that agree within more than VERIFY_NMSE
  double outputs_nmse;                       // of the model as it is really compiled, the worst output
  bool outputs_ok;                           // and whether they agree
  const char *last_pass;                     // of the optional ones that ran
  bool lossy;                                // passes were asked to change the network: then layers are compared with
  double changed;     // the changed one, and its outputs differ from the model's by so much, rel. L2
  Against against;    // arrays of another framework, and how far from them both are
  bool quantized;     // an output is computed from values that are rounded to integers
  bool threads_equal; // outputs with 1 and 2 threads are bitwise equal
} Verification;

typedef struct VerifyOptions {
  const BuildOptions *build;
  const char *const *inputs; // as of `run`; arrays only
  size_t n_inputs;
  int64_t batch; // 0: 2, or 1 for large models
  uint64_t seed;
  double nmse;         // the greatest of a layer, strictly; 0: VERIFY_NMSE, or what rounding alone explains
  const char *against; // arrays of another framework, inputs among them; NULL: none
} VerifyOptions;

// False after a diagnostic, when it could not be done; else *v says how it went.
bool verify_model(const char *path, const VerifyOptions *o, Verification *v, Diag *d);
void verify_free(Verification *v);
bool verify_passed(const Verification *v);
// The same, but for arrays from which the reference differs as well: no pass is to blame for those.
bool verify_compiled_right(const Verification *v);
