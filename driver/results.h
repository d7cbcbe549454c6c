// What `nncc run` says of its runs: the best classes where labels are known, else a summary of each output.
#pragma once
#include "driver/loaded.h"
#include "driver/table.h"
#include <jansson.h>

enum { RESULTS_TOP = 5, RESULTS_ROWS = 32 }; // classes a row; rows of one run that are shown

typedef struct Results {
  const Loaded *loaded;
  int output;  // whose last dimension the labels name; -1: none
  int classes; // shown
  char alignment[2 * RESULTS_TOP + 3];
  Table table;  // unless json
  json_t *json; // NULL: a table is wanted
  double ms;    // of the last run
} Results;

void results_open(Results *r, const Loaded *l, bool json);
void results_add(Results *r, const Session *s, const char *label, double ms);
// What was added since the last line, as one line of JSON: {"frame": ..., "ms": ..., "top" or "rows" or "outputs":
// ...}. False where it could not be written.
bool results_line(Results *r, int64_t frame, FILE *to);
void results_print(const Results *r, FILE *to);
void results_close(Results *r);
