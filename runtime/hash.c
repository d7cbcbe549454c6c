// hash.c: see hash.h.
#include "hash.h"

#include <string.h>

#define P1 0x9E3779B185EBCA87u
#define P2 0xC2B2AE3D27D4EB4Fu
#define P3 0x165667B19E3779F9u
#define P4 0x85EBCA77C2B2AE63u
#define P5 0x27D4EB2F165667C5u

static uint64_t rotl(uint64_t x, int r) { return x << r | x >> (64 - r); }

// The hash is defined on little-endian words, as are the weights it guards.
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "nncc's targets are little-endian");

static uint64_t read_u64(const unsigned char *p) {
  uint64_t x;
  memcpy(&x, p, sizeof x);
  return x;
}

static uint64_t read_u32(const unsigned char *p) {
  uint32_t x;
  memcpy(&x, p, sizeof x);
  return x;
}

static uint64_t round_lane(uint64_t lane, uint64_t input) { return rotl(lane + input * P2, 31) * P1; }

static void eat_block(uint64_t lanes[4], const unsigned char *p) {
  for (int i = 0; i < 4; i++) lanes[i] = round_lane(lanes[i], read_u64(p + 8 * i));
}

void nncc_rt_hash_init(NnccRtHash *h) { *h = (NnccRtHash){.lanes = {P1 + P2, P2, 0, 0 - P1}}; }

void nncc_rt_hash_update(NnccRtHash *h, const void *bytes, size_t n) {
  const unsigned char *p = bytes;
  size_t held = h->total % sizeof h->block;
  h->total += n;
  if (held) {
    size_t room = sizeof h->block - held, take = n < room ? n : room;
    memcpy(h->block + held, p, take);
    if (take < room) return;
    eat_block(h->lanes, h->block);
    p += take, n -= take;
  }
  for (; n >= sizeof h->block; p += sizeof h->block, n -= sizeof h->block) eat_block(h->lanes, p);
  if (n) memcpy(h->block, p, n);
}

static uint64_t merge_lanes(const uint64_t v[4]) {
  uint64_t x = rotl(v[0], 1) + rotl(v[1], 7) + rotl(v[2], 12) + rotl(v[3], 18);
  for (int i = 0; i < 4; i++) x = (x ^ round_lane(0, v[i])) * P1 + P4;
  return x;
}

uint64_t nncc_rt_hash_final(const NnccRtHash *h) {
  uint64_t x = (h->total >= sizeof h->block ? merge_lanes(h->lanes) : P5) + h->total;
  const unsigned char *p = h->block, *end = p + h->total % sizeof h->block;
  for (; end - p >= 8; p += 8) x = rotl(x ^ round_lane(0, read_u64(p)), 27) * P1 + P4;
  if (end - p >= 4) {
    x = rotl(x ^ read_u32(p) * P1, 23) * P2 + P3;
    p += 4;
  }
  for (; p < end; p++) x = rotl(x ^ *p * P5, 11) * P1;
  x = (x ^ x >> 33) * P2;
  x = (x ^ x >> 29) * P3;
  return x ^ x >> 32;
}
