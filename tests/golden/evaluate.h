// Whether two modules compute the same, by the reference interpreter on made-up inputs.
#pragma once
#include "ir/graph/graph.h"

// Each output of `after` differs from that of `before` by at most `tolerance` of the latter's largest element. False,
// with the reason in *why, where not, and where an output is zero throughout but may not `vanish`: then the comparison
// would say nothing. Symbolic dimensions are `nominal`.
bool evaluate_same(Module *before, Module *after, int64_t nominal, double tolerance, bool vanish, StrBuf *why);
