// Checkpoints by hand: pickles of what a test wants to say, and the zip archive around them.
#pragma once
#include "ir/core/strbuf.h"
#include <stdint.h>

typedef struct CheckpointMember {
  const char *name; // below the archive's folder, e.g. "data.pkl"
  const void *data;
  size_t size;
} CheckpointMember;

// A zip archive whose members are stored as they are.
void checkpoint_zip(StrBuf *out, const CheckpointMember *members, int n);

// Parts of a pickle; `pickle_tensor` pushes a call of _rebuild_tensor_v2 with a storage of this class.
void pickle_text(StrBuf *b, const char *text);
void pickle_int(StrBuf *b, int64_t v);
void pickle_ints(StrBuf *b, const int64_t *v, int n); // a tuple
void pickle_tensor(StrBuf *b, const char *storage, const char *key, int64_t offset, const int64_t *size,
                   const int64_t *stride, int rank);
