// The side file of a printed module: weights too large for its text, in safetensors (an 8-byte little-endian header
// length, a JSON header, the data), keyed by content. Reading goes through the WeightOpener.
#include "ir/core/outfile.h"
#include "ir/graph/internal.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool side_needed(const Weight *w) { return w->source == WEIGHT_DENSE && weight_count(w) > DENSE_MAX; }

void side_key(Weight *w, char key[17]) { snprintf(key, 17, "%016" PRIx64, weight_hash(w)); }

typedef struct SideEntry {
  char key[17];
  Weight *weight;
  size_t size;
} SideEntry;
typedef Vec(SideEntry) SideEntries;

static int by_key(const void *a, const void *b) {
  return strcmp(((const SideEntry *)a)->key, ((const SideEntry *)b)->key);
}

// Weights of equal content once, in the order of their keys.
static void collect(Module *m, SideEntries *entries) {
  for (size_t i = 0; i < m->weights.len; i++) {
    SideEntry e = {.weight = m->weights.data[i]};
    if (!side_needed(e.weight)) continue;
    side_key(e.weight, e.key);
    e.size = (size_t)weight_count(e.weight) * dtype_size(e.weight->stored);
    vec_push(entries, e);
  }
  if (!entries->len) return;
  qsort(entries->data, entries->len, sizeof *entries->data, by_key);
  size_t kept = 1;
  for (size_t i = 1; i < entries->len; i++)
    if (by_key(&entries->data[i], &entries->data[kept - 1])) entries->data[kept++] = entries->data[i];
  entries->len = kept;
}

static void print_header(const SideEntries *entries, StrBuf *out) {
  size_t at = 0;
  strbuf_putc(out, '{');
  for (size_t i = 0; i < entries->len; i++) {
    const SideEntry *e = &entries->data[i];
    const Type *t = e->weight->type;
    strbuf_printf(out, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", i ? "," : "", e->key, dtype_code(e->weight->stored));
    for (int k = 0; k < t->rank; k++) strbuf_printf(out, "%s%" PRId64, k ? "," : "", t->dims[k]);
    strbuf_printf(out, "],\"data_offsets\":[%zu,%zu]}", at, at + e->size);
    at += e->size;
  }
  strbuf_putc(out, '}');
  while (out->len % 8) strbuf_putc(out, ' ');
}

bool side_write(Module *m, const char *path) {
  OutFile o;
  if (!outfile_open(&o, path, m->diag)) return false;
  SideEntries entries = {0};
  StrBuf header = {0};
  collect(m, &entries);
  print_header(&entries, &header);
  unsigned char length[8];
  for (int i = 0; i < 8; i++) length[i] = (unsigned char)(header.len >> 8 * i);
  fwrite(length, 1, sizeof length, o.file);
  fwrite(header.s, 1, header.len, o.file);
  for (size_t i = 0; i < entries.len; i++)
    fwrite(weight_data(entries.data[i].weight, NULL), 1, entries.data[i].size, o.file);
  strbuf_free(&header);
  vec_free(&entries);
  return outfile_commit(&o, m->diag);
}

Blob *graph_open_like(void *user, Diag *d, const char *dir, const char *file, const char *key, DType *stored, int *rank,
                      Dim *dims) {
  (void)d;
  (void)dir;
  Module *m = user;
  for (size_t i = 0; i < m->weights.len; i++) {
    Weight *w = m->weights.data[i];
    char hash[17];
    if (w->source == WEIGHT_FILE && (strcmp(w->file, file) || strcmp(w->key, key))) continue;
    if (w->source != WEIGHT_FILE && (!side_needed(w) || (side_key(w, hash), strcmp(hash, key)))) continue;
    if (!w->blob) return NULL;
    *stored = w->stored;
    *rank = w->type->rank;
    memcpy(dims, w->type->dims, sizeof *dims * (size_t)*rank);
    w->blob->refs++;
    return w->blob;
  }
  return NULL;
}
