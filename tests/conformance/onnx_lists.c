#include "tests/conformance/onnx_lists.h"
#include "ir/core/check.h"
#include <fnmatch.h>
#include <string.h>

static OnnxEntry entry(Arena *a, char *line) {
  size_t name = strcspn(line, "\t #"), gap = strspn(line + name, "\t #"), label = strcspn(line + name + gap, "\t\n");
  OnnxEntry e = {.name = arena_strndup(a, line, name)};
  if (label) e.label = arena_strndup(a, line + name + gap, label);
  return e;
}

OnnxList onnx_list_read(Arena *a, const char *folder, const char *file) {
  OnnxList l = {0};
  const char *path = arena_printf(a, "%s/%s", folder, file);
  FILE *f = fopen(path, "r");
  CHECK(f, "%s cannot be read", path);
  char *line = NULL;
  size_t size = 0;
  ssize_t n;
  while ((n = getline(&line, &size, f)) > 0) {
    if (line[n - 1] == '\n') line[n - 1] = 0;
    if (*line && *line != '#') vec_push(&l, entry(a, line));
  }
  free(line);
  fclose(f);
  return l;
}

OnnxEntry *onnx_list_match(const OnnxList *l, const char *name) {
  const char *slash = strrchr(name, '/');
  for (size_t i = 0; i < l->len; i++)
    if (!fnmatch(l->data[i].name, name, 0) || (slash && !fnmatch(l->data[i].name, slash + 1, 0))) return &l->data[i];
  return NULL;
}
