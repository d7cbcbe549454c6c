// What is known of the values of a network from running it on samples. For `quantize`: the ranges that observers would
// give them, and the mean of each channel. For `prune` and `factorize`: moments of what layers sum over. Made by the
// driver (driver/calibrate.h), or read from a file, which has no moments.
#pragma once
#include "ir/graph/graph.h"
#include "passes/observe.h"

typedef struct CalibrationValue {
  const char *name; // as calibration_names gives it
  ObservedRange ranges[OBSERVERS];
  int64_t channels;    // along calibration_axis
  const double *means; // of each channel
} CalibrationValue;

typedef struct CalibrationLayer { // see moments.h
  const char *name;               // of its result
  int64_t n, count;               // inputs; positions that were seen
  double *mean;                   // of each input
  double *second;                 // n x n: means of products of two
} CalibrationLayer;

typedef struct Calibration {
  Arena *arena;
  int64_t samples;
  Vec(CalibrationValue) values; // in the order of the network
  size_t *order;                // of their names; NULL: not sorted yet
  Vec(CalibrationLayer) layers;
} Calibration;

Calibration *calibration_create(void);
void calibration_destroy(Calibration *c);                                   // NULL: nothing happens
void calibration_add(Calibration *c, const CalibrationValue *v);            // copied
const CalibrationValue *calibration_find(Calibration *c, const char *name); // NULL: there is none
void calibration_add_layer(Calibration *c, const CalibrationLayer *l); // the name is copied, the numbers taken over
const CalibrationLayer *calibration_layer(const Calibration *c, const char *name); // NULL: there is none

// A name for each value by id, the same whenever the module is: an input's own; the layer's path; the op where there is
// none; "add#3" for the third of a name. NULL for weights. In `arena`, the table to be freed.
const char **calibration_names(const Module *m, Arena *arena);
// The dimension that counts a value's channels: 1 of pictures, else the last; -1: it has no dimensions.
int calibration_axis(const Type *t);
