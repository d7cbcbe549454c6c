// From the language to native code, as `nncc model.nn` does it with seeded weights. The number behind the last `#`
// chooses the options, so that a file that fails can be made smaller by cutting lines above it.
#include "driver/build.h"
#include "tests/fuzz/fuzz.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char object[] = "/tmp/object-XXXXXX";

static void remove_object(void) { unlink(object); }

static const char *object_path(void) {
  static bool made;
  if (made) return object;
  CHECK(close(mkstemp(object)) == 0, "%s cannot be made", object);
  atexit(remove_object);
  made = true;
  return object;
}

// Of the options, a bit each.
static unsigned bits_of(const uint8_t *data, size_t size) {
  unsigned number = 0;
  const uint8_t *hash = memrchr(data, '#', size);
  for (const uint8_t *s = hash ? hash + 1 : data + size; s < data + size; s++)
    if (isdigit(*s)) number = 10 * number + *s - '0';
  return number * 2654435761u >> 24;
}

static void choose(BuildOptions *o, unsigned bits) {
  static const char *const cpus[] = {"x86-64-v4", "x86-64-v3,x86-64-v2", "x86-64-v2", NULL};
  options_init(o);
  o->quiet = true;
  o->model.has_init = true;
  o->passes.verify_each = bits & 1;
  o->codegen.opt_level = bits & 2 ? 2 : 0;
  o->codegen.cpu = cpus[bits >> 2 & 3];
  if (!o->codegen.cpu) o->codegen.target = "aarch64-linux-gnu";
  o->reproducible = o->codegen.reproducible = bits & 16;
  if (bits & 32) o->passes.prune = (Pruning){bits & 1 ? PRUNE_STRUCTURED : PRUNE_MAGNITUDE, 0.4};
  if (bits & 64) o->passes.factorize = (Factorization){FACTORIZE_SPATIAL, 0.3};
  o->codegen.debug = bits & 128;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Diag *d = diag_create();
  BuildOptions o;
  Build b;
  unsigned bits = bits_of(data, size);
  choose(&o, bits);
  bool ok = build_open(&b, fuzz_file(0, data, size), &o, d);
  if (ok && fuzz_is_small(b.module))
    ok = build_lower(&b) &&
         (bits % 8 ? build_emit(&b, OUTPUT_ASM, "/dev/null") : build_emit(&b, OUTPUT_OBJECT, object_path()));
  build_close(&b);
  options_free(&o);
  fuzz_end(d, ok);
  return 0;
}
