// What bounds the kernels of a node, for -Rpass=lower.
#pragma once
#include "passes/lower/lower.h"

// Remarks on the phases from number `first` on, which compute n.
void explain_phases(Lower *lw, const Node *n, size_t first);
