#include "driver/loaded.h"
#include "driver/build.h"
#include "driver/timing.h"
#include "frontend/weights/mapped.h"
#include "ir/core/temporary.h"
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

_Static_assert((int)NNCC_F32 == (int)DT_F32 && (int)NNCC_BF16 == (int)DT_BF16 && (int)NNCC_BOOL == (int)DT_BOOL &&
                   (int)NNCC_F64 == (int)DT_F64 && (int)NNCC_U64 == (int)DT_U64,
               "element types");

// ---- the exported name

// `n` elements of `size` bytes at `offset` of the file, or NULL.
static const void *within(const Mapped *f, uint64_t offset, uint64_t n, uint64_t size) {
  return offset <= f->size && n <= (f->size - offset) / size ? f->data + offset : NULL;
}

// The dynamic symbol <model>_info of a shared library; copied, NULL when there is none.
static char *find_info_symbol(const Mapped *f) {
  const Elf64_Ehdr *e = within(f, 0, 1, sizeof *e);
  if (!e || memcmp(e->e_ident, ELFMAG, SELFMAG) || e->e_ident[EI_CLASS] != ELFCLASS64) return NULL;
  const Elf64_Shdr *sections = within(f, e->e_shoff, e->e_shnum, sizeof *sections);
  for (int i = 0; sections && i < e->e_shnum; i++) {
    const Elf64_Shdr *s = &sections[i];
    if (s->sh_type != SHT_DYNSYM || s->sh_link >= e->e_shnum) continue;
    const Elf64_Shdr *names = &sections[s->sh_link];
    const Elf64_Sym *symbols = within(f, s->sh_offset, s->sh_size, 1);
    const char *text = within(f, names->sh_offset, names->sh_size, 1);
    for (uint64_t k = 0; symbols && text && k < s->sh_size / sizeof *symbols; k++) {
      if (symbols[k].st_shndx == SHN_UNDEF || symbols[k].st_name >= names->sh_size) continue;
      const char *name = text + symbols[k].st_name;
      size_t n = strnlen(name, names->sh_size - symbols[k].st_name);
      if (n > 5 && n < names->sh_size - symbols[k].st_name && !strcmp(name + n - 5, "_info")) return xstrdup(name);
    }
  }
  return NULL;
}

bool loaded_dlopen(Loaded *l, const char *path, Diag *d) {
  Mapped *file = mapped_open(path, d);
  if (!file) return false;
  char *symbol = find_info_symbol(file);
  mapped_unref(file);
  char *real = realpath(path, NULL); // dlopen searches for names without a slash
  *l = (Loaded){0};
  if (symbol && real) l->handle = dlopen(real, RTLD_NOW | RTLD_LOCAL);
  if (l->handle) l->info = dlsym(l->handle, symbol);
  if (!symbol)
    diag_error_file(d, path, "is no library that nncc made");
  else if (!l->info)
    diag_error_file(d, path, "cannot be loaded: %s", dlerror());
  else if (l->info->abi_version != NNCC_ABI_VERSION)
    diag_error_file(d, path, "was made by another version of nncc (ABI %d, this is %d)", l->info->abi_version,
                    NNCC_ABI_VERSION);
  free(symbol);
  free(real);
  if (l->info && l->info->abi_version == NNCC_ABI_VERSION) return true;
  loaded_close(l);
  return false;
}

// ---- compiling

// Never returns. Where the parent is killed it ends too, and removes what was the parent's to remove.
static void compile_and_exit(const char *path, const char *library, const BuildOptions *o) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  Diag *d = diag_create();
  Build b;
  bool ok = build_open(&b, path, o, d) && build_lower(&b) && build_emit(&b, OUTPUT_SHARED, library);
  build_report(&b, stderr);
  build_close(&b);
  build_print(d, o->model.json_diagnostics);
  diag_destroy(d);
  _exit(ok ? 0 : 1);
}

char *loaded_temporary(Diag *d) {
  const char *folder = getenv("TMPDIR");
  char *path = xprintf("%s/nncc-XXXXXX.so", folder && *folder ? folder : "/tmp");
  int fd = mkstemps(path, 3);
  if (fd >= 0) {
    temporary_add(path);
    close(fd);
    return path;
  }
  diag_error_file(d, path, "cannot be written: %m");
  free(path);
  return NULL;
}

void loaded_discard(char *library, Diag *d) {
  if (library && !temporary_remove(library)) diag_warning_file(d, library, "cannot be removed: %s", strerror(errno));
  free(library);
}

// The exit status of the process that compiles, once it is done; -1 after a diagnostic.
static int outcome(pid_t child, const char *path, Diag *d) {
  int status = 0;
  pid_t ended = child;
  if (child > 0) temporary_child(child);
  while (child > 0 && (ended = waitpid(child, &status, 0)) < 0 && errno == EINTR) {}
  temporary_child(0);
  if (ended < 0)
    diag_error_file(d, path, "cannot start a process: %m");
  else if (WIFSIGNALED(status))
    diag_error_file(d, path, "the process that compiles it was stopped by signal %d", WTERMSIG(status));
  return ended < 0 || !WIFEXITED(status) ? -1 : WEXITSTATUS(status);
}

