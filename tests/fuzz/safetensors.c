// How libFuzzer changes safetensors: mostly within the header, whose length then follows.
#include "tests/fuzz/fuzz.h"
#include <string.h>

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

enum { LENGTH = 8 };

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
  uint64_t length;
  if (size < LENGTH || seed % 4 == 0) return LLVMFuzzerMutate(data, size, max_size);
  memcpy(&length, data, sizeof length);
  if (length > size - LENGTH) length = size - LENGTH;
  size_t tail = size - LENGTH - length, room = max_size - LENGTH - tail;
  uint8_t *copy = xmalloc(tail);
  memcpy(copy, data + LENGTH + length, tail);
  length = LLVMFuzzerMutate(data + LENGTH, length, room);
  memcpy(data, &length, sizeof length);
  memcpy(data + LENGTH + length, copy, tail);
  free(copy);
  return LENGTH + length + tail;
}
