#include "driver/collect.h"
#include "frontend/weights/archive.h"
#include <string.h>

void collect_open(Collect *c, const Loaded *l) {
  *c = (Collect){.loaded = l, .outputs = xcalloc((size_t)l->info->n_outputs + 1, sizeof(Collected))};
}

bool collect_add(Collect *c, const Session *s, Diag *d) {
  for (int i = 0; i < c->loaded->info->n_outputs; i++) {
    const nncc_tensor_info *t = &c->loaded->info->outputs[i];
    Collected *o = &c->outputs[i];
    int64_t extents[MAX_RANK];
    size_t size = (size_t)session_extents(s, i, extents) * dtype_size(loaded_dtype(t));
    size_t tail = t->rank ? sizeof(int64_t) * (size_t)(t->rank - 1) : 0;
    if (o->data && (!t->rank || memcmp(o->extents + 1, extents + 1, tail))) {
      diag_error_file(d, t->name, "has another shape for each picture, and cannot be written as one array");
      return false;
    }
    int64_t stacked = (o->data ? o->extents[0] : 0) + (t->rank ? extents[0] : 0);
    memcpy(o->extents, extents, sizeof extents);
    if (t->rank) o->extents[0] = stacked;
    o->data = xrealloc(o->data, o->size + size + 1);
    memcpy(o->data + o->size, s->outputs[i], size);
    o->size += size;
  }
  return true;
}

bool collect_write(const Collect *c, const char *path, Diag *d) {
  int n = c->loaded->info->n_outputs;
  ArchiveArray *arrays = xcalloc((size_t)n + 1, sizeof *arrays);
  for (int i = 0; i < n; i++) {
    const nncc_tensor_info *t = &c->loaded->info->outputs[i];
    arrays[i] = (ArchiveArray){t->name, loaded_dtype(t), t->rank, c->outputs[i].extents, c->outputs[i].data};
  }
  bool ok = archive_write(path, arrays, n, d);
  free(arrays);
  return ok;
}

void collect_close(Collect *c) {
  for (int i = 0; c->outputs && i < c->loaded->info->n_outputs; i++) free(c->outputs[i].data);
  free(c->outputs);
}