bool loaded_build(Loaded *l, Build *b, Diag *d) {
  char *path = loaded_temporary(d);
  if (!path) return false;
  bool ok = build_lower(b) && build_emit(b, OUTPUT_SHARED, path) && loaded_dlopen(l, path, d);
  loaded_discard(path, d);
  return ok;
}

bool loaded_open(Loaded *l, const char *path, const BuildOptions *o, Diag *d) {
  *l = (Loaded){0};
  size_t n = strlen(path);
  bool compiled = n > 3 && !strcmp(path + n - 3, ".so");
  if (compiled && o->model.taps.len) {
    diag_error_file(d, path, "a compiled model has its outputs: --tap needs its source");
    return false;
  }
  if (compiled) return loaded_dlopen(l, path, d);
  char *library = loaded_temporary(d);
  if (!library) return false;
  fflush(NULL);
  pid_t child = fork();
  if (!child) compile_and_exit(path, library, o);
  int status = outcome(child, path, d);
  bool ok = !status && loaded_dlopen(l, library, d);
  loaded_discard(library, d);
  if (status > 1) exit(status); // no mistake in the input, and said already
  return ok;
}

bool loaded_start(Loaded *l, const nncc_options *o, Diag *d) {
  double begin = timing_ms();
  int status = l->info->open(&l->model, o);
  l->open_ms = timing_ms() - begin;
  if (status) diag_error_file(d, l->info->name, "cannot be opened: %s", l->info->status_text(status));
  return !status;
}

void loaded_close(Loaded *l) {
  if (l->model) l->info->close(l->model);
  if (l->handle) dlclose(l->handle);
  *l = (Loaded){0};
}

// ---- shapes

int64_t loaded_extents(const nncc_tensor_info *t, const int64_t *dims, int64_t *extents) {
  if (t->extents) t->extents(dims, extents);
  int64_t n = 1;
  for (int i = 0; i < t->rank; i++) {
    int64_t e = t->dims[i];
    if (!t->extents) extents[i] = e >= 0 ? e : dims[-1 - e];
    if (extents[i] < 0 || !checked_mul(n, extents[i], &n)) return -1;
  }
  return n <= MAX_ELEMENTS ? n : -1;
}

static void print_expected(const Loaded *l, const nncc_tensor_info *t, StrBuf *b) {
  strbuf_printf(b, "%s[", dtype_name(loaded_dtype(t)));
  for (int i = 0; i < t->rank; i++) { // an input has no counts
    if (i) strbuf_puts(b, ", ");
    if (t->dims[i] >= 0)
      strbuf_printf(b, "%lld", (long long)t->dims[i]);
    else
      strbuf_puts(b, t->dims[i] == NNCC_DIM_COMPUTED ? "?" : l->info->dims[-1 - t->dims[i]].name);
  }
  strbuf_putc(b, ']');
}

bool loaded_bind(const Loaded *l, const nncc_tensor_info *t, const char *array, int rank, const int64_t *shape,
                 int64_t *dims, Diag *d) {
  bool ok = rank == t->rank;
  for (int i = 0; ok && i < rank; i++) {
    if (t->dims[i] >= 0)
      ok = shape[i] == t->dims[i];
    else if (t->dims[i] != NNCC_DIM_COMPUTED) {
      int64_t *value = &dims[-1 - t->dims[i]];
      const nncc_dim_info *info = &l->info->dims[-1 - t->dims[i]];
      ok = *value ? *value == shape[i] : shape[i] >= info->min && shape[i] <= info->max;
      if (ok) *value = shape[i];
    }
  }
  if (ok) return true;
  StrBuf b = {0};
  print_expected(l, t, &b);
  strbuf_puts(&b, ", but this array is [");
  for (int i = 0; i < rank; i++) strbuf_printf(&b, "%s%lld", i ? ", " : "", (long long)shape[i]);
  diag_error_file(d, array, "input `%s` is %s]", t->name, strbuf_str(&b));
  strbuf_free(&b);
  return false;
}

// Whether the model runs with `dims`: a run that is possible needs an arena.
static bool accepts(const nncc_model_info *info, const nncc_model *model, const int64_t *dims) {
  return info->arena_bytes(model, dims) > 0;
}

// The least value of dimension i that is accepted beside the others, which are accepted with what it has now.
static void lower(const nncc_model_info *info, const nncc_model *model, int64_t *dims, int i) {
  int64_t now = dims[i];
  for (dims[i] = info->dims[i].min; dims[i] < now && !accepts(info, model, dims); dims[i]++) continue;
}

static void set_open(const nncc_model_info *info, const bool *open, int64_t size, int64_t *dims) {
  for (int i = 0; i < info->n_dims; i++)
    if (open[i]) dims[i] = min_i64(max_i64(size, info->dims[i].min), info->dims[i].max);
}

