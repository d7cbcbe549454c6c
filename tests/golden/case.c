#include "tests/golden/case.h"
#include "tests/golden/evaluate.h"
#include "tests/golden/observe.h"
#include "tests/onnx/through.h"
#include <stdio.h>
#include <string.h>

static const char MARK[] = "# EXPECT:\n";

// ---- files

static char *read_file(const char *path) {
  FILE *f = fopen(path, "rb");
  if (!f) return NULL;
  StrBuf b = {0};
  char part[4096];
  for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;) strbuf_write(&b, part, n);
  fclose(f);
  return b.s ? b.s : calloc(1, 1);
}

// "conv=spatial:0.1,int8"
static bool decide(Case *c, char *word, StrBuf *why) {
  char *choice = strchr(word, '=');
  if (!choice) return false;
  *choice++ = 0;
  if (!c->decisions) c->decisions = decisions_create();
  c->options.decisions = c->decisions;
  return decisions_add(c->decisions, word, choice, why);
}

static bool option(Case *c, char *word, StrBuf *why) {
  if (!strncmp(word, "--decide=", 9)) return decide(c, word + 9, why);
  if (!strncmp(word, "--factorize=", 12)) return compress_read_factorization(word + 12, &c->options.factorize, why);
  if (!strncmp(word, "--prune=", 8)) return compress_read_pruning(word + 8, &c->options.prune, why);
  if (!strncmp(word, "--quantize=", 11)) return compress_read_quantization(word + 11, &c->options.quantize, why);
  if (!strncmp(word, "--precision=", 12)) return compress_read_precision(word + 12, &c->options.precision, why);
  if (!strncmp(word, "--samples=", 10))
    c->samples = (size_t)atoi(word + 10);
  else if (!strncmp(word, "--ranges=", 9))
    c->ranges = word + 9;
  else if (!strncmp(word, "--exclude=", 10))
    c->options.exclude = word + 10;
  else if (!strncmp(word, "--within=", 9))
    c->within = atof(word + 9);
  else if (!strncmp(word, "-Rpass=", 7))
    c->options.remarks = word + 7;
  else if (!strncmp(word, "-Rpass-missed=", 14))
    c->options.missed = word + 14;
  else if (!strcmp(word, "--keep-all"))
    c->options.keep_all = true;
  else
    return false;
  return true;
}

