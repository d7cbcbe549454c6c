// The lists beside this file: the suite's cases, those that are excluded, those that are known to fail.
#pragma once
#include "ir/core/arena.h"
#include "ir/core/vec.h"
#include <stdbool.h>

typedef struct OnnxEntry {
  const char *name;  // node/test_abs; of an exclusion a pattern as of the shell
  const char *label; // of a case: core, ext, ...; of an exclusion the reason; NULL: none
  bool used;         // a case was found for it
} OnnxEntry;

typedef Vec(OnnxEntry) OnnxList;

// Lines are NAME, NAME<tab>LABEL<tab>... or NAME # LABEL; those that begin with # and empty ones are left out. Exits
// with a message where the file cannot be read.
OnnxList onnx_list_read(Arena *a, const char *folder, const char *file);
// The first entry whose pattern fits the case, or whose pattern fits what stands behind the case's slash; NULL: none.
OnnxEntry *onnx_list_match(const OnnxList *l, const char *name);
