// A zip archive's members, as APPNOTE.TXT of PKWARE describes it: the end record, its 64-bit form where sizes ask for
// it, the central directory, and of each member's local header the lengths alone. npz.c and torch_zip.c read such
// files.
#pragma once
#include "frontend/weights/archive.h"

typedef struct ZipMember {
  const char *name; // in the archive's arena
  bool deflated;
  uint32_t crc;
  size_t offset, stored; // bytes in the file
  size_t size;           // of the same inflated
} ZipMember;

typedef Vec(ZipMember) ZipMembers;

// In the order of the directory. False after a diagnostic; the list is to be freed either way.
bool zip_read(const Archive *a, ZipMembers *members, Diag *d);
// The first bytes of a member, at most `n`; how many there are, -1 where they cannot be decompressed.
int64_t zip_peek(const Archive *a, const ZipMember *m, uint8_t *out, size_t n);
// All bytes of a deflated member, to be freed. NULL where they are damaged; after a diagnostic, where there is no
// memory.
uint8_t *zip_inflate(const Archive *a, const ZipMember *m, Diag *d);
