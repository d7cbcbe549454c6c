// How well a network does what it was trained for, on samples that are labelled or beside the network that it was made
// of.
#pragma once
#include "driver/build.h"
#include "driver/perturb.h"
#include "driver/samples.h"

enum { EVALUATE_TOP = 5 };

typedef struct EvaluatedSet { // the samples as they are, or all perturbed in one way
  char *name;                 // "clean", "shift 10%"; in the arena
  int64_t top1, top5;         // right, where they are labelled
  int64_t agree;              // that have the class on top which the reference has there
  double error;               // of the scores against the reference's, relative L2, mean over the samples
} EvaluatedSet;

typedef struct EvaluatedLayer {
  const char *name, *op;
  double snr; // signal to noise in dB: 10 log10(sum of squares of the reference's values / of the differences)
} EvaluatedLayer;

typedef struct Evaluation {
  Arena *arena;
  int64_t samples, classes;
  const char *const *names; // of classes, in the arena; NULL: they have none
  bool labelled, compared;  // compared: there is a reference
  Vec(EvaluatedSet) sets;   // the clean one first
  int64_t *confusion;       // classes x classes, of the clean set: how often [label][answer]; NULL: not labelled
  Vec(EvaluatedLayer) layers;
} Evaluation;

typedef struct EvaluateOptions {
  const BuildOptions *build;
  const char *data, *labels, *reference; // reference: a model; NULL: this one without what changes its network, if any
  const Perturbation *perturbations;
  size_t n_perturbations;
  uint64_t seed;
  int64_t limit;  // samples at most; 0: all
  int64_t repeat; // each so often; 0: once
  int threads;    // 0: as many as this process may use
  bool layers;
} EvaluateOptions;

// ||x - reference|| / ||reference||, of n elements.
double evaluate_error(const float *x, const float *reference, int64_t n);
// False after a diagnostic. evaluate_free is due either way.
bool evaluate_model(const char *path, const EvaluateOptions *o, Evaluation *e, Diag *d);
void evaluate_free(Evaluation *e);
