// Running the system's binutils: ld, objcopy, ar. Never through a shell. Temporary files stand in a folder beside the
// output, on the same file system, and go when it is done.
#include "codegen/internal.h"
#include "ir/core/temporary.h"
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

typedef Vec(const char *) Args;

// ---- the folder

bool link_open(Link *l, const char *path) {
  if (l->options->dry_run || l->options->save_temps) {
    l->folder = arena_printf(l->arena, "%s.temps", path);
    if (l->options->dry_run || !mkdir(l->folder, 0777) || errno == EEXIST) return true;
  } else {
    char *folder = arena_printf(l->arena, "%s.tmpXXXXXX", path);
    l->folder = mkdtemp(folder);
    if (l->folder) temporary_add(l->folder);
    if (l->folder) return true;
  }
  diag_error_file(l->diag, l->output, "no folder for temporary files: %s", strerror(errno));
  return false;
}

void link_close(Link *l) {
  if (l->options->dry_run || l->options->save_temps) return;
  if (!temporary_remove(l->folder)) diag_warning_file(l->diag, l->folder, "cannot be removed: %s", strerror(errno));
}

char *link_path(const Link *l, const char *name) { return arena_printf(l->arena, "%s/%s", l->folder, name); }

bool link_write(Link *l, const char *path, const void *bytes, size_t size) {
  if (l->options->dry_run) return true;
  FILE *f = fopen(path, "wb");
  bool ok = f && fwrite(bytes, 1, size, f) == size;
  if (f) ok &= !fclose(f);
  if (!ok) diag_error_file(l->diag, path, "cannot be written: %s", strerror(errno));
  return ok;
}

// ---- commands

static void show(const Args *args) {
  StrBuf line = {0};
  for (size_t i = 0; i + 1 < args->len; i++) {
    const char *a = args->data[i];
    if (i) strbuf_putc(&line, ' ');
    if (*a && !a[strcspn(a, " \t\n\"'\\$`*?[]{}();&|<>#~!")])
      strbuf_puts(&line, a);
    else
      strbuf_quoted(&line, a);
  }
  fprintf(stderr, "%s\n", strbuf_str(&line));
  strbuf_free(&line);
}

// What the command wrote to stderr, up to a limit.
static const char *complaint(const Link *l, const char *path) {
  enum { LIMIT = 2000 };
  char *text = arena_alloc(l->arena, LIMIT + 1);
  FILE *f = fopen(path, "rb");
  size_t n = f ? fread(text, 1, LIMIT, f) : 0;
  if (f) fclose(f);
  while (n && text[n - 1] == '\n') n--;
  text[n] = 0;
  return text;
}

static bool report(Link *l, const char *program, int status, const char *errors) {
  if (WIFEXITED(status) && !WEXITSTATUS(status)) return true;
  const char *text = complaint(l, errors);
  bool exited = WIFEXITED(status);
  diag_error_file(l->diag, l->output, "%s %s %d%s%s", program, exited ? "failed with status" : "was stopped by signal",
                  exited ? WEXITSTATUS(status) : WTERMSIG(status), *text ? ":\n" : "", text);
  return false;
}

// Starts the command, with its errors in a file; 0 or errno. No signal comes before it is known that it runs.
static int start(const Args *args, const char *errors, pid_t *pid) {
  sigset_t all, before;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setsigmask(&attributes, &before);
  int failed = posix_spawnp(pid, args->data[0], &actions, &attributes, (char *const *)args->data, environ);
  if (!failed) temporary_child(*pid);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return failed;
}

// Runs the command and frees its arguments.
static bool run(Link *l, Args *args) {
  vec_push(args, NULL);
  if (l->options->verbose || l->options->dry_run) show(args);
  if (l->options->dry_run) {
    vec_free(args);
    return true;
  }
  const char *errors = link_path(l, "stderr");
  pid_t pid;
  int status = 0, failed = start(args, errors, &pid);
  while (!failed && waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) failed = errno;
  temporary_child(0);
  if (failed) diag_error_file(l->diag, l->output, "`%s` cannot be run: %s", args->data[0], strerror(failed));
  bool ok = !failed && report(l, args->data[0], status, errors);
  vec_free(args);
  return ok;
}

static void add(Args *args, const char *const *words, int n) {
  for (int i = 0; i < n; i++) vec_push(args, words[i]);
}
#define ADD(args, ...)                                                                                                 \
  add((args), (const char *const[]){__VA_ARGS__}, (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)))

static const char *tool(const Link *l, const char *name) {
  return arena_printf(l->arena, "%s%s", l->target->tools, name);
}

// ---- what is linked

typedef struct Library {
  const char *name;
  Arena *arena;
  char *path;
} Library;

static int match_library(struct dl_phdr_info *info, size_t size, void *argument) {
  (void)size;
  Library *library = argument;
  const char *slash = strrchr(info->dlpi_name, '/');
  if (!slash || strcmp(slash + 1, library->name)) return 0;
  library->path = arena_strdup(library->arena, info->dlpi_name);
  return 1;
}

// The library that this process itself runs with: there need not be a development package. Else ld's own search.
static const char *library_path(const Link *l, const char *name) {
  Arena *a = l->arena;
  if (l->target->libraries) return arena_printf(a, "%s/%s", l->target->libraries, name);
  Library library = {name, a, NULL};
  dl_iterate_phdr(match_library, &library);
  return library.path ? library.path : arena_printf(a, "-l:%s", name);
}

