// A module's weights: found by name in an archive, or seeded. Neighbour: archive.h, the files themselves.
#pragma once
#include "frontend/weights/archive.h"

// Gives data to every weight that has none. `a` NULL: there is no file. A weight whose default is a splat takes the
// file's values where it has them. `init_seed` not NULL: absent weights are seeded from it. All weights that do not fit
// are listed in one error (then false), entries that nobody asked for in one warning.
bool weights_attach(Module *m, Archive *a, const uint64_t *init_seed, Diag *d);

// The weight as `nncc inspect --weights` prints it: 64x3x7x7.
void weights_print_shape(const Weight *w, StrBuf *out);

// For graph_read: `weight_files_open` is its WeightOpener, a WeightFiles its user pointer. Each file is mapped once.
typedef struct WeightFiles WeightFiles;
WeightFiles *weight_files_create(void);
void weight_files_destroy(WeightFiles *f); // blobs handed out stay valid
Blob *weight_files_open(void *files, Diag *d, const char *dir, const char *file, const char *key, DType *stored,
                        int *rank, Dim *dims);
