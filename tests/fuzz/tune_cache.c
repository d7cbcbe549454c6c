// The file of what tuning measured: it is read, added to and written anew; then it holds what was added.
#include "driver/tune_cache.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/tune-XXXXXX", path[sizeof folder + sizeof "/tune.txt"];

static void remove_folder(void) {
  char lock[sizeof path + sizeof ".lock"];
  snprintf(lock, sizeof lock, "%s.lock", path);
  unlink(path), unlink(lock), rmdir(folder);
}

static void write_file(const uint8_t *data, size_t size) {
  if (!*path) {
    CHECK(mkdtemp(folder), "%s cannot be made", folder);
    snprintf(path, sizeof path, "%s/tune.txt", folder);
    atexit(remove_folder);
  }
  FILE *f = fopen(path, "wb");
  CHECK(f && fwrite(data, 1, size, f) == size && !fclose(f), "%s cannot be written", path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Diag *d = diag_create();
  TuneCache c;
  write_file(data, size);
  tune_cache_open(&c, folder, "machine");
  tune_cache_put(&c, "some work", "a candidate", 2, 3);
  tune_cache_save(&c, d);
  tune_cache_close(&c);
  tune_cache_open(&c, folder, "machine");
  const Tuned *t = tune_cache_find(&c, "some work");
  CHECK(t && !strcmp(t->taken, "a candidate") && t->us == 2 && t->estimate_us == 3, "what was added is not there");
  tune_cache_close(&c);
  fuzz_end(d, true);
  return 0;
}
