#include "driver/nnir.h"
#include "driver/build.h"
#include "ir/core/outfile.h"
#include <string.h>
#include <sys/stat.h>

static bool same_folder(const char *a, const char *b) {
  struct stat sa, sb;
  char *fa = build_folder(a), *fb = build_folder(b);
  bool same = !strcmp(fa, fb) || (!stat(fa, &sa) && !stat(fb, &sb) && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino);
  free(fa), free(fb);
  return same;
}

bool nnir_write(Module *m, const char *source, bool files_apply, const char *path, Diag *d) {
  bool to_stdout = !strcmp(path, "-");
  for (size_t i = 0; i < m->weights.len; i++) {
    Weight *w = m->weights.data[i];
    if (w->source == WEIGHT_FILE && !to_stdout && !(files_apply && same_folder(source, path))) w->source = WEIGHT_DENSE;
  }
  char *stem = build_stem(path), *folder = build_folder(path);
  char *side = xprintf("%s/%s.side.safetensors", folder, stem);
  int errors = diag_errors(d);
  StrBuf text = {0};
  graph_print(m, &text, &(PrintOptions){.side_file = to_stdout ? NULL : side});
  bool ok = diag_errors(d) == errors && outfile_write(path, strbuf_str(&text), text.len, d);
  strbuf_free(&text);
  free(stem), free(folder), free(side);
  return ok;
}
