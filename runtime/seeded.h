// seeded.h: values for inputs, the same on every machine, which a selftest runs a model on. The compiler makes them
// with the same code.
#ifndef NNCC_RUNTIME_SEEDED_H
#define NNCC_RUNTIME_SEEDED_H

#include <stdint.h>

// n elements of an NNCC_ type: floats are multiples of 1/64 in [-1, 1), exact in all of them; bytes take all values,
// other integers and bool 0 and 1. *state goes on where it ended.
void nncc_rt_seeded(uint64_t *state, int32_t dtype, int64_t n, void *out);

#endif
