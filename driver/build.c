#include "driver/build.h"
#include "driver/timing.h"
#include "frontend/frontend.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// ---- paths and texts

char *build_folder(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
}

char *build_stem(const char *path) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
  if (!strcmp(path, "-")) return strdup("model");
  return dot && dot != name ? strndup(name, (size_t)(dot - name)) : strdup(name);
}

bool build_has_suffix(const char *s, const char *suffix) {
  size_t n = strlen(s), k = strlen(suffix);
  return n > k && !strcmp(s + n - k, suffix);
}

char *build_read_text(const char *path, size_t *size, Diag *d) {
  enum { TEXT_MAX = 1 << 30 };
  FILE *in = strcmp(path, "-") ? fopen(path, "rb") : stdin;
  StrBuf b = {0};
  char chunk[1 << 16];
  size_t n;
  while (in && b.len < TEXT_MAX && (n = fread(chunk, 1, sizeof chunk, in))) strbuf_write(&b, chunk, n);
  bool ok = in && !ferror(in) && b.len < TEXT_MAX;
  if (!ok) diag_error_file(d, path, "cannot be read: %s", b.len >= TEXT_MAX ? "it is too large" : strerror(errno));
  if (in && in != stdin) fclose(in);
  if (!ok) return strbuf_free(&b), NULL;
  strbuf_puts(&b, "");
  *size = b.len;
  return b.s;
}

void build_print(const Diag *d, FILE *to) {
  StrBuf b = {0};
  diag_print(d, &b, isatty(fileno(to)) && !getenv("NO_COLOR"));
  if (b.len) fwrite(b.s, 1, b.len, to);
  strbuf_free(&b);
}

// ---- reading

// The weights that the model names, relative to its folder; they may be absent when they are to be seeded.
static Archive *open_named(const char *path, const char *file, bool optional, Diag *d) {
  char *folder = build_folder(path);
  size_t n = strlen(folder);
  if (!strncmp(file, folder, n) && file[n] == '/') file += n + 1;
  char *whole = NULL;
  if (asprintf(&whole, "%s/%s", folder, file) < 0) abort();
  bool absent = access(whole, F_OK) && errno == ENOENT;
  Archive *a = optional && absent ? NULL : archive_open_beneath(folder, file, d);
  free(whole);
  free(folder);
  return a;
}

static Module *read_language(const char *path, const ModelOptions *o, Archive **weights, Diag *d) {
  FrontendOptions f = {.model = o->model,
                       .defines = o->defines.data,
                       .n_defines = (int)o->defines.len,
                       .shapes = o->shapes.data,
                       .n_shapes = (int)o->shapes.len};
  const char *file = NULL;
  Module *m = frontend_compile(d, path, &f, &file);
  if (m && weights && file && !o->weights) *weights = open_named(path, file, o->has_init, d);
  return m;
}

static Module *read_text(const char *path, Diag *d) {
  size_t size;
  char *text = build_read_text(path, &size, d), *folder = build_folder(path);
  WeightFiles *files = weight_files_create();
  Module *m = text ? graph_read(d, path, text, size, folder, weight_files_open, files) : NULL;
  weight_files_destroy(files);
  free(folder);
  free(text);
  return m;
}

Module *build_read(const char *path, const ModelOptions *o, Archive **weights, Diag *d) {
  Archive *archive = NULL;
  int before = diag_errors(d);
  bool is_text = o->is_text ? !build_has_suffix(path, ".nn") : build_has_suffix(path, ".nnir");
  Module *m = is_text ? read_text(path, d) : read_language(path, o, weights ? &archive : NULL, d);
  if (m && weights && o->weights) archive = archive_open(o->weights, d);
  if (m && weights && !o->allow_missing && diag_errors(d) == before)
    weights_attach(m, archive, o->has_init ? &o->init : NULL, d);
  if (weights) *weights = archive;
  if (m && diag_errors(d) == before) return m;
  if (m) module_destroy(m);
  return NULL;
}

bool build_open(Build *b, const char *path, const BuildOptions *o, Diag *d) {
  *b = (Build){.options = o, .path = path, .diag = d, .begin_ms = timing_ms()};
  b->module = build_read(path, &o->model, &b->weights, d);
  for (const Node *n = b->module ? b->module->first : NULL; n; n = n->next) b->n_ops++;
  return b->module;
}

// ---- compiling

static void dump(void *user, const char *text) {
  (void)user;
  fputs(text, stderr);
}

bool build_lower(Build *b) {
  const BuildOptions *o = b->options;
  PassContext *c = &b->passes;
  if (!passes_init(c, b->module, NULL, b->diag, &o->passes)) return false;
  TargetInfo target;
  if (!codegen_target_info(b->module->arena, o->codegen.target, o->codegen.cpu, &target, b->diag)) return false;
  c->target = (LowerTarget){.vector_bytes = target.vector_bytes,
                            .vector_registers = target.vector_registers,
                            .has_fma = target.has_fma,
                            .no_winograd = o->no_winograd,
                            .reproducible = o->reproducible};
  c->dump = o->quiet ? NULL : dump;
  bool ok = passes_run(c, o->pipeline ? o->pipeline : passes_pipeline(o->codegen.opt_level));
  b->program = c->program;
  return ok;
}

bool build_emit(Build *b, OutputKind kind, const char *path) {
  if (b->program) return codegen_emit(b->program, kind, path, &b->options->codegen, &b->stats, b->diag);
  diag_error_file(b->diag, b->path, "the passes that were run do not lower it, so that there is no code to write");
  return false;
}

void build_report(const Build *b, FILE *to) {
  StrBuf s = {0};
  if (b->options->time_passes) passes_times(&b->passes, &s);
  if (b->options->statistics) passes_counts(&b->passes, &s);
  fputs(strbuf_str(&s), to);
  strbuf_free(&s);
}

void build_close(Build *b) {
  passes_free(&b->passes);
  if (b->program) loop_program_destroy(b->program);
  if (b->module) module_destroy(b->module);
  archive_unref(b->weights);
  *b = (Build){0};
}
