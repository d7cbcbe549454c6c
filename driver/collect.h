// The outputs of one or several runs, stacked along the first dimension, for --output.
#pragma once
#include "driver/loaded.h"

typedef struct Collected {
  int64_t extents[MAX_RANK];
  char *data;
  size_t size;
} Collected;

typedef struct Collect {
  const Loaded *loaded;
  Collected *outputs;
} Collect;

void collect_open(Collect *c, const Loaded *l);
// False after a diagnostic when a run's outputs have another shape than those before.
bool collect_add(Collect *c, const Session *s, Diag *d);
bool collect_write(const Collect *c, const char *path, Diag *d);
void collect_close(Collect *c);
