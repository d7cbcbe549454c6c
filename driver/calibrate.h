// Running a network on samples to see what its values are: native code, inner values outputs of it. Of the values
// themselves nothing is kept: for `quantize` there are histograms of those that it may round, for `prune` and
// `factorize` moments of what layers read.
#pragma once
#include "driver/build.h"

// What --calibrate= names: measured on its data, or read from a file of --save-calibration (a .json). `rest`: the
// passes that follow `quantize`. Written to --save-calibration's file as well. NULL after a diagnostic; free with
// calibration_destroy.
Calibration *calibrate(const Build *b, const char *rest);

// calibrate_layers.c: for `prune` and `factorize`, always measured. `rest`: the passes from the one in question on.
Calibration *calibrate_layers(const Build *b, const char *rest);

// calibration_file.c: a calibration as JSON. NULL, or false, after a diagnostic.
Calibration *calibration_read(const char *path, Diag *d);
bool calibration_write(const Calibration *c, const char *model, const char *path, Diag *d);
