// hash.h: XXH64 with seed 0 (the xxHash specification, github.com/Cyan4973/xxHash, doc/xxhash_spec.md), which guards
// packed weights. The compiler hashes what it packs piece by piece with the same code.
#ifndef NNCC_RUNTIME_HASH_H
#define NNCC_RUNTIME_HASH_H

#include <stddef.h>
#include <stdint.h>

typedef struct NnccRtHash {
  uint64_t lanes[4];
  uint64_t total;          // bytes so far
  unsigned char block[32]; // the last total % 32 of them
} NnccRtHash;

void nncc_rt_hash_init(NnccRtHash *h);
void nncc_rt_hash_update(NnccRtHash *h, const void *bytes, size_t n);
uint64_t nncc_rt_hash_final(const NnccRtHash *h);

#endif
