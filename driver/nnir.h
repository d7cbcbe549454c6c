// Graph IR text with its weights: large ones that no file beside the text holds go to a safetensors file beside it.
#pragma once
#include "ir/graph/graph.h"

// Writes `m`, read from `source`, to `path` ("-": stdout, and then no side file). `files_apply`: the weight files that
// the module names are relative to the source's folder. False after diagnostics.
bool nnir_write(Module *m, const char *source, bool files_apply, const char *path, Diag *d);
