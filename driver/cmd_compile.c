// nncc MODEL -o OUT: a model to a library, object, archive, header or one of the texts on the way.
#include "driver/build.h"
#include "driver/choose.h"
#include "driver/commands.h"
#include "driver/emit_py.h"
#include "driver/golden.h"
#include "driver/nnir.h"
#include "driver/table.h"
#include "driver/timing.h"
#include "frontend/write_onnx/write_onnx.h"
#include "ir/core/outfile.h"
#include <string.h>
#include <sys/stat.h>

// Kinds that code generation does not know.
enum { EMIT_GRAPH = 0x100, EMIT_ONNX, EMIT_LOOP, EMIT_DOT, EMIT_PY };

static const struct {
  const char *name;
  int kind;
} kinds[] = {
    {"so", OUTPUT_SHARED}, {"o", OUTPUT_OBJECT},        {"a", OUTPUT_STATIC}, {"ll", OUTPUT_LLVM}, {"s", OUTPUT_ASM},
    {"h", OUTPUT_HEADER},  {"weights", OUTPUT_WEIGHTS}, {"nnir", EMIT_GRAPH}, {"loop", EMIT_LOOP}, {"dot", EMIT_DOT},
    {"py", EMIT_PY},       {"onnx", EMIT_ONNX},
};
enum { KINDS = sizeof kinds / sizeof *kinds, KEY_EMIT = 0x200, KEY_EXTERNAL_DATA };

typedef struct Arguments {
  BuildOptions build;
  const char *path, *output;
  bool emit[KINDS];
  int n_emit;
  bool selftest; // within what is emitted
  WriteOnnxOptions onnx;
} Arguments;

static int kind_named(const char *s, size_t n) {
  for (int i = 0; i < KINDS; i++)
    if (strlen(kinds[i].name) == n && !strncmp(kinds[i].name, s, n)) return i;
  return -1;
}

static int kind_of_path(const char *path) {
  const char *dot = strrchr(path, '.');
  return dot && !strchr(dot, '/') ? kind_named(dot + 1, strlen(dot + 1)) : -1;
}

static void choose(Arguments *a, int kind) {
  a->n_emit += !a->emit[kind];
  a->emit[kind] = true;
}

static void parse_emit(Arguments *a, const char *arg, struct argp_state *state) {
  for (const char *s = arg;; s++) {
    size_t n = strcspn(s, ",");
    int kind = kind_named(s, n);
    bool selftest = n == strlen("selftest") && !strncmp(s, "selftest", n);
    if (kind < 0 && !selftest)
      argp_error(state, "--emit takes so, o, a, ll, s, h, weights, nnir, onnx, loop, dot, py, selftest, not `%.*s`",
                 (int)n, s);
    if (selftest)
      a->selftest = true;
    else
      choose(a, kind);
    s += n;
    if (!*s) return;
  }
}

static void choose_output(Arguments *a, struct argp_state *state) {
  int kind = a->output ? kind_of_path(a->output) : kind_named("so", 2);
  if (kind < 0 && !strcmp(a->output, "-")) argp_error(state, "-o - needs --emit=KIND");
  if (kind < 0)
    argp_error(state,
               "the suffix of `%s` is no kind of output: .so .o .a .ll .s .h .weights .nnir .onnx .loop .dot .py",
               a->output);
  choose(a, kind);
}

static void finish(Arguments *a, struct argp_state *state) {
  bool to_stdout = a->output && !strcmp(a->output, "-");
  if (!a->path) argp_error(state, "no model given");
  if (!a->n_emit) choose_output(a, state);
  if (a->emit[kind_named("py", 2)] && !to_stdout) choose(a, kind_named("so", 2)); // a module needs its library
}

