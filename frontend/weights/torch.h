// PyTorch checkpoints: what torch.save writes of a state dict, or of anything that holds one. A pickle tells the names,
// shapes and strides of tensors; their elements lie in storages, outside it. torch_zip.c and torch_legacy.c read the
// two files that there are; torch.c finds the tensors in either's pickle.
#pragma once
#include "frontend/weights/archive.h"
#include "frontend/weights/pickle.h"

typedef struct TorchStorage {
  const char *key; // by which the pickle speaks of it
  bool deflated;
  size_t offset, stored; // bytes in the file
  size_t size;           // of the same inflated
} TorchStorage;

typedef Vec(TorchStorage) TorchStorages;

// Fills a->entries with the tensors below `p`'s value; sorts the storages. False after a diagnostic.
bool torch_find_tensors(Archive *a, const Pickle *p, TorchStorages *storages, bool big_endian, Diag *d);

// What a persistent object says of itself: its key, and bytes an element; false where it is no storage.
bool torch_storage_of(const Pickled *persistent, const char **key, size_t *width);
