// Choices that measurement may decide (see LowerTuner): without it each is the estimate's.
#pragma once
#include "passes/lower/contract.h"
#include "passes/lower/tile.h"

// The machine whose cycles an estimate counts where all instruction sets must choose alike.
extern const LowerTarget choose_reference;

// The number of the candidate to take; the estimate's own is the first. Candidates are words that tell them apart.
int choose(Lower *lw, const Node *n, const Contraction *c, const char *what, int count, const char *const *candidates);

// The register tile of a contraction whose estimate is `best`.
TileShape choose_tile(Lower *lw, const Node *n, const Contraction *c, const TileWork *w, TileShape best);
