// Arrays for a model's inputs, from --input: npz, safetensors, NAME=array.npy. Pictures are kept as a list of paths.
#pragma once
#include "driver/loaded.h"
#include "frontend/weights/archive.h"

typedef struct Feed {
  const Loaded *loaded;
  Blob **arrays; // one an input, NULL: none given
  int64_t *dims; // symbolic dimensions learned so far, 0: unknown
  Vec(char *) pictures;
} Feed;

// False after diagnostics. An argument is NAME=FILE, an archive, a picture or a folder of pictures.
bool feed_open(Feed *f, const Loaded *l, const char *const *args, size_t n, Diag *d);
// Those arrays of an archive that are named after an input that has none yet. False after a diagnostic.
bool feed_take_named(Feed *f, Archive *a, Diag *d);
// The first input without an array, other than `except`; -1: none is missing.
int feed_missing(const Feed *f, int except);
void feed_close(Feed *f);
