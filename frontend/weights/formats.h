// What the readers of the formats share with archive.c. Each fills a->entries from a->file, or reports and fails.
#pragma once
#include "frontend/weights/zip.h"

bool safetensors_read(Archive *a, Diag *d);
bool npz_read(Archive *a, const ZipMembers *members, Diag *d);
bool npy_read(Archive *a, Diag *d);
bool torch_zip_read(Archive *a, const ZipMembers *members, Diag *d);
bool torch_legacy_read(Archive *a, Diag *d);
bool torch_is_zip(const ZipMembers *members);
bool torch_is_legacy(const uint8_t *p, size_t n);

// Reads the header at the start of `p`, of which `n` bytes are known, into type, shape, order and skip of `e`.
// NULL, or what is wrong with it.
const char *npy_header(const uint8_t *p, size_t n, ArchiveEntry *e, Arena *arena);
const char *npy_code(DType t); // "<f4"; NULL: numpy has no such type
enum { NPY_HEADER_MAX = 1 << 16 };

// Where an entry's bytes end when they begin at `skip`: false when they do not fit into e->size.
bool archive_fits(const ArchiveEntry *e);
bool archive_fail(const Archive *a, Diag *d, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static inline uint16_t load_u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t load_u32(const uint8_t *p) { return load_u16(p) | (uint32_t)load_u16(p + 2) << 16; }
static inline uint64_t load_u64(const uint8_t *p) { return load_u32(p) | (uint64_t)load_u32(p + 4) << 32; }
