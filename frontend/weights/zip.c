#include "frontend/weights/zip.h"
#include "frontend/weights/formats.h"
#include <string.h>
#include <zlib.h>

enum { END_SIZE = 22, END64_SIZE = 56, LOCATOR_SIZE = 20, CENTRAL_SIZE = 46, LOCAL_SIZE = 30, MEMBERS_MAX = 1 << 20 };
#define DEFLATE_RATIO_MAX 1032 // of the format; a larger claim is a lie

typedef struct Directory {
  uint64_t count, size, offset;
} Directory;

static bool find_directory(const Archive *a, Directory *dir) {
  const uint8_t *p = a->file->data;
  size_t size = a->file->size;
  if (size < END_SIZE) return false;
  size_t lowest = size > END_SIZE + 65535 ? size - END_SIZE - 65535 : 0, at = size - END_SIZE;
  while (load_u32(p + at) != 0x06054b50) // the comment after it is of unknown length
    if (at-- == lowest) return false;
  *dir = (Directory){load_u16(p + at + 10), load_u32(p + at + 12), load_u32(p + at + 16)};
  if (at >= LOCATOR_SIZE && load_u32(p + at - LOCATOR_SIZE) == 0x07064b50) {
    uint64_t end64 = load_u64(p + at - LOCATOR_SIZE + 8);
    if (size < END64_SIZE || end64 > size - END64_SIZE || load_u32(p + end64) != 0x06064b50) return false;
    *dir = (Directory){load_u64(p + end64 + 32), load_u64(p + end64 + 40), load_u64(p + end64 + 48)};
  }
  return dir->offset <= size && dir->size <= size - dir->offset && dir->count <= MEMBERS_MAX;
}

// The zip64 extra field holds, in this order, those of the three that do not fit into 32 bits.
static bool read_wide(const uint8_t *extra, size_t n, uint64_t *size, uint64_t *stored, uint64_t *local) {
  uint64_t *const fields[] = {size, stored, local};
  while (n >= 4) {
    size_t length = load_u16(extra + 2), used = 4;
    if (length > n - 4) return false;
    for (int i = 0; load_u16(extra) == 1 && i < 3; i++) {
      if (*fields[i] != UINT32_MAX) continue;
      if (used + 8 > 4 + length) return false;
      *fields[i] = load_u64(extra + used);
      used += 8;
    }
    extra += 4 + length;
    n -= 4 + length;
  }
  return true;
}

int64_t zip_peek(const Archive *a, const ZipMember *m, uint8_t *out, size_t n) {
  if (n > m->size) n = m->size;
  if (!m->deflated) {
    memcpy(out, a->file->data + m->offset, n);
    return (int64_t)n;
  }
  z_stream z = {.next_in = (Bytef *)a->file->data + m->offset,
                .avail_in = (uInt)min_i64((int64_t)m->stored, UINT32_MAX)};
  z.next_out = out, z.avail_out = (uInt)n;
  if (inflateInit2(&z, -MAX_WBITS) != Z_OK) return -1;
  int r = inflate(&z, Z_SYNC_FLUSH);
  int64_t got = (int64_t)(n - z.avail_out);
  inflateEnd(&z);
  return r == Z_OK || r == Z_STREAM_END || r == Z_BUF_ERROR ? got : -1;
}

// zlib counts in 32 bits, so both ends are fed in pieces.
uint8_t *zip_inflate(const Archive *a, const ZipMember *m, Diag *d) {
  if (m->size / DEFLATE_RATIO_MAX > m->stored) return NULL;
  uint8_t *out = malloc(m->size ? m->size : 1); // the claim is the file's: failing is an error, not the end
  z_stream z = {0};
  if (!out || inflateInit2(&z, -MAX_WBITS) != Z_OK) {
    archive_fail(a, d, "there is not enough memory for `%s`", m->name);
    free(out);
    return NULL;
  }
  size_t in_left = m->stored, out_left = m->size;
  z.next_in = (Bytef *)a->file->data + m->offset, z.next_out = out;
  int r = Z_OK;
  while (r == Z_OK) {
    uInt give = z.avail_in = (uInt)min_i64((int64_t)in_left, 1 << 30),
         take = z.avail_out = (uInt)min_i64((int64_t)out_left, 1 << 30);
    r = inflate(&z, Z_NO_FLUSH);
    in_left -= give - z.avail_in, out_left -= take - z.avail_out;
  }
  inflateEnd(&z);
  if (r == Z_STREAM_END && !out_left) return out;
  free(out);
  return NULL;
}

static bool read_member(const Archive *a, const uint8_t *p, ZipMembers *members, Diag *d) {
  const uint8_t *file = a->file->data;
  size_t file_size = a->file->size, name_length = load_u16(p + 28);
  uint64_t stored = load_u32(p + 20), size = load_u32(p + 24), local = load_u32(p + 42);
  char *name = arena_strndup(a->arena, (const char *)p + CENTRAL_SIZE, name_length);
  if (!read_wide(p + CENTRAL_SIZE + name_length, load_u16(p + 30), &size, &stored, &local))
    return archive_fail(a, d, "member `%s` has damaged sizes", name);
  if (local > file_size || file_size - local < LOCAL_SIZE || load_u32(file + local) != 0x04034b50)
    return archive_fail(a, d, "member `%s` lies outside the file", name);
  uint64_t data = local + LOCAL_SIZE + load_u16(file + local + 26) + load_u16(file + local + 28);
  if (data > file_size || stored > file_size - data)
    return archive_fail(a, d, "member `%s` lies outside the file", name);
  int method = load_u16(p + 10);
  if (load_u16(p + 8) & 1) return archive_fail(a, d, "member `%s` is encrypted", name);
  if (method != 0 && method != 8)
    return archive_fail(a, d, "member `%s` is compressed by another method than deflate", name);
  if (method == 0 ? size != stored : size / DEFLATE_RATIO_MAX > stored)
    return archive_fail(a, d, "member `%s` claims a size it cannot have", name);
  vec_push(members, (ZipMember){.name = name,
                                .deflated = method == 8,
                                .crc = load_u32(p + 16),
                                .offset = (size_t)data,
                                .stored = (size_t)stored,
                                .size = (size_t)size});
  return true;
}

bool zip_read(const Archive *a, ZipMembers *members, Diag *d) {
  Directory dir;
  if (!find_directory(a, &dir)) return archive_fail(a, d, "has a damaged zip directory, or is cut short");
  const uint8_t *p = a->file->data + dir.offset, *end = p + dir.size;
  for (uint64_t i = 0; i < dir.count; i++) {
    if (end - p < CENTRAL_SIZE || load_u32(p) != 0x02014b50) return archive_fail(a, d, "has a damaged zip directory");
    ptrdiff_t length = CENTRAL_SIZE + load_u16(p + 28) + load_u16(p + 30) + load_u16(p + 32);
    if (length > end - p) return archive_fail(a, d, "has a damaged zip directory");
    if (!read_member(a, p, members, d)) return false;
    p += length;
  }
  return true;
}
