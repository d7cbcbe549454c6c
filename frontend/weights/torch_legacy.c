// torch.save before 1.6, or with _use_new_zipfile_serialization=False: five pickles (a magic number, a version, facts
// of the machine, the object, the keys of its storages), then for each key the number of elements, in 8 bytes, and the
// elements. All numbers are little-endian whatever the machine was.
#include "frontend/weights/formats.h"
#include "frontend/weights/torch.h"
#include <string.h>

// What the magic number's pickle holds: LONG1, ten bytes, the number. Before it stand the protocol and, since version 4
// of that, a frame's length.
bool torch_is_legacy(const uint8_t *p, size_t n) {
  static const char magic[] = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
  size_t at = n > 2 && p[2] == 0x95 ? 11 : 2;
  return n >= at + 12 && p[0] == 0x80 && !memcmp(p + at, magic, 12);
}

// Bytes an element of each storage that the object speaks of, by key.
typedef struct Width {
  const char *key;
  size_t bytes;
} Width;

typedef Vec(Width) Widths;

static int by_key(const void *a, const void *b) { return strcmp(((const Width *)a)->key, ((const Width *)b)->key); }

static Widths widths_of(const Pickle *object) {
  Widths widths = {0};
  for (size_t i = 0; i < object->persistents.len; i++) {
    Width w;
    if (torch_storage_of(object->persistents.data[i], &w.key, &w.bytes)) vec_push(&widths, w);
  }
  if (widths.len) qsort(widths.data, widths.len, sizeof *widths.data, by_key);
  return widths;
}

// The storages stand one behind the other from `at` on.
static bool locate(Archive *a, const Pickled *keys, const Widths *widths, size_t at, TorchStorages *out, Diag *d) {
  size_t size = a->file->size;
  for (uint32_t i = 0; i < keys->n; i++) {
    const char *key = keys->items[i]->kind == PICKLED_TEXT ? keys->items[i]->text : "";
    const Width *w = widths->len ? bsearch(&(Width){.key = key}, widths->data, widths->len, sizeof *w, by_key) : NULL;
    if (!w) return archive_fail(a, d, "has a storage `%s` of unknown type", key);
    if (size - at < 8 || load_u64(a->file->data + at) > (size - at - 8) / w->bytes)
      return archive_fail(a, d, "is cut short: storage `%s` lies outside the file", key);
    size_t bytes = (size_t)load_u64(a->file->data + at) * w->bytes;
    vec_push(out, (TorchStorage){key, false, at + 8, bytes, bytes});
    at += 8 + bytes;
  }
  return true;
}

enum { OBJECT = 3, KEYS = 4, PICKLES = 5 };

bool torch_legacy_read(Archive *a, Diag *d) {
  Pickle pickles[PICKLES] = {0};
  const char *problem = NULL;
  size_t at = 0;
  int n = 0;
  while (!problem && n < PICKLES) {
    problem = pickle_read(a->file->data + at, a->file->size - at, &pickles[n]);
    at += pickles[n++].size;
  }
  TorchStorages storages = {0};
  bool ok = !problem || archive_fail(a, d, "%s", problem);
  if (ok && pickles[KEYS].value->kind != PICKLED_LIST) ok = archive_fail(a, d, "has no list of its storages");
  if (ok) {
    Widths widths = widths_of(&pickles[OBJECT]);
    ok = locate(a, pickles[KEYS].value, &widths, at, &storages, d) &&
         torch_find_tensors(a, &pickles[OBJECT], &storages, false, d);
    vec_free(&widths);
  }
  vec_free(&storages);
  while (n) pickle_free(&pickles[--n]);
  return ok;
}
