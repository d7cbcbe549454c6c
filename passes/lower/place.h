// Values that are computed or read inside another's memory: operands of a concatenation of channels are written where
// the result has them, and a slice of whole blocks of channels is its operand's memory. Both spare a copy.
#pragma once
#include "passes/lower/lower.h"

// Decides for all nodes; called before any is lowered, when outputs have their buffers.
void place_run(Lower *lw);
// The value whose memory v lies in: v itself, or a concatenation or slice's operand that holds it.
const Value *place_root(const Lower *lw, const Value *v);
