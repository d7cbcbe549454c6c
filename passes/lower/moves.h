// Chains of ops that only move elements (reshape, permute, reorder): where each value has one reader, the last op that
// copies does so from the chain's first operand, and nothing is stored between.
#pragma once
#include "passes/lower/lower.h"

// Whether n has nothing to do here: a later op of its chain reads what n reads, or n has copied all before it.
bool moves_chained(Lower *lw, Node *n);
