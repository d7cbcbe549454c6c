// --max-error: searches for the fastest network whose outputs stay within an error, layer by layer.
//
// A quarter of the samples is held out; the others calibrate. Each alternative is compiled for all layers at once,
// which gives their times, and for one layer (or some neighbours, where there are many) at a time, which gives the
// errors that they add. Errors of layers are taken as independent, so that their squares add up: a knapsack problem
// (driver/knapsack.h). What its solution really costs is measured, its budget put right by that, and it is solved
// again. Last, layers that are slower there than in the model's own network go back to f32.
//
// choose.c is the search; choose_measure.c times alternatives and their errors, choose_within.c finds the best within
// the error, choose_settle.c sends slower layers back. choose_layers.c is what all work on, choose_trial.c compiles and
// measures one network, choose_report.c prints.
#pragma once
#include "driver/build.h"
#include "driver/race.h"
#include "driver/samples.h"
#include "passes/graph/factor_cache.h"

enum { CHOOSE_ALTERNATIVES = 16, CHOOSE_HELD_OUT = 4 }; // the first: f32; every so many samples one
#define CHOOSE_WORTH 0.97                               // of another alternative's time, to be worth a larger error

typedef struct Alternative { // of one layer
  double us, bytes;          // where all layers have it, what leads to its input counted
  double error;              // of the outputs where it alone has it; NAN: not measured
  const char *refused;       // why it cannot be; NULL: it can; empty: that goes without saying
} Alternative;

typedef struct ChosenLayer {
  const char *name;
  bool convolution, linear; // what alternatives are for
  double macs;
  Alternative of[CHOOSE_ALTERNATIVES];
  int taken, reverted; // reverted: what it had before it went back to f32; 0: nothing
  double us_before;    // of f32 in the model's own network, measured beside the one that was chosen
  double us, bytes;    // in the network that was chosen
  double us_here;      // of its f32 form there, what its neighbours then convert counted; 0: not tried
} ChosenLayer;

typedef struct Ranges { // of the network that some layers' factorization leaves
  char *key;            // what became of each layer
  Calibration *calibration;
} Ranges;

typedef struct Choose {
  const char *path;
  BuildOptions options; // of trials
  double max_error;
  Diag *diag;
  Arena *arena;
  Samples seen, few, held;
  const char *model;
  Vec(ChosenLayer) layers;
  Decisions *all; // a row for each layer, by which phases and nodes are known
  Vec(Ranges) ranges;
  Calibration *moments; // that factorizations are fitted to; NULL: none was tried yet
  FactorCache *factors;
  Loaded reference;
  double begin_ms, reference_ms, trial_ms; // trial_ms: what a trial takes to build and to judge by a few samples
  int builds;
} Choose;

typedef struct Measured { // of a network, beside the model's own
  double ms, reference_ms, error, agreement, weight_bytes, reference_bytes;
} Measured;

// A network to be judged: one alternative for each layer.
typedef struct Trial {
  const Choose *choose;
  Decisions *decisions; // its ranges are the search's
  BuildOptions options;
  Loaded loaded;
  double *bytes;         // by layer
  const char **refusals; // by layer; NULL: none. In the search's arena
} Trial;

typedef struct Standing { // the best network so far
  Trial trial;            // closed where it is the model's own network
  int *taken;
  double error, held, agreement, ms, reference_ms;
} Standing;

typedef struct Search {
  Choose k;
  Standing best;
  int *taken; // to be tried
} Search;

// What was found, with ranges; NULL after a diagnostic. What was measured is printed to stderr.
Decisions *choose_decisions(const char *path, const BuildOptions *o, Diag *d);

// Times the model's own network and a trial in turns, on for up to `most_seconds` until both are calm (driver/race.h).
bool choose_race(const Choose *k, const Trial *t, double most_seconds, Racer racers[2]);

// ---- choose_measure.c
bool choose_time_alternatives(Choose *k);
bool choose_measure_errors(Choose *k);

// ---- choose_within.c
// `hopeful`: integers are never slower, whatever they were measured to be, since what is between two layers is counted
// to one of them.
bool choose_within(Search *s, bool hopeful);
// The larger of the errors on held-out samples and on those that were seen, so that neither is met by chance.
bool choose_judge(const Search *s, const Trial *t, Standing *m);
void choose_stand(Search *s, Trial *t, const int *taken, const Standing *measured); // takes the trial
double choose_speed(const Standing *m);

// ---- choose_settle.c
bool choose_settle(Search *s);
// us that a layer takes more than it may (driver/settle.h); 0 or less: none.
double choose_excess(const ChosenLayer *l);

// ---- choose_layers.c
bool choose_find_layers(Choose *k);
int choose_layer_of(const Choose *k, const char *name); // -1: none

// Relations of alternatives follow from what they are, whatever their order.
Decision choose_alternative(int a); // without a layer
bool choose_applies(int a, const ChosenLayer *l);
// What it changes of a layer's outputs by its nature, relative: more or less.
double choose_loss(int a);
// Whether what refuses b of a layer refuses a: a asks for all that b asks for.
bool choose_asks_for(int a, int b);
// Whether neighbours that have it hand on integers, so that it may be worth it where it alone does not look faster.
bool choose_hands_on(int a);

// Milliseconds of phases as microseconds of layers. What belongs to no layer counts to the next one, which needed it,
// and so does what multiplies nothing behind a layer of f32 in a network of other choices: its result is made into what
// the next one reads. `taken`: by layer; NULL: the model's own network. What computes several layers is shared by
// `apart`, by layer, if that is known (not 0) of all of them, else by their multiplications; it may be NULL. `front`,
// if not NULL: by layer, what counts to it without being its own; of the model's network it is filled in, and in
// another what a layer of f32 then finds more in front of it counts to the one before, whose choice left it there.
void choose_share_times(const Choose *k, const Racer *r, const int *taken, const double *apart, double *front,
                        double *us);
// Both networks' of choose_race. What one kernel computes in one of them is shared by what its layers take in the
// other, if they have kernels of their own there: multiplications would say little of them.
void choose_share_both(const Choose *k, const Racer racers[2], const int *taken, double *own, double *us);
double choose_bytes_of(const Node *n); // of its weights

// ---- choose_trial.c
// `taken`: by layer. False after a diagnostic; trial_close is due either way.
bool trial_open(Trial *t, Choose *k, const int *taken);
void trial_close(Trial *t);
// The mean of the outputs' relative L2 errors on samples, and the share of samples with the same greatest output.
bool trial_error(const Trial *t, const Samples *samples, double *error, double *agreement);

// ---- choose_report.c
void choose_report(const Choose *k, const Measured *m);
void choose_progress(const Choose *k, const char *what, size_t done, size_t of); // what NULL: gone
