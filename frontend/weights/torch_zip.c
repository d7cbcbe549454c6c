// torch.save since 1.6: a zip archive of NAME/data.pkl, the pickle; NAME/data/KEY, the storages, not compressed and
// aligned to 64 bytes; NAME/byteorder. torch.jit.save writes the same with a program beside it.
#include "frontend/weights/formats.h"
#include "frontend/weights/torch.h"
#include <string.h>

// What follows NAME/ in a member's name where that is all there is before it, else NULL.
static const char *below(const ZipMember *m, const ZipMember *pickle) {
  size_t n = strlen(pickle->name) - strlen("data.pkl");
  return strncmp(m->name, pickle->name, n) ? NULL : m->name + n;
}

static const ZipMember *find_pickle(const ZipMembers *members) {
  for (size_t i = 0; i < members->len; i++) {
    const char *slash = strchr(members->data[i].name, '/');
    if (slash && !strcmp(slash, "/data.pkl")) return &members->data[i];
  }
  return NULL;
}

bool torch_is_zip(const ZipMembers *members) { return find_pickle(members); }

static void sort_out(const Archive *a, const ZipMembers *members, const ZipMember *pickle, TorchStorages *storages,
                     bool *script, bool *big_endian) {
  for (size_t i = 0; i < members->len; i++) {
    const ZipMember *m = &members->data[i];
    const char *name = below(m, pickle);
    uint8_t order[3];
    if (!name) continue;
    if (!strcmp(name, "constants.pkl") || !strncmp(name, "code/", 5)) *script = true;
    if (!strncmp(name, "data/", 5))
      vec_push(storages, (TorchStorage){name + 5, m->deflated, m->offset, m->stored, m->size});
    if (!strcmp(name, "byteorder") && m->size == 3 && zip_peek(a, m, order, 3) == 3)
      *big_endian = !memcmp(order, "big", 3);
  }
}

static bool read_pickle(Archive *a, const ZipMember *m, TorchStorages *storages, bool big_endian, Diag *d) {
  if (m->size > PICKLE_MAX) return archive_fail(a, d, "has a pickle of more than %d bytes", PICKLE_MAX);
  const uint8_t *stored = a->file->data + m->offset;
  int errors = diag_errors(d);
  uint8_t *inflated = m->deflated ? zip_inflate(a, m, d) : NULL;
  if (diag_errors(d) > errors) return false;
  if (m->deflated && !inflated) return archive_fail(a, d, "member `%s` cannot be decompressed", m->name);
  Pickle p;
  const char *problem = pickle_read(inflated ? inflated : stored, m->size, &p);
  bool ok = problem ? archive_fail(a, d, "%s", problem) : torch_find_tensors(a, &p, storages, big_endian, d);
  pickle_free(&p);
  free(inflated);
  return ok;
}

bool torch_zip_read(Archive *a, const ZipMembers *members, Diag *d) {
  const ZipMember *pickle = find_pickle(members);
  TorchStorages storages = {0};
  bool script = false, big_endian = false;
  sort_out(a, members, pickle, &storages, &script, &big_endian);
  bool ok = script ? archive_fail(a, d, "is a TorchScript program, not weights: write its state_dict() with torch.save")
                   : read_pickle(a, pickle, &storages, big_endian, d);
  vec_free(&storages);
  return ok;
}
