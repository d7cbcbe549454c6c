// What a model is called in the programs that use it.
#pragma once
#include "ir/core/arena.h"

// A C identifier for any name, different from the keywords of C and C++. A model's exported symbols begin with its own.
char *name_identifier(Arena *a, const char *name);
