// The ways of prune.c.
#pragma once
#include "passes/pass.h"

bool prune_structured(PassContext *c);
bool prune_magnitude(PassContext *c);
