// Named arrays in a file: safetensors, npz, npy or a PyTorch checkpoint, told apart by their first bytes. The file is
// mapped; arrays that lie in it as they are needed are never copied. Neighbours: attach.c gives a module its weights
// from an archive.
#pragma once
#include "frontend/weights/mapped.h"
#include "ir/core/checked.h"
#include "ir/core/dtype.h"
#include "ir/core/vec.h"
#include "ir/graph/graph.h"

typedef struct ArchiveEntry {
  const char *name;        // "" in an npy file
  DType dtype;             // as archive_blob delivers it
  const char *unsupported; // what kind of elements they are where nncc does not read them, else NULL
  int rank;
  Dim dims[MAX_RANK];
  bool strided;              // not row-major in the file, but:
  int64_t strides[MAX_RANK]; // in elements, none below 0
  bool big_endian;
  bool deflated;
  bool has_crc;
  uint32_t crc;
  size_t offset, stored; // bytes in the file
  size_t size;           // of the same inflated
  size_t skip;           // of those before the first element
} ArchiveEntry;

typedef struct Archive {
  int refs;
  Arena *arena;
  const char *name; // for messages
  Mapped *file;
  Vec(ArchiveEntry) entries; // sorted by name
} Archive;

// NULL after a diagnostic. As mapped_open and mapped_open_beneath for what `path` and `file` may be.
Archive *archive_open(const char *path, Diag *d);
Archive *archive_open_beneath(const char *dir, const char *file, Diag *d);
void archive_unref(Archive *a);
const ArchiveEntry *archive_find(const Archive *a, const char *name);
// The elements, row-major, of e->dtype, aligned to their size; NULL after a diagnostic. The blob keeps the map alive.
Blob *archive_blob(Archive *a, const ArchiveEntry *e, Diag *d);
// The same as elements of type `to`, which is of floats if e->dtype is.
Blob *archive_blob_as(Archive *a, const ArchiveEntry *e, DType to, Diag *d);
int64_t archive_elements(const ArchiveEntry *e);
// f32[64, 3, 3, 3]
void archive_print_type(const ArchiveEntry *e, StrBuf *out);

// An array to be written. `data` is row-major.
typedef struct ArchiveArray {
  const char *name;
  DType dtype;
  int rank;
  const Dim *dims;
  const void *data;
} ArchiveArray;
// The format is the path's suffix: .npy (one array), .npz, .safetensors. Whole or absent; false after a diagnostic.
bool archive_write(const char *path, const ArchiveArray *arrays, int n, Diag *d);
