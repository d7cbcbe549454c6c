// What the harnesses share. Each defines LLVMFuzzerTestOneInput: whatever the bytes are, the reader ends in success or
// in a diagnostic, and what was read obeys the promises that the harness states.
#pragma once
#include "ir/core/check.h"
#include "ir/core/diag.h"
#include "ir/graph/graph.h"
#include "ir/loop/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
// Of libFuzzer.
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

// The path of file 0 or 1 in memory, which holds the bytes until the next call for it; it is always the same.
const char *fuzz_file(int i, const void *data, size_t size);
// Prints the messages both ways and destroys them. A reader that failed has said why.
void fuzz_end(Diag *d, bool ok);
// A module's text reads back as the same module.
void fuzz_round_trip(Module *m);
// The same of a program.
void fuzz_round_trip_loop(const LProgram *p);
// Whether a module is small enough to go through passes and code generation many times a second.
bool fuzz_is_small(const Module *m);
// Runs passes on either, verified after each. What they lower is destroyed.
void fuzz_passes(Module *m, LProgram *p, const char *pipeline, Diag *d);
