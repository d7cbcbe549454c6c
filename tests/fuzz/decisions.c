// A file of decisions: what is read is written, reads back and is written alike.
#include "driver/decisions_file.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/decisions-XXXXXX", first[sizeof folder + 4], second[sizeof folder + 4];

static void remove_folder(void) { unlink(first), unlink(second), rmdir(folder); }

static void make_folder(void) {
  if (*first) return;
  CHECK(mkdtemp(folder), "%s cannot be made", folder);
  snprintf(first, sizeof first, "%s/1", folder);
  snprintf(second, sizeof second, "%s/2", folder);
  atexit(remove_folder);
}

static bool same_bytes(void) {
  FILE *a = fopen(first, "rb"), *b = fopen(second, "rb");
  CHECK(a && b, "what was written is not there");
  int x, y;
  do x = getc(a), y = getc(b);
  while (x == y && x != EOF);
  fclose(a), fclose(b);
  return x == y;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Diag *d = diag_create();
  make_folder();
  Decisions *read = decisions_read(fuzz_file(0, data, size), d);
  if (read) {
    CHECK(decisions_write(read, "m", first, d), "%s cannot be written", first);
    Decisions *again = decisions_read(first, d);
    CHECK(again && decisions_write(again, "m", second, d) && same_bytes(), "decisions read back as others");
    decisions_destroy(again);
  }
  fuzz_end(d, read);
  decisions_destroy(read);
  return 0;
}
