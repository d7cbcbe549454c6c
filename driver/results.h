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
} Results;

void results_open(Results *r, const Loaded *l, bool json);
void results_add(Results *r, const Session *s, const char *label, double ms);
void results_print(const Results *r, FILE *to);
void results_close(Results *r);
