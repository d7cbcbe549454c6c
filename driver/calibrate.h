// Running a network on samples to see what its values are: native code, every value that `quantize` may round an output
// of it, histograms in place of the values themselves.
#pragma once
#include "driver/build.h"

// What --calibrate= names: measured on its data, or read from a file of --save-calibration (a .json). `rest`: the
// passes that follow `quantize`. Written to --save-calibration's file as well. NULL after a diagnostic; free with
// calibration_destroy.
Calibration *calibrate(const Build *b, const char *rest);

// calibration_file.c: a calibration as JSON. NULL, or false, after a diagnostic.
Calibration *calibration_read(const char *path, Diag *d);
bool calibration_write(const Calibration *c, const char *model, const char *path, Diag *d);
