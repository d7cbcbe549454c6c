// nncc run: a model on arrays or pictures.
#include "driver/build.h"
#include "driver/collect.h"
#include "driver/commands.h"
#include "driver/feed.h"
#include "driver/maps.h"
#include "driver/preprocess.h"
#include "driver/range.h"
#include "driver/raw.h"
#include "driver/results.h"
#include "driver/timing.h"
#include <string.h>
#include <unistd.h>

enum { KEY_INPUT = 0x200, KEY_OUTPUT, KEY_THREADS, KEY_JSON, KEY_MAPS, KEY_RAW };

typedef struct Arguments {
  BuildOptions build;
  const char *path, *output;
  const char *maps, *drawing; // --maps=NAME and where to
  Vec(const char *) inputs;
  RawFormat raw;
  int threads;
  bool json;
} Arguments;

static const struct argp_option rows[] = {
    {"input", KEY_INPUT, "WHAT", 0,
     "in.npz, NAME=array.npy, picture.png, picture.jpg or a folder of pictures; repeatable", 0},
    {"output", KEY_OUTPUT, "FILE", 0, "write the outputs to .npz, .npy or .safetensors", 0},
    {"raw", KEY_RAW, "FORMAT,WxH", 0,
     "read raw frames from stdin, as ffmpeg writes them (rgb24,640x480; also bgr24, gray, rgba, bgra), and print one "
     "line "
     "of JSON for each",
     0},
    {"maps", KEY_MAPS, "NAME", 0, "draw the feature maps of this layer, block or output into OUT.png, of the first run",
     0},
    {"threads", KEY_THREADS, "N", 0, "threads of the model (default: what this process may use)", 0},
    {"json", KEY_JSON, 0, 0, "print one JSON array", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state) {
  Arguments *a = state->input;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = &a->build; return 0;
  case KEY_INPUT: vec_push(&a->inputs, arg); return 0;
  case KEY_OUTPUT: a->output = arg; return 0;
  case KEY_JSON: a->json = true; return 0;
  case KEY_THREADS: a->threads = (int)options_int("--threads", arg, 1, 1024, state); return 0;
  case KEY_RAW:
    if (!raw_parse(arg, &a->raw))
      argp_error(state, "--raw takes rgb24, bgr24, gray, rgba or bgra and a size, such as rgb24,640x480, not `%s`",
                 arg);
    return 0;
  case KEY_MAPS: a->maps = arg; return 0;
  case ARGP_KEY_ARG:
    if (build_has_suffix(arg, ".png") && !a->drawing) return a->drawing = arg, 0;
    if (a->path) argp_error(state, "one model at a time, not also `%s`", arg);
    a->path = arg;
    return 0;
  case ARGP_KEY_END:
    if (!a->path) argp_error(state, "no model given");
    if (!a->inputs.len && !a->raw.width) argp_error(state, "no --input given");
    if (a->raw.width && !strcmp(a->path, "-")) argp_error(state, "with --raw stdin is for frames, not for the model");
    if (!a->maps != !a->drawing)
      argp_error(state,
                 a->maps ? "--maps=%s needs the name of a picture to draw, OUT.png"
                         : "%s is no model; a picture to look at is given by --input",
                 a->maps ? a->maps : a->drawing);
    if (a->raw.width && a->json) argp_error(state, "--raw prints lines of JSON, --json would be one array");
    if (a->maps && !build_has_suffix(a->path, ".so")) vec_push(&a->build.model.taps, a->maps);
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_child children[] = {{&options_build, 0, 0, 0}, {0}};
const struct argp cmd_run_argp = {
    .options = rows,
    .parser = parse,
    .args_doc = "MODEL [OUT.png]",
    .doc = "Runs a model (.nn, .onnx, .nnir or .so) on arrays or pictures.",
    .children = children,
};

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
  const char *maps, *drawing; // NULL: none is wanted any more
  Results *results;
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
  results_add(r->results, &r->session, label, timing_ms() - begin);
  const char *drawing = r->drawing;
  r->drawing = NULL;
  if (drawing && !maps_draw(&r->session, r->maps, drawing, d)) return false;
  return !r->collect->outputs || collect_add(r->collect, &r->session, d);
}

// Consumes the picture.
static bool run_image(Runner *r, const Preprocess *pre, Image *im, const char *name, Diag *d) {
  const Loaded *l = r->feed->loaded;
  int64_t shape[4], *dims = xcalloc((size_t)l->info->n_dims + 1, sizeof *dims);
  memcpy(dims, r->feed->dims, sizeof *dims * (size_t)l->info->n_dims);
  void *data = preprocess_apply(pre, im, name, shape, d);
  bool ok = data && loaded_bind(l, pre->input, name, 4, shape, dims, d);
  loaded_bind_rest(l, dims);
  r->inputs[pre->index] = data;
  const char *slash = strrchr(name, '/');
  ok = ok && run_once(r, dims, slash ? slash + 1 : name, d);
  free(data);
  free(dims);
  return ok;
}

// One bad picture does not stop the others.
static bool run_pictures(Runner *r, const Preprocess *pre, Diag *d) {
  bool ok = true;
  size_t n = r->feed->pictures.len;
  for (size_t i = 0; i < n; i++) {
    const char *path = r->feed->pictures.data[i];
    Image im;
    progress(i, n, path);
    ok = image_read(path, &im, d) && run_image(r, pre, &im, path, d) && ok;
  }
  progress(n, n, "");
  return ok;
}

static bool run_frames(Runner *r, const Preprocess *pre, const RawFormat *raw, Diag *d) {
  Image im;
  int before = diag_errors(d);
  for (int64_t i = 0; raw_read(raw, stdin, &im, d); i++) {
    if (!run_image(r, pre, &im, "frame", d)) return false;
    if (!results_line(r->results, i, stdout)) return diag_error_file(d, "stdout", "cannot be written"), false;
  }
  return diag_errors(d) == before;
}

static bool run_all(const Arguments *a, Feed *f, Results *results, Collect *c, Diag *d) {
  const nncc_model_info *info = f->loaded->info;
  const void **inputs = xcalloc((size_t)info->n_inputs + 1, sizeof *inputs);
  Runner r = {.feed = f, .maps = a->maps, .drawing = a->drawing, .results = results, .collect = c, .inputs = inputs};
  for (int i = 0; i < info->n_inputs; i++) r.inputs[i] = f->arrays[i] ? f->arrays[i]->data : NULL;
  Preprocess pre = {.index = -1};
  bool looks = f->pictures.len || a->raw.width, ok = !looks || preprocess_init(&pre, f->loaded, d);
  int missing = feed_missing(f, pre.index);
  if (ok && missing >= 0) {
    diag_error_file(d, info->name, "no --input gives `%s`", info->inputs[missing].name);
    ok = false;
  }
  if (ok && !looks) {
    range_check(f, d);
    loaded_bind_rest(f->loaded, f->dims);
    ok = run_once(&r, f->dims, info->n_inputs ? info->inputs[0].name : info->name, d);
  }
  if (ok && f->pictures.len) ok = run_pictures(&r, &pre, d);
  if (ok && a->raw.width) ok = run_frames(&r, &pre, &a->raw, d);
  session_close(&r.session);
  free(r.inputs);
  return ok;
}

static bool run(const Arguments *a, Diag *d) {
  Loaded l;
  if (!loaded_open(&l, a->path, &a->build, d)) return false;
  nncc_options options = NNCC_OPTIONS_INIT;
  options.threads = a->threads;
  if (build_has_suffix(a->path, ".so")) options.weights_path = a->build.model.weights; // packed, by --emit=weights
  Feed f = {0};
  Collect c = {0};
  Results r = {0};
  bool ok = loaded_start(&l, &options, d) && feed_open(&f, &l, a->inputs.data, a->inputs.len, d);
  if (ok) {
    if (a->output) collect_open(&c, &l);
    results_open(&r, &l, a->json || a->raw.width);
    ok = run_all(a, &f, &r, &c, d);
    if (!a->raw.width) results_print(&r, stdout);
    results_close(&r);
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
  options_parse(&cmd_run_argp, argc, argv, &a);
  Diag *d = diag_create();
  bool ok = run(&a, d);
  fflush(stdout);
  build_print(d, a.build.model.json_diagnostics);
  diag_destroy(d);
  vec_free(&a.inputs);
  options_free(&a.build);
  return ok ? EXIT_DONE : EXIT_DIAGNOSTICS;
}
