// npz: a zip archive of npy members.
#include "frontend/weights/formats.h"
#include <string.h>

static bool read_array(Archive *a, const ZipMember *m, Diag *d) {
  size_t n = strlen(m->name);
  if (n < 4 || strcmp(m->name + n - 4, ".npy")) return true; // not an array
  ArchiveEntry e = {.name = arena_strndup(a->arena, m->name, n - 4),
                    .deflated = m->deflated,
                    .has_crc = true,
                    .crc = m->crc,
                    .offset = m->offset,
                    .stored = m->stored,
                    .size = m->size};
  uint8_t head[NPY_HEADER_MAX];
  int64_t known = zip_peek(a, m, head, sizeof head);
  const char *problem = known < 0 ? "cannot be decompressed" : npy_header(head, (size_t)known, &e, a->arena);
  if (problem) return archive_fail(a, d, "member `%s` %s", e.name, problem);
  vec_push(&a->entries, e);
  return true;
}

bool npz_read(Archive *a, const ZipMembers *members, Diag *d) {
  for (size_t i = 0; i < members->len; i++)
    if (!read_array(a, &members->data[i], d)) return false;
  return true;
}
