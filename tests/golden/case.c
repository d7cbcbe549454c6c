#include "tests/golden/case.h"
#include "ir/ref/ref.h"
#include <math.h>
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

static bool option(Case *c, const char *word) {
  if (!strncmp(word, "-Rpass=", 7)) c->options.remarks = word + 7;
  else if (!strncmp(word, "-Rpass-missed=", 14)) c->options.missed = word + 14;
  else if (!strcmp(word, "--keep-all")) c->options.keep_all = true;
  else return false;
  return true;
}

static bool read_run_line(Case *c, StrBuf *why) {
  const char *line = strstr(c->text, "# RUN:");
  if (!line) return strbuf_puts(why, "no `# RUN:` line"), false;
  c->run = strndup(line + 6, strcspn(line + 6, "\n"));
  char *save;
  for (char *word = strtok_r(c->run, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
    if (option(c, word)) continue;
    if (*word == '-' || c->pipeline) return strbuf_printf(why, "`%s` in the RUN line", word), false;
    c->pipeline = word;
  }
  if (!c->pipeline) return strbuf_puts(why, "the RUN line names no pass"), false;
  char *first = strndup(c->pipeline, strcspn(c->pipeline, ","));
  c->first = passes_find(first);
  free(first);
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
  if (c->first->level == PASS_LOOP) s->program = loop_read(s->diag, name, c->text, c->input_size);
  else s->module = graph_read(s->diag, name, c->text, c->input_size, ".", NULL, NULL);
  if (!s->module && !s->program) diag_print(s->diag, why, false);
  return s->module || s->program;
}

static void unload(State *s) {
  loop_program_destroy(s->program);
  if (s->module) module_destroy(s->module);
  diag_destroy(s->diag);
}

static bool transform(const Case *c, State *s) {
  PassContext pc;
  bool ok = passes_init(&pc, s->module, s->program, s->diag, &c->options) && passes_run(&pc, c->pipeline);
  s->program = pc.program;
  passes_free(&pc);
  return ok;
}

bool case_run(const Case *c, StrBuf *out, StrBuf *why) {
  State s;
  bool ok = load(c, &s, why);
  bool done = ok && transform(c, &s);
  if (done && s.program) loop_print(s.program, out);
  else if (done) graph_print(s.module, out, &(PrintOptions){0});
  if (ok) diag_print(s.diag, out, false);
  unload(&s);
  return ok;
}

// ---- results

enum { NOMINAL = 3, MOST_VALUES = 16 };

typedef struct Tensors {
  RefTensor data[MOST_VALUES];
  size_t n;
} Tensors;

static void free_tensors(Tensors *t) {
  for (size_t i = 0; i < t->n; i++) ref_tensor_free(&t->data[i]);
}

// Values of both signs that differ from each other, the same for both modules.
static double sample(DType t, size_t input, int64_t k) {
  double v = sin((double)(k + 1) * 1.7 + (double)input * 0.3) * 2;
  return dtype_is_float(t) ? v : floor(fabs(v) * 60);
}

static bool evaluate(State *s, Tensors *out) {
  int64_t symbols[MAX_SYMBOLS];
  for (int i = 0; i < MAX_SYMBOLS; i++) symbols[i] = NOMINAL;
  Tensors in = {.n = s->module->inputs.len};
  bool ok = in.n <= MOST_VALUES && s->module->outputs.len <= MOST_VALUES;
  for (size_t i = 0; ok && i < in.n; i++) {
    RefTensor *t = &in.data[i];
    ok = ref_tensor_create(t, s->module, s->module->inputs.data[i]->type, symbols);
    for (int64_t k = 0; ok && k < t->count; k++) {
      double v = sample(t->type->dtype, i, k);
      if (t->f) t->f[k] = v;
      else t->i[k] = (int64_t)v;
    }
  }
  ok = ok && ref_run(s->module, symbols, in.data, out->data, NULL, NULL, s->diag);
  out->n = ok ? s->module->outputs.len : 0;
  free_tensors(&in);
  return ok;
}

static bool near(const RefTensor *a, const RefTensor *b, double tolerance, StrBuf *why) {
  double most = 0;
  for (int64_t k = 0; k < a->count; k++) most = fmax(most, fabs(ref_at(a, k)));
  if (a->count != b->count || most == 0) return strbuf_puts(why, "outputs differ in size, or are all zero"), false;
  for (int64_t k = 0; k < a->count; k++) {
    double x = ref_at(a, k), y = ref_at(b, k);
    if (fabs(x - y) <= tolerance * most) continue;
    strbuf_printf(why, "element %lld was %.9g and is %.9g, tolerance %g of %g", (long long)k, x, y, tolerance, most);
    return false;
  }
  return true;
}

static double tolerance(const Case *c) {
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
  Tensors was = {0}, is = {0};
  bool first = load(c, &before, why), loaded = load(c, &after, why) && first;
  bool ok = loaded && transform(c, &after) && evaluate(&before, &was) && evaluate(&after, &is);
  if (loaded && !ok) diag_print(before.diag, why, false), diag_print(after.diag, why, false);
  ok = ok && was.n == is.n && was.n > 0;
  for (size_t i = 0; ok && i < was.n; i++) ok = near(&was.data[i], &is.data[i], tolerance(c), why);
  free_tensors(&was);
  free_tensors(&is);
  unload(&before);
  unload(&after);
  return ok;
}
