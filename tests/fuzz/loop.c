// Loop IR text: what is read prints as a text that reads back, and is planned.
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Diag *d = diag_create();
  LProgram *p = loop_read(d, "input.loop", (const char *)data, size);
  if (p) {
    fuzz_round_trip_loop(p);
    fuzz_passes(NULL, p, "plan-memory", d);
    loop_program_destroy(p);
  }
  fuzz_end(d, p);
  return 0;
}
