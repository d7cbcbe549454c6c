// How far rounding alone may move each element of a module's outputs, so that a difference beyond it is a mistake.
#pragma once
#include "ir/ref/ref.h"

// For each output an array, for each of its elements the largest difference seen between the reference and runs of it
// in which every node's results are disturbed as native code's may be, many times as much: by some units in the last
// place of their type; what sums many terms also by units of its largest element; numbers near the ends of their type
// become infinite or 0, zeros change their sign; in two further runs all is rounded to few digits. INFINITY: anything
// may come out, because a decision depends on it. `want`: the module's outputs undisturbed.
double **room_create(Module *m, const int64_t *symbols, const RefTensor *inputs, const RefTensor *want, uint64_t seed);
void room_free(double **room, size_t n_outputs);
