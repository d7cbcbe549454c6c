// nncc fmt: .nn files laid out canonically.
#include "driver/build.h"
#include "driver/commands.h"
#include "frontend/format/format.h"
#include "ir/core/outfile.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { KEY_CHECK = 0x200 };

typedef struct Arguments {
  Vec(const char *) paths;
  const char *output;
  bool check, json;
} Arguments;

static const struct argp_option rows[] = {
    {"output", 'o', "FILE", 0, "write there (-: stdout) instead of in place", 0},
    {"check", KEY_CHECK, 0, 0, "write nothing; fail if a file is laid out otherwise", 0},
    OPTIONS_DIAGNOSTICS_ROW,
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state) {
  Arguments *a = state->input;
  switch (key) {
  case 'o': a->output = arg; return 0;
  case OPTIONS_KEY_DIAGNOSTICS: a->json = options_diagnostics(arg, state); return 0;
  case KEY_CHECK: a->check = true; return 0;
  case ARGP_KEY_ARG: vec_push(&a->paths, arg); return 0;
  case ARGP_KEY_END:
    if (!a->paths.len) argp_error(state, "no file given");
    if (a->output && a->check) argp_error(state, "--check writes nothing, so that -o has no meaning");
    if (a->output && a->paths.len > 1) argp_error(state, "-o takes one file at a time");
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

const struct argp cmd_fmt_argp = {
    .options = rows,
    .parser = parse,
    .args_doc = "FILE...",
    .doc =
        "Lays out .nn files in place (-: stdin to stdout): spaces, indentation, line breaks around braces. Other line "
        "breaks, comments and columns of things set below each other stay. The meaning never changes, and what is "
        "laid out stays as it is.",
};

// The file behind symbolic links is replaced, with its permissions.
static bool replace(const char *path, const StrBuf *text, Diag *d) {
  char *target = realpath(path, NULL);
  struct stat st;
  OutFile o;
  if (!target || stat(target, &st)) {
    diag_error_file(d, path, "cannot be written: %s", strerror(errno));
    free(target);
    return false;
  }
  bool ok = outfile_open(&o, target, d);
  if (ok) {
    fwrite(text->s, 1, text->len, o.file);
    if (o.temporary) fchmod(fileno(o.file), st.st_mode & 07777);
    ok = outfile_commit(&o, d);
  }
  free(target);
  return ok;
}

static bool format_one(const Arguments *a, const char *path, Diag *d) {
  StrBuf text = {0};
  bool differs = false, ok = format_file(d, path, &text, &differs);
  const char *output = a->output ? a->output : strcmp(path, "-") ? NULL : "-";
  if (ok && a->check && differs) {
    diag_error_file(d, path, "not laid out as `nncc fmt` does it");
    ok = false;
  } else if (ok && !a->check && output) {
    ok = outfile_write(output, text.s, text.len, d);
  } else if (ok && !a->check && differs) {
    ok = replace(path, &text, d);
  }
  strbuf_free(&text);
  return ok;
}

int cmd_fmt(int argc, char **argv) {
  Arguments a = {0};
  options_parse(&cmd_fmt_argp, argc, argv, &a);
  Diag *d = diag_create();
  bool ok = true;
  for (size_t i = 0; i < a.paths.len; i++) ok = format_one(&a, a.paths.data[i], d) && ok;
  build_print(d, a.json);
  diag_destroy(d);
  vec_free(&a.paths);
  return ok ? EXIT_DONE : EXIT_DIAGNOSTICS;
}
