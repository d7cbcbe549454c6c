// How libFuzzer changes PNG files: their chunks' checksums are put right again, else nothing behind them would be read.
#include "tests/fuzz/fuzz.h"
#include <arpa/inet.h>
#include <string.h>
#include <zlib.h>

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

enum { SIGNATURE = 8, AROUND = 12 }; // bytes of a chunk beside its content: length, type, checksum

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  for (size_t at = SIGNATURE; seed % 8 && at + AROUND <= size;) {
    uint32_t length;
    memcpy(&length, data + at, sizeof length);
    length = ntohl(length);
    if (length > size - at - AROUND) break;
    uint32_t sum = htonl((uint32_t)crc32(0, data + at + 4, length + 4));
    memcpy(data + at + 8 + length, &sum, sizeof sum);
    at += AROUND + length;
  }
  return size;
}
