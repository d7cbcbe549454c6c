// A calibration as JSON: the file of --save-calibration, and a part of that of --save-decisions.
#pragma once
#include "passes/calibration.h"
#include <jansson.h>

// NULL, or false, after a diagnostic.
Calibration *calibration_read(const char *path, Diag *d);
bool calibration_write(const Calibration *c, const char *model, const char *path, Diag *d);
// The object itself, within whatever is at `path`.
Calibration *calibration_of_json(const json_t *object, const char *path, Diag *d);
void calibration_print(const Calibration *c, const char *model, StrBuf *out);
// All of a JSON file; NULL after a diagnostic. json_decref it.
json_t *calibration_load(const char *path, Diag *d);
void calibration_print_text(const char *s, StrBuf *out); // a string of JSON