static bool read_run_line(Case *c, StrBuf *why) {
  const char *line = strstr(c->text, "# RUN:");
  if (!line) return strbuf_puts(why, "no `# RUN:` line"), false;
  c->run = strndup(line + 6, strcspn(line + 6, "\n"));
  char *save;
  for (char *word = strtok_r(c->run, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
    if (option(c, word, why)) continue;
    if (*word == '-' || c->pipeline) return strbuf_printf(why, "`%s` in the RUN line", word), false;
    c->pipeline = word;
  }
  if (!c->pipeline) return strbuf_puts(why, "the RUN line names no pass"), false;
  char *first = strndup(c->pipeline, strcspn(c->pipeline, ","));
  c->first = passes_find(first);
  free(first);
  passes_ask(&c->options);
  return c->first ? true : (strbuf_puts(why, "the RUN line names an unknown pass"), false);
}

bool case_read(Case *c, const char *path, const char *disable, StrBuf *why) {
  *c = (Case){.path = strdup(path), .text = read_file(path), .options = passes_options()};
  if (!c->text) return strbuf_puts(why, "cannot read the file"), false;
  c->options.verify_each = true;
  c->options.disable = disable;
  const char *mark = strstr(c->text, MARK);
  c->input_size = mark ? (size_t)(mark - c->text) : strlen(c->text);
  c->expected = mark ? mark + sizeof MARK - 1 : NULL;
  return read_run_line(c, why);
}

void case_free(Case *c) {
  decisions_destroy(c->decisions);
  free(c->text);
  free(c->path);
  free(c->run);
}

bool case_bless(const Case *c, const char *output) {
  FILE *f = fopen(c->path, "wb");
  if (!f) return false;
  fprintf(f, "%.*s%s%s%s", (int)c->input_size, c->text, c->text[c->input_size - 1] == '\n' ? "" : "\n", MARK, output);
  return fclose(f) == 0;
}

// ---- running

typedef struct State {
  Diag *diag;
  Module *module;
  LProgram *program;
} State;

static const char *base_name(const char *path) { return strrchr(path, '/') ? strrchr(path, '/') + 1 : path; }

static bool load(const Case *c, State *s, StrBuf *why) {
  *s = (State){.diag = diag_create()};
  const char *name = base_name(c->path);
  if (c->first->level == PASS_LOOP)
    s->program = loop_read(s->diag, name, c->text, c->input_size);
  else
    s->module = graph_read(s->diag, name, c->text, c->input_size, ".", NULL, NULL);
  if (!s->module && !s->program) diag_print(s->diag, why, false);
  return s->module || s->program;
}

static void unload(State *s) {
  loop_program_destroy(s->program);
  if (s->module) module_destroy(s->module);
  diag_destroy(s->diag);
}

enum { NOMINAL = 3 };

// Of the values as they are read.
static Calibration *calibration_of(const Case *c, Module *m) {
  int64_t symbols[MAX_SYMBOLS];
  for (int i = 0; i < MAX_SYMBOLS; i++) symbols[i] = NOMINAL;
  if (c->samples) return observe_made_up(m, symbols, c->samples);
  double low, high, mean;
  if (!c->ranges || sscanf(c->ranges, "%lf:%lf:%lf", &low, &high, &mean) != 3) return NULL;
  Calibration *all = calibration_create();
  const char **names = calibration_names(m, all->arena);
  for (uint32_t i = 0; i < m->n_values; i++) {
    enum { CHANNELS = 8 };
    double means[CHANNELS];
    CalibrationValue v = {.name = names[i], .means = means, .channels = CHANNELS};
    for (int k = 0; k < CHANNELS; k++) means[k] = mean;
    for (int k = 0; k < OBSERVERS; k++) v.ranges[k] = (ObservedRange){low, high};
    if (v.name) calibration_add(all, &v);
  }
  free(names);
  return all;
}

static bool transform(const Case *c, State *s) {
  PassContext pc;
  bool ok = passes_init(&pc, s->module, s->program, s->diag, &c->options);
  Calibration *calibration = s->module ? calibration_of(c, s->module) : NULL;
  pc.calibration = calibration;
  ok = ok && passes_run(&pc, c->pipeline);
  calibration_destroy(calibration);
  s->program = pc.program;
  passes_free(&pc);
  return ok;
}

bool case_run(const Case *c, StrBuf *out, StrBuf *why) {
  State s;
  bool ok = load(c, &s, why);
  bool done = ok && transform(c, &s);
  if (done && s.program)
    loop_print(s.program, out);
  else if (done)
    graph_print(s.module, out, &(PrintOptions){0});
  if (ok) diag_print(s.diag, out, false);
  unload(&s);
  return ok;
}

// ---- results

#define WITHIN_ONNX 1e-5 // whose attributes are floats

static double tolerance(const Case *c) {
  if (c->within > 0) return c->within;
  int n;
  double sum = 0;
  const PassInfo *table = passes_table(&n);
  for (int i = 0; i < n; i++)
    if (strstr(c->pipeline, table[i].name)) sum += table[i].tolerance;
  return sum;
}

bool case_same_results(const Case *c, StrBuf *why) {
  if (c->first->level == PASS_LOOP) return true;
  State before, after;
  bool first = load(c, &before, why), loaded = load(c, &after, why) && first;
  bool ok = loaded && transform(c, &after);
  if (loaded && !ok) diag_print(after.diag, why, false);
  ok = ok && evaluate_same(before.module, after.module, NOMINAL, tolerance(c), false, why);
  unload(&before);
  unload(&after);
  return ok;
}

bool case_same_as_onnx(const Case *c, StrBuf *why) {
  if (c->first->level == PASS_LOOP) return true;
  State s;
  bool loaded = load(c, &s, why), ok = loaded && transform(c, &s);
  Module *read = ok ? through_onnx(s.module, s.diag) : NULL;
  if (loaded && !read) diag_print(s.diag, why, false);
  ok = read && evaluate_same(s.module, read, NOMINAL, WITHIN_ONNX, false, why);
  module_destroy(read);
  unload(&s);
  return ok;
}
