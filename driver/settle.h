// Which layers of a network that was chosen are slower than their f32 form, and so go back to it: the rule of
// choose_settle.c, apart from what it measures.
//
// A layer's f32 form is first what it is in the model's own network. Where it seems slower than that it is tried in
// place: neighbours that hand on integers to it, or expect them, then have to convert, which counts to its f32 form.
// Runs of neighbours that are changed are also compared as a whole, since none of them converts for another.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define SETTLE_SLOWER 0.03  // so much more than its f32 form a layer may take,
#define SETTLE_LEAST_US 0.1 // or this, where that is more: the clock says nothing of less

typedef struct SettledLayer { // in the order of execution
  double before, after;       // us: in the model's own network; in the chosen one, conversions counted
  bool changed;               // it is not f32 there
  bool kept;                  // tried in f32: it stays as it is
} SettledLayer;

double settle_excess(double f32, double us); // above what is allowed; 0 or less: none
// All runs of changed layers that are slower as a whole, with the layer behind, which converts what they leave. Sets
// revert[]; how many layers go back.
size_t settle_runs(const SettledLayer *l, size_t n, bool *revert);
// Layers to try in f32 at once, the worst first: changed ones that are slower and not kept, and the changed neighbours
// of slower ones that are f32. They lie so far apart that what each changes about its neighbours is told apart. Sets
// probe[]; how many, at most `most`.
size_t settle_probes(const SettledLayer *l, size_t n, size_t most, bool *probe);
// What layer i takes in f32 among the others, by the times of all with it so: us[], about it and its neighbours.
double settle_in_place(const SettledLayer *l, size_t n, size_t i, const double *us);