// Assertions may speak of several dimensions at once: all open ones grow until they hold, then each shrinks.
static void choose_open(const nncc_model_info *info, const nncc_model *model, const bool *open, int64_t *dims) {
  enum { MOST = 1024 };
  int64_t size = 0;
  do set_open(info, open, size, dims);
  while (!accepts(info, model, dims) && size++ < MOST);
  if (size > MOST) return set_open(info, open, 0, dims);
  for (int i = 0; i < info->n_dims; i++)
    if (open[i]) lower(info, model, dims, i);
}

void loaded_bind_rest(const Loaded *l, int64_t *dims) {
  const nncc_model_info *info = l->info;
  bool *open = xcalloc((size_t)info->n_dims + 1, sizeof *open), any = false;
  for (int i = 0; i < info->n_dims; i++) any |= open[i] = !dims[i];
  set_open(info, open, 0, dims);
  nncc_options options = NNCC_OPTIONS_INIT;
  options.threads = 1;
  nncc_model *own = NULL; // where l's is not open yet
  if (any && (l->model || !info->open(&own, &options))) choose_open(info, l->model ? l->model : own, open, dims);
  if (own) info->close(own);
  free(open);
}

const char *loaded_meta(const Loaded *l, const char *key) {
  for (int i = 0; i < l->info->n_meta; i++)
    if (!strcmp(l->info->meta[i].key, key)) return l->info->meta[i].value;
  return NULL;
}

// ---- running

bool session_open(Session *s, const Loaded *l, const int64_t *dims, Diag *d) {
  const nncc_model_info *info = l->info;
  *s = (Session){.loaded = l};
  s->dims = xmalloc(sizeof(int64_t) * (size_t)(info->n_dims + 1));
  for (int i = 0; i < info->n_dims; i++) s->dims[i] = dims[i];
  s->outputs = xcalloc((size_t)info->n_outputs + (size_t)info->n_counts + 1, sizeof *s->outputs);
  s->counts = xcalloc((size_t)info->n_counts + 1, sizeof *s->counts);
  for (int i = 0; i < info->n_counts; i++) s->outputs[info->n_outputs + i] = &s->counts[i];
  s->arena_bytes = info->arena_bytes(l->model, dims);
  bool ok = s->arena_bytes <= PTRDIFF_MAX - 64; // 0: none is needed, or run will say why it refuses
  if (ok) s->arena = aligned_alloc(NNCC_ARENA_ALIGN, s->arena_bytes / 64 * 64 + 64);
  for (int i = 0; s->arena && i < info->n_outputs; i++) {
    int64_t extents[MAX_RANK], n = loaded_extents(&info->outputs[i], dims, extents);
    bool refused = n < 0 && !s->arena_bytes; // such dimensions, and nothing will be written
    s->outputs[i] = refused ? malloc(64)
                    : n < 0 ? NULL
                            : malloc((size_t)n * dtype_size(loaded_dtype(&info->outputs[i])) + 64);
    ok = ok && s->outputs[i];
  }
  if (ok && s->arena) return true;
  diag_error_file(d, info->name, "there is not enough memory for a run");
  session_close(s);
  return false;
}

static bool succeeded(const Session *s, int status, Diag *d) {
  const nncc_model_info *info = s->loaded->info;
  if (status) diag_error_file(d, info->name, "the run failed: %s", info->status_text(status));
  return !status;
}

bool session_run(Session *s, const void *const *inputs, Diag *d) {
  const Loaded *l = s->loaded;
  return succeeded(s, l->info->run(l->model, s->arena, s->arena_bytes, s->dims, inputs, s->outputs), d);
}

bool session_submit(Session *s, const void *const *inputs, Diag *d) {
  const Loaded *l = s->loaded;
  return succeeded(s, l->info->submit(l->model, s->arena, s->arena_bytes, s->dims, inputs, s->outputs), d);
}

bool session_wait(Session *s, Diag *d) {
  return succeeded(s, s->loaded->info->wait(s->loaded->model, s->arena, s->arena_bytes), d);
}

int64_t session_extents(const Session *s, int i, int64_t *extents) {
  const nncc_model_info *info = s->loaded->info;
  const nncc_tensor_info *t = &info->outputs[i];
  int64_t n = 1;
  loaded_extents(t, s->dims, extents);
  for (int d = 0; d < t->rank; d++) {
    int64_t symbol = t->dims[d] == NNCC_DIM_COMPUTED ? -1 : -1 - t->dims[d];
    if (symbol >= info->n_dims) extents[d] = s->counts[symbol - info->n_dims];
    n *= extents[d];
  }
  return n;
}

void session_close(Session *s) {
  for (int i = 0; s->outputs && i < s->loaded->info->n_outputs; i++) free(s->outputs[i]);
  free(s->outputs);
  free(s->counts);
  free(s->arena);
  free(s->dims);
  *s = (Session){0};
}
