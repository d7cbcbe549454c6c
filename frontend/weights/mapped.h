// Input files as memory: mapped, read-only, regular files only, freed with the last reference.
#pragma once
#include "ir/graph/graph.h"
#include <stddef.h>
#include <stdint.h>

typedef struct Mapped {
  int refs;
  const uint8_t *data; // never NULL, also for an empty file
  size_t size;
} Mapped;

// A path that the user gave: anywhere. NULL after a diagnostic, as below.
Mapped *mapped_open(const char *path, Diag *d);
// A path found inside a model: below `dir`, without "..", symbolic links or an absolute start, so that a foreign model
// cannot read this machine's other files.
Mapped *mapped_open_beneath(const char *dir, const char *file, Diag *d);
Mapped *mapped_ref(Mapped *m);
void mapped_unref(Mapped *m);
// Some of its bytes; the blob keeps the map.
Blob *mapped_blob(Mapped *m, const void *data, size_t size);