static const struct argp_option rows[] = {
    {"output", 'o', "FILE", 0, "where to; its suffix says what (-: stdout)", 0},
    {"emit", KEY_EMIT, "KIND[,KIND]", 0,
     "so, o, a, ll, s, h, weights, nnir, onnx, loop, dot, py (a module, with its library); selftest: within the "
     "others, MODEL_selftest()",
     0},
    {"external-data", KEY_EXTERNAL_DATA, 0, 0,
     "the weights of an ONNX model in a file of their own, FILE.onnx.data; so they are above 2 GB anyway", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state) {
  Arguments *a = state->input;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = state->child_inputs[1] = &a->build; return 0;
  case 'o': a->output = arg; return 0;
  case KEY_EMIT: parse_emit(a, arg, state); return 0;
  case KEY_EXTERNAL_DATA: a->onnx.external_data = true; return 0;
  case ARGP_KEY_ARG:
    if (a->path) argp_error(state, "one model at a time, not also `%s`", arg);
    a->path = arg;
    return 0;
  case ARGP_KEY_END: finish(a, state); return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_child children[] = {
    {&options_build, 0, 0, 0}, {&options_search, 0, "Smaller networks, by search:", 2}, {0}};
// The list of commands stands before the exit statuses.
static char *help(int key, const char *text, void *input) {
  (void)input;
  if (key != ARGP_KEY_HELP_POST_DOC) return (char *)text;
  StrBuf b = {0};
  commands_list(&b);
  strbuf_puts(&b, text);
  return b.s;
}

const struct argp cmd_compile_argp = {
    .options = rows,
    .parser = parse,
    .args_doc = "MODEL",
    .doc = "Compiles a model (.nn, .onnx or .nnir) to native code.\v"
           "Exit status: 0 done, 1 mistakes in the input, 2 wrong usage, 70 a bug of nncc, 71 out of memory.",
    .children = children,
    .help_filter = help,
};

// ---- outputs

// out.so for out.o and "so", libout.so for a Python module: Python would take out.so for the module. The output as it
// was given where it is the only one.
static char *path_for(const Arguments *a, int kind) {
  bool to_stdout = a->output && !strcmp(a->output, "-");
  if (a->output && a->n_emit == 1 && a->emit[kind]) return xstrdup(a->output);
  char *stem = a->output && !to_stdout ? xstrdup(a->output) : build_stem(a->path);
  if (a->output && kind_of_path(a->output) >= 0) *strrchr(stem, '.') = 0;
  char *slash = strrchr(stem, '/'), *name = slash ? slash + 1 : stem;
  bool imported = a->emit[kind_named("py", 2)] && kinds[kind].kind == OUTPUT_SHARED;
  char *path = xprintf("%.*s%s%s.%s", (int)(name - stem), stem, imported ? "lib" : "", name, kinds[kind].name);
  free(stem);
  return path;
}

static bool emit_text(Build *b, int kind, const char *path) {
  if (kind == EMIT_GRAPH) return nnir_write(b->module, b->path, !b->options->model.weights, path, b->diag);
  if (kind == EMIT_LOOP && !b->program) return build_emit(b, OUTPUT_LLVM, path); // says why there is none
  StrBuf s = {0};
  if (kind == EMIT_DOT)
    graph_dot(b->module, &s);
  else
    loop_print(b->program, &s);
  bool ok = outfile_write(path, strbuf_str(&s), s.len, b->diag);
  strbuf_free(&s);
  return ok;
}

// The module of a library that stands, or will, beside it.
static bool emit_module(Build *b, const Arguments *a, const char *path) {
  char *library = path_for(a, kind_named("so", 2)), *slash = strrchr(library, '/');
  bool ok = b->program ? emit_py(b->program, path, slash ? slash + 1 : library, b->diag)
                       : build_emit(b, OUTPUT_LLVM, path); // says why there is none
  free(library);
  return ok;
}

static bool emit(Build *b, const Arguments *a, int kind, const char *path) {
  if (kind == EMIT_PY) return emit_module(b, a, path);
  if (kind == EMIT_ONNX) return write_onnx(b->module, path, &a->onnx, b->diag);
  return kind >= EMIT_GRAPH ? emit_text(b, kind, path) : build_emit(b, (OutputKind)kind, path);
}

static char *header_beside(const char *path) {
  char *stem = xstrdup(path);
  if (kind_of_path(path) >= 0) *strrchr(stem, '.') = 0;
  char *header = xprintf("%s.h", stem);
  free(stem);
  return header;
}

static bool is_library(int kind) { return kind == OUTPUT_SHARED || kind == OUTPUT_OBJECT || kind == OUTPUT_STATIC; }

typedef Vec(char *) Paths;

static bool emit_all(Build *b, const Arguments *a, Paths *written) {
  bool ok = true;
  for (int k = 0; ok && k < KINDS; k++) {
    if (!a->emit[k]) continue;
    char *path = path_for(a, k);
    ok = emit(b, a, kinds[k].kind, path);
    vec_push(written, path);
    bool alone = a->emit[kind_named("h", 1)] || a->emit[kind_named("py", 2)] || !strcmp(path, "-");
    if (!ok || !is_library(kinds[k].kind) || alone) continue;
    char *header = header_beside(path);
    ok = emit(b, a, OUTPUT_HEADER, header);
    vec_push(written, header);
  }
  return ok;
}

// ---- -v

static int64_t least(const LProgram *p, Dim d) { // where every dimension is at its minimum
  int64_t values[MAX_SYMBOLS];
  dim_least(p->dims, values);
  return dim_eval(p->dims, d, values);
}

// "6 programs (x86-64-v4, native; 2 sizes)": which there are, where there are several.
static void report_programs(const Build *b) {
  if (b->programs.len < 2) return;
  fprintf(stderr, "%s    %zu programs (", b->path, b->programs.len);
  for (size_t i = 0; i < b->programs.len; i += b->sizes.len + 1)
    fprintf(stderr, "%s%s", i ? ", " : "", b->programs.data[i].cpu);
  fprintf(stderr, "; for all sizes and %zu), %d distinct kernels in all\n", b->sizes.len, b->stats.kernels);
}

static void report(const Build *b, const Paths *written) {
  char weights[32], arena[32], bound[32], size[32];
  const LProgram *p = b->program;
  if (p) {
    table_bytes((double)p->weight_bytes, weights);
    table_bytes((double)least(p, p->arena_bytes), arena);
    table_bytes((double)least(p, p->arena_bound), bound);
    fprintf(stderr, "%s    %d ops -> %zu kernels (%zu distinct)   %s weights   arena %s (lower bound %s)   %.2f s\n",
            b->path, b->n_ops, p->phases.len, p->kernels.len, weights, arena, bound, (timing_ms() - b->begin_ms) / 1e3);
  }
  report_programs(b);
  for (size_t i = 0; i < written->len; i++) { // a header stands behind what it belongs to
    struct stat st;
    const char *path = written->data[i];
    if (stat(path, &st)) continue;
    bool header_next =
        i + 1 < written->len && !build_has_suffix(path, ".h") && build_has_suffix(written->data[i + 1], ".h");
    fprintf(stderr, "%s    %s", path, table_bytes((double)st.st_size, size));
    if (header_next) fprintf(stderr, "    %s", written->data[++i]);
    fputc('\n', stderr);
  }
}

// With --max-error: what is to be compiled.
static bool search(Arguments *a, Decisions **chosen, Diag *d) {
  if (!(a->build.max_error > 0)) return true;
  *chosen = choose_decisions(a->path, &a->build, d);
  a->build.decided = *chosen;
  return *chosen;
}

int cmd_compile(int argc, char **argv) {
  Arguments a = {0};
  options_init(&a.build);
  options_parse(&cmd_compile_argp, argc, argv, &a);
  Diag *d = diag_create();
  Build b = {.options = &a.build};
  Paths written = {0};
  Decisions *chosen = NULL;
  bool ok = search(&a, &chosen, d) && build_open(&b, a.path, &a.build, d);
  if (ok && a.selftest) ok = (a.build.codegen.golden = golden_compute(b.module, d));
  ok = ok && build_lower(&b) && emit_all(&b, &a, &written);
  build_report(&b, stderr);
  if (ok && a.build.verbose) report(&b, &written);
  build_print(d, a.build.model.json_diagnostics);
  build_close(&b);
  decisions_destroy(chosen);
  diag_destroy(d);
  for (size_t i = 0; i < written.len; i++) free(written.data[i]);
  vec_free(&written);
  options_free(&a.build);
  return ok ? EXIT_DONE : EXIT_DIAGNOSTICS;
}
