// One graph in many ways, each judged by the reference interpreter.
#pragma once
#include "ir/ref/ref.h"
#include "tests/lower/generate.h"
#include <stdio.h>

// Its text read back; each optional graph pass alone; what lossy passes make of it; as native code at -O0, at -O2, and
// after graph passes drawn at random, as often and in any order that their rows in passes.def allow; each with 1, 2 and
// 3 threads, for an instruction set that follows from the seed. Says on stdout what is wrong; returns how much.
// `brief`: as native code at -O2 alone, in a quarter of the time.
int differential(GeneratedKind kind, Module *m, const int64_t *symbols, uint64_t seed, bool brief);
