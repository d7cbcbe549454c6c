// Running a network on samples to see what its values are: native code, inner values outputs of it. Of the values
// themselves nothing is kept: for `quantize` there are histograms of those that it may round, for `prune` and
// `factorize` moments of what layers read.
#pragma once
#include "driver/build.h"
#include "driver/samples.h"

// What samples show, or, where that is NULL, those that --calibrate= names; `rest` as below. NULL after a diagnostic.
Calibration *calibrate_on(const Build *b, const char *rest, const Samples *samples);
// What --calibrate= names: measured on its data, or read from a file of --save-calibration (a .json). `rest`: the
// passes that follow `quantize`. Written to --save-calibration's file as well. NULL after a diagnostic; free with
// calibration_destroy.
Calibration *calibrate(const Build *b, const char *rest);

// calibrate_layers.c: for `prune` and `factorize`, always measured. `rest`: the passes from the one in question on.
Calibration *calibrate_layers(const Build *b, const char *rest, const Samples *samples);
