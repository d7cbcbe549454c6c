// A module written as ONNX and read back.
#pragma once
#include "ir/graph/graph.h"

// NULL after a diagnostic. Symbols have the names that they had; their order may differ.
Module *through_onnx(Module *m, Diag *d);
// Of m's symbol values those of `read`.
void through_symbols(const Module *m, const int64_t *values, const Module *read, int64_t *to);
