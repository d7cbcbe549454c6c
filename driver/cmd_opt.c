// nncc opt: the pass tester. Text in, text out, at the graph level or at the loop level.
#include "driver/build.h"
#include "driver/commands.h"
#include "driver/nnir.h"
#include "ir/core/outfile.h"

typedef struct Arguments {
  BuildOptions build;
  const char *path, *output;
  bool loop, list;
} Arguments;

enum { KEY_LOOP = 0x200, KEY_LIST };

static const struct argp_option rows[] = {
    {"output", 'o', "FILE", 0, "where to (default: stdout)", 0},
    {"loop", KEY_LOOP, 0, 0, "the input is loop IR, as `--emit=loop` writes it (also known by the suffix .loop)", 0},
    {"list-passes", KEY_LIST, 0, 0, "print the passes and what they do", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state) {
  Arguments *a = state->input;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = &a->build; return 0;
  case 'o': a->output = arg; return 0;
  case KEY_LOOP: a->loop = true; return 0;
  case KEY_LIST: a->list = true; return 0;
  case ARGP_KEY_ARG:
    if (a->path) argp_error(state, "one text at a time, not also `%s`", arg);
    a->path = arg;
    return 0;
  case ARGP_KEY_END:
    if (!a->path) a->path = "-";
    a->build.model.allow_missing = !a->build.model.weights && !a->build.model.has_init;
    a->loop = a->loop || build_has_suffix(a->path, ".loop");
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_child children[] = {{&options_build, 0, 0, 0}, {0}};
const struct argp cmd_opt_argp = {
    .options = rows,
    .parser = parse,
    .args_doc = "[TEXT]",
    .doc = "Runs passes (--passes=a,b; none by default) on an IR text, stdin without one, and prints the "
           "text that comes out.",
    .children = children,
};

static bool opt_loop(const Arguments *a, Diag *d) {
  size_t size;
  char *text = build_read_text(a->path, &size, d);
  LProgram *p = text ? loop_read(d, a->path, text, size) : NULL;
  free(text);
  if (!p) return false;
  PassContext c;
  StrBuf out = {0};
  bool ok = passes_init(&c, NULL, p, d, &a->build.passes) && passes_run(&c, a->build.pipeline ? a->build.pipeline : "");
  if (ok) loop_print(p, &out);
  ok = ok && outfile_write(a->output ? a->output : "-", strbuf_str(&out), out.len, d);
  passes_free(&c);
  strbuf_free(&out);
  loop_program_destroy(p);
  return ok;
}

static bool opt_graph(const Arguments *a, Diag *d) {
  Build b;
  const char *output = a->output ? a->output : "-";
  bool ok = build_open(&b, a->path, &a->build, d) && build_lower(&b);
  build_report(&b, stderr);
  if (ok && b.program) {
    StrBuf out = {0};
    loop_print(b.program, &out);
    ok = outfile_write(output, strbuf_str(&out), out.len, d);
    strbuf_free(&out);
  } else if (ok) {
    ok = nnir_write(b.module, a->path, !a->build.model.weights, output, d);
  }
  build_close(&b);
  return ok;
}

static int list_passes(void) {
  StrBuf b = {0};
  passes_list(&b);
  fputs(strbuf_str(&b), stdout);
  strbuf_free(&b);
  return EXIT_DONE;
}

int cmd_opt(int argc, char **argv) {
  Arguments a = {0};
  options_init(&a.build);
  a.build.pipeline = "";
  a.build.model.is_text = true;
  options_parse(&cmd_opt_argp, argc, argv, &a);
  if (a.list) return list_passes();
  Diag *d = diag_create();
  bool ok = a.loop ? opt_loop(&a, d) : opt_graph(&a, d);
  build_print(d, a.build.model.json_diagnostics);
  diag_destroy(d);
  options_free(&a.build);
  return ok ? EXIT_DONE : EXIT_DIAGNOSTICS;
}
