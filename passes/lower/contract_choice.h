// How contract.c divides its work, for all types alike.
#pragma once
#include "passes/lower/contract.h"
#include "passes/lower/tile.h"

enum { MAX_LINES = 4 }; // of output that share a tile

bool contract_bands_outside(const Contraction *c, Dim pixels);
int64_t contract_passes(const Contraction *c, Dim pixels, bool outside);
void contract_explain(Lower *lw, const Node *n, const Contraction *c, const TileWork *w, const TileChoice *t);
int contract_join_lines(Lower *lw, const Node *n, const Contraction *c, const TileWork *w, TileShape *tile);
