// nncc run: a model on arrays or pictures.
#include "driver/build.h"
#include "driver/collect.h"
#include "driver/commands.h"
#include "driver/feed.h"
#include "driver/preprocess.h"
#include "driver/table.h"
#include "driver/timing.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { KEY_INPUT = 0x200, KEY_OUTPUT, KEY_THREADS, TOP = 5, ROWS_SHOWN = 32 };

typedef struct Arguments {
  BuildOptions build;
  const char *path, *output;
  Vec(const char *) inputs;
  int threads;
} Arguments;

static const struct argp_option rows[] = {
    {"input", KEY_INPUT, "WHAT", 0,
     "in.npz, NAME=array.npy, picture.png, picture.jpg or a folder of pictures; repeatable", 0},
    {"output", KEY_OUTPUT, "FILE", 0, "write the outputs to .npz, .npy or .safetensors", 0},
    {"threads", KEY_THREADS, "N", 0, "threads of the model (default: what this process may use)", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state) {
  Arguments *a = state->input;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = &a->build; return 0;
  case KEY_INPUT: vec_push(&a->inputs, arg); return 0;
  case KEY_OUTPUT: a->output = arg; return 0;
  case KEY_THREADS: a->threads = (int)options_int("--threads", arg, 1, 1024, state); return 0;
  case ARGP_KEY_ARG:
    if (a->path) argp_error(state, "one model at a time, not also `%s`", arg);
    a->path = arg;
    return 0;
  case ARGP_KEY_END:
    if (!a->path) argp_error(state, "no model given");
    if (!a->inputs.len) argp_error(state, "no --input given");
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_child children[] = {{&options_build, 0, 0, 0}, {0}};
static const struct argp argp = {
    .options = rows,
    .parser = parse,
    .args_doc = "MODEL",
    .doc = "Runs a model (.nn, .nnir or .so) on arrays or pictures.",
    .children = children,
};

// ---- what is printed

typedef struct Ranked {
  int label;
  double probability;
} Ranked;

// Softmax, unless the scores are probabilities already; then the best few.
static int best(const float *scores, int n, Ranked *out, int count) {
  double sum = 0, most = -INFINITY;
  bool distribution = true;
  for (int i = 0; i < n; i++) {
    sum += scores[i];
    most = fmax(most, scores[i]);
    distribution = distribution && scores[i] >= 0;
  }
  distribution = distribution && fabs(sum - 1) < 1e-3;
  if (!distribution) {
    sum = 0;
    for (int i = 0; i < n; i++) sum += exp(scores[i] - most);
  }
  int k = 0;
  for (; k < count && k < n; k++) {
    out[k] = (Ranked){-1, -1};
    for (int i = 0; i < n; i++) {
      double p = distribution ? scores[i] : exp(scores[i] - most) / sum;
      bool taken = false;
      for (int t = 0; t < k; t++) taken = taken || out[t].label == i;
      if (!taken && (p > out[k].probability || out[k].label < 0)) out[k] = (Ranked){i, p};
    }
  }
  return k;
}

typedef struct Printer {
  const Loaded *loaded;
  Table table;
  int output; // whose last dimension the labels name; -1: none
  char alignment[2 * TOP + 3];
  int columns; // of predictions
} Printer;

static void printer_open(Printer *p, const Loaded *l) {
  const nncc_model_info *info = l->info;
  *p = (Printer){.loaded = l, .output = -1};
  for (int i = 0; i < info->n_outputs && p->output < 0; i++) {
    const nncc_tensor_info *t = &info->outputs[i];
    if (info->n_labels && t->dtype == NNCC_F32 && t->rank && t->dims[t->rank - 1] == info->n_labels) p->output = i;
  }
  p->columns = info->n_labels < TOP ? info->n_labels : TOP;
  char *a = p->alignment;
  *a++ = 'l';
  for (int i = 0; i < p->columns; i++) *a++ = 'l', *a++ = 'r';
  *a++ = 'r';
  *a = 0;
  table_open(&p->table, p->output < 0 ? "lll" : p->alignment);
}

static void print_summary(Printer *p, const Session *s, const char *label) {
  for (int i = 0; i < p->loaded->info->n_outputs; i++) {
    const nncc_tensor_info *t = &p->loaded->info->outputs[i];
    int64_t extents[MAX_RANK], n = loaded_extents(t, s->dims, extents);
    StrBuf b = {0};
    strbuf_printf(&b, "%s[", dtype_name(loaded_dtype(t)));
    for (int k = 0; k < t->rank; k++) strbuf_printf(&b, "%s%lld", k ? ", " : "", (long long)extents[k]);
    strbuf_putc(&b, ']');
    double lo = INFINITY, hi = -INFINITY, sum = 0;
    for (int64_t k = 0; k < n; k++) {
      double v = dtype_load(loaded_dtype(t), s->outputs[i], k);
      lo = fmin(lo, v), hi = fmax(hi, v), sum += v;
    }
    table_cell(&p->table, "%s", label);
    table_cell(&p->table, "%s", t->name);
    table_cell(&p->table, "%s   min %.6g   max %.6g   mean %.6g", strbuf_str(&b), lo, hi, sum / (double)n);
    strbuf_free(&b);
  }
}

static void print_result(Printer *p, const Session *s, const char *label, double ms) {
  if (p->output < 0) return print_summary(p, s, label);
  const nncc_model_info *info = p->loaded->info;
  int64_t extents[MAX_RANK], n = loaded_extents(&info->outputs[p->output], s->dims, extents) / info->n_labels;
  for (int64_t row = 0; row < n && row < ROWS_SHOWN; row++) {
    Ranked ranked[TOP];
    int k = best((const float *)s->outputs[p->output] + row * info->n_labels, info->n_labels, ranked, p->columns);
    if (n == 1)
      table_cell(&p->table, "%s", label);
    else
      table_cell(&p->table, "%s[%lld]", label, (long long)row);
    for (int i = 0; i < k; i++) {
      table_cell(&p->table, "%s", info->labels[ranked[i].label]);
      table_cell(&p->table, "%.1f%%", 100 * ranked[i].probability);
    }
    if (row)
      table_cell(&p->table, "%s", "");
    else
      table_cell(&p->table, "%.2f ms", ms);
  }
}

static void progress(size_t i, size_t n, const char *name) {
  if (n < 2 || !isatty(2)) return;
  if (i < n)
    fprintf(stderr, "\r\033[Kpictures  %zu/%zu  %s", i, n, name);
  else
    fprintf(stderr, "\r\033[K");
}

// ---- running

typedef struct Runner {
  const Feed *feed;
  Printer *printer;
  Collect *collect;
  const void **inputs;
  Session session; // kept while the dimensions stay the same
} Runner;

static bool run_once(Runner *r, const int64_t *dims, const char *label, Diag *d) {
  const Loaded *l = r->feed->loaded;
  bool fits = r->session.dims && !memcmp(r->session.dims, dims, sizeof *dims * (size_t)l->info->n_dims);
  if (!fits) session_close(&r->session);
  if (!fits && !session_open(&r->session, l, dims, d)) return false;
  double begin = timing_ms();
  if (!session_run(&r->session, r->inputs, d)) return false;
  print_result(r->printer, &r->session, label, timing_ms() - begin);
  return !r->collect->outputs || collect_add(r->collect, &r->session, d);
}

static bool run_picture(Runner *r, const Preprocess *pre, const char *path, Diag *d) {
  const Loaded *l = r->feed->loaded;
  Image im;
  if (!image_read(path, &im, d)) return false;
  int64_t shape[4], *dims = xcalloc((size_t)l->info->n_dims + 1, sizeof *dims);
  memcpy(dims, r->feed->dims, sizeof *dims * (size_t)l->info->n_dims);
  void *data = preprocess_apply(pre, &im, path, shape, d);
  bool ok = data && loaded_bind(l, pre->input, path, 4, shape, dims, d);
  loaded_bind_rest(l, dims);
  r->inputs[pre->index] = data;
  const char *slash = strrchr(path, '/');
  ok = ok && run_once(r, dims, slash ? slash + 1 : path, d);
  free(data);
  free(dims);
  return ok;
}

static bool run_all(Feed *f, Printer *p, Collect *c, Diag *d) {
  const nncc_model_info *info = f->loaded->info;
  Runner r = {f, p, c, xcalloc((size_t)info->n_inputs + 1, sizeof(void *)), {0}};
  for (int i = 0; i < info->n_inputs; i++) r.inputs[i] = f->arrays[i] ? f->arrays[i]->data : NULL;
  Preprocess pre = {.index = -1};
  bool ok = !f->pictures.len || preprocess_init(&pre, f->loaded, d);
  int missing = feed_missing(f, pre.index);
  if (ok && missing >= 0) {
    diag_error_file(d, info->name, "no --input gives `%s`", info->inputs[missing].name);
    ok = false;
  }
  if (ok && !f->pictures.len) {
    loaded_bind_rest(f->loaded, f->dims);
    ok = run_once(&r, f->dims, info->n_inputs ? info->inputs[0].name : info->name, d);
  }
  bool all = ok;
  for (size_t i = 0; ok && i < f->pictures.len; i++) { // one bad picture does not stop the others
    progress(i, f->pictures.len, f->pictures.data[i]);
    all = run_picture(&r, &pre, f->pictures.data[i], d) && all;
  }
  progress(f->pictures.len, f->pictures.len, "");
  session_close(&r.session);
  free(r.inputs);
  return all;
}

static bool run(const Arguments *a, Diag *d) {
  Loaded l;
  if (!loaded_open(&l, a->path, &a->build, d)) return false;
  nncc_options options = NNCC_OPTIONS_INIT;
  options.threads = a->threads;
  Feed f = {0};
  Collect c = {0};
  Printer p = {0};
  bool ok = loaded_start(&l, &options, d) && feed_open(&f, &l, a->inputs.data, a->inputs.len, d);
  if (ok) {
    if (a->output) collect_open(&c, &l);
    printer_open(&p, &l);
    ok = run_all(&f, &p, &c, d);
    table_print(&p.table, 0, a->output && !strcmp(a->output, "-") ? stderr : stdout);
    table_close(&p.table);
    ok = (!a->output || !ok || collect_write(&c, a->output, d)) && ok;
    collect_close(&c);
  }
  feed_close(&f);
  loaded_close(&l);
  return ok;
}

int cmd_run(int argc, char **argv) {
  Arguments a = {0};
  options_init(&a.build);
  options_parse(&argp, argc, argv, &a);
  Diag *d = diag_create();
  bool ok = run(&a, d);
  fflush(stdout);
  build_print(d, stderr);
  diag_destroy(d);
  vec_free(&a.inputs);
  options_free(&a.build);
  return ok ? EXIT_DONE : EXIT_DIAGNOSTICS;
}