static const char *version_script(Link *l) {
  StrBuf text = {0};
  const char *symbol, *path = link_path(l, "exports.map");
  strbuf_puts(&text, "{\n  global:\n");
  for (int i = 0; (symbol = name_export(l->arena, l->model, i)); i++) strbuf_printf(&text, "    %s;\n", symbol);
  strbuf_puts(&text, "  local: *;\n};\n");
  bool ok = link_write(l, path, text.s, text.len);
  strbuf_free(&text);
  return ok ? path : NULL;
}

// Segments as we want them: ld's own script would put the weights into one that may be written. They come last, and
// only as a size: their bytes are put behind the file when it is linked (elf_weights.c), so that they are written once.
static const char *layout_script(Link *l, bool weights) {
  static const char text[] = "PHDRS {\n"
                             "  head PT_LOAD FILEHDR PHDRS FLAGS(4);\n"
                             "  code PT_LOAD FLAGS(5);\n"
                             "  data PT_LOAD FLAGS(6);\n"
                             "%s"
                             "  dynamic PT_DYNAMIC FLAGS(6);\n"
                             "  relro PT_GNU_RELRO FLAGS(4);\n"
                             "  stack PT_GNU_STACK FLAGS(6);\n"
                             "}\n"
                             "SECTIONS {\n"
                             "  . = SIZEOF_HEADERS;\n"
                             "  .gnu.hash : { *(.gnu.hash) } :head\n"
                             "  .dynsym : { *(.dynsym) }\n"
                             "  .dynstr : { *(.dynstr) }\n"
                             "  .gnu.version : { *(.gnu.version) }\n"
                             "  .gnu.version_d : { *(.gnu.version_d) }\n"
                             "  .gnu.version_r : { *(.gnu.version_r) }\n"
                             "  .rela.dyn : { *(.rela.dyn .rela.data* .rela.bss* .rela.init_array* .rela.got) }\n"
                             "  .rela.plt : { *(.rela.plt) }\n"
                             "  .rodata : { *(.rodata .rodata.*) }\n"
                             "  .eh_frame : { *(.eh_frame) }\n"
                             "  . = ALIGN(CONSTANT(MAXPAGESIZE));\n"
                             "  .plt : { *(.plt .plt.*) } :code\n"
                             "  .text : { *(.text .text.*) }\n"
                             "  . = DATA_SEGMENT_ALIGN(CONSTANT(MAXPAGESIZE), CONSTANT(COMMONPAGESIZE));\n"
                             "  .init_array : { KEEP(*(.init_array .init_array.*)) } :data :relro\n"
                             "  .data.rel.ro : { *(.data.rel.ro .data.rel.ro.*) }\n"
                             "  .dynamic : { *(.dynamic) } :data :relro :dynamic\n"
                             "  .got : { *(.got .got.plt) } :data :relro\n"
                             "  . = DATA_SEGMENT_RELRO_END(0, .);\n"
                             "  .data : { *(.data .data.*) } :data\n"
                             "  .bss : { *(.bss .bss.* COMMON) }\n"
                             "  . = DATA_SEGMENT_END(.);\n"
                             "%s"
                             "}\n";
  const char *path = link_path(l, "layout.ld");
  char *script =
      arena_printf(l->arena, text, weights ? "  weights PT_LOAD FLAGS(4);\n" : "",
                   weights ? "  . = ALIGN(CONSTANT(MAXPAGESIZE));\n  .lrodata : { *(.lrodata) } :weights\n" : "");
  return link_write(l, path, script, strlen(script)) ? path : NULL;
}

bool link_shared(Link *l, const char *const *objects, int n, bool weights, const char *target) {
  const char *slash = strrchr(l->output, '/'), *script = version_script(l), *layout = layout_script(l, weights);
  if (!script || !layout) return false;
  bool sanitize = l->options->sanitize; // whose runtime is the program's
  Args args = {0};
  ADD(&args, tool(l, "ld"), "-shared", "-soname", slash ? slash + 1 : l->output, "-z", "relro", "-z", "now", "-z",
      "noexecstack", "-z", "text", "-z", sanitize ? "undefs" : "defs", "-Bsymbolic", "--hash-style=gnu",
      "--build-id=none", "--as-needed", "--version-script", script, "-T", layout, "-o", target);
  add(&args, objects, n);
  ADD(&args, library_path(l, "libc.so.6"), library_path(l, "libm.so.6"));
  return run(l, &args);
}

bool link_object(Link *l, const char *const *objects, int n, const char *target) {
  const char *symbol;
  Args args = {0};
  ADD(&args, tool(l, "ld"), "-r", "-o", target);
  add(&args, objects, n);
  if (!run(l, &args)) return false;
  args = (Args){0};
  ADD(&args, tool(l, "objcopy"));
  for (int i = 0; (symbol = name_export(l->arena, l->model, i)); i++) ADD(&args, "--keep-global-symbol", symbol);
  ADD(&args, target);
  return run(l, &args);
}

bool link_archive(Link *l, const char *object, const char *target) {
  Args args = {0};
  ADD(&args, tool(l, "ar"), "rcsD", target, object);
  return run(l, &args);
}
