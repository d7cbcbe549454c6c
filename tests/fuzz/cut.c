// cut FILE...: what a harness says to each beginning of each file, cut at every byte and so at every boundary of a
// field. In place of libFuzzer, in a plain build.
#include "frontend/weights/mapped.h"
#include "tests/fuzz/fuzz.h"

int main(int argc, char **argv) {
  size_t cuts = 0;
  for (int i = 1; i < argc; i++) {
    Diag *d = diag_create();
    Mapped *file = mapped_open(argv[i], d);
    CHECK(file && file->size, "%s cannot be read", argv[i]);
    printf("%s\n", argv[i]);
    fflush(stdout); // so that a crash has a name
    for (size_t size = 0; size <= file->size; size++, cuts++) LLVMFuzzerTestOneInput(file->data, size);
    mapped_unref(file);
    diag_destroy(d);
  }
  printf("%zu cuts\n", cuts);
  return !cuts;
}
