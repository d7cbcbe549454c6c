// --emit=selftest: what the reference computes on seeded inputs, for the model to compare itself with.
#pragma once
#include "codegen/codegen.h"
#include "ir/graph/graph.h"

// Of a module as the frontend built it, every open dimension at its least; in the module's arena. NULL after a
// diagnostic.
const CodegenGolden *golden_compute(Module *m, Diag *d);
