#include "driver/evaluate.h"
#include "driver/pairs.h"
#include "driver/runner.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CLASSES = 1 << 15 }; // their confusion must fit into memory

typedef struct Scored { // what is kept of a sample
  int64_t top[EVALUATE_TOP], reference;
  double error;
} Scored;

typedef struct Evaluate {
  const EvaluateOptions *o;
  Evaluation *out;
  Diag *diag;
  Loaded model, reference; // reference.info NULL: none
  int outputs[2];          // which of theirs has the scores
  Samples samples;
  EvaluatedSet *set; // that is under way
  Scored scored[RUNNER_ROUND];
} Evaluate;

// ---- models

// The output that has the scores: of floats, whose last dimension is the number of labels, or the only one of one row.
static int scores_output(const nncc_model_info *info, int64_t *classes) {
  int found = -1, fitting = 0;
  for (int i = 0; i < info->n_outputs; i++) {
    const nncc_tensor_info *t = &info->outputs[i];
    int64_t last = t->rank ? t->dims[t->rank - 1] : 0;
    bool suits =
        t->dtype == NNCC_F32 && last > 1 && last <= MOST_CLASSES && (!info->n_labels || last == info->n_labels);
    if (suits && found < 0) found = i, *classes = last;
    fitting += suits;
  }
  return info->n_labels || fitting == 1 ? found : -1;
}

static bool start(Evaluate *e, Loaded *l, int which, int64_t *classes) {
  if (!runner_start(l, e->diag)) return false;
  e->outputs[which] = scores_output(l->info, classes);
  if (e->outputs[which] >= 0) return true;
  diag_error_file(
      e->diag, l->info->name,
      "eval needs an output of f32 scores, one for each class: the only one, or as long as there are labels");
  return false;
}

static bool open_models(Evaluate *e, const char *path) {
  const EvaluateOptions *o = e->o;
  BuildOptions plain = *o->build;
  options_plain(&plain);
  plain.passes.remarks = plain.passes.missed = NULL;
  const char *reference = o->reference ? o->reference : options_lossy(o->build) ? path : NULL;
  int64_t classes = 0, others = 0;
  if (!loaded_open(&e->model, path, o->build, e->diag) || !start(e, &e->model, 0, &classes)) return false;
  e->out->classes = classes;
  e->out->compared = reference;
  if (!reference) return true;
  if (!loaded_open(&e->reference, reference, &plain, e->diag) || !start(e, &e->reference, 1, &others)) return false;
  if (others == classes) return true;
  diag_error_file(e->diag, reference, "it has %lld classes, `%s` has %lld", (long long)others, path,
                  (long long)classes);
  return false;
}

// ---- scores

static double comparable(float v) { return isnan(v) ? -INFINITY : (double)v; }

// The classes of the greatest scores, of equal ones the first; -1 where there are not so many.
static void find_top(const float *scores, int64_t n, int64_t top[EVALUATE_TOP]) {
  for (int k = 0; k < EVALUATE_TOP; k++) top[k] = -1;
  for (int64_t i = 0; i < n; i++) {
    int k = EVALUATE_TOP;
    while (k && (top[k - 1] < 0 || comparable(scores[i]) > comparable(scores[top[k - 1]]))) k--;
    if (k == EVALUATE_TOP) continue;
    memmove(&top[k + 1], &top[k], sizeof *top * (size_t)(EVALUATE_TOP - 1 - k));
    top[k] = i;
  }
}

double evaluate_error(const float *x, const float *reference, int64_t n) {
  double errors = 0, squares = 0;
  for (int64_t i = 0; i < n; i++) {
    double e = (double)x[i] - reference[i];
    errors += e * e, squares += (double)reference[i] * reference[i];
  }
  return errors > 0 ? sqrt(errors / squares) : 0;
}

static void score_sample(void *user, size_t sample, int slot, int worker, const Session *sessions) {
  Evaluate *e = user;
  Scored *s = &e->scored[slot];
  const float *scores = sessions[0].outputs[e->outputs[0]];
  (void)sample, (void)worker;
  *s = (Scored){.reference = -1};
  find_top(scores, e->out->classes, s->top);
  if (!e->out->compared) return;
  const float *expected = sessions[1].outputs[e->outputs[1]];
  int64_t top[EVALUATE_TOP];
  find_top(expected, e->out->classes, top);
  s->reference = top[0];
  s->error = evaluate_error(scores, expected, e->out->classes);
}

static void add_round(void *user, size_t first, size_t n) {
  Evaluate *e = user;
  for (size_t i = 0; i < n; i++) {
    const Scored *s = &e->scored[i];
    int64_t label = e->samples.list.data[first + i].label;
    e->set->agree += s->top[0] == s->reference;
    e->set->error += s->error;
    if (!e->out->labelled) continue;
    e->set->top1 += s->top[0] == label;
    for (int k = 0; k < EVALUATE_TOP; k++) e->set->top5 += s->top[k] == label;
    if (e->set == e->out->sets.data) e->out->confusion[label * e->out->classes + s->top[0]]++;
  }
}

static bool run_set(Evaluate *e, const Perturbation *p) {
  StrBuf name = {0};
  if (p)
    perturb_print(p, &name);
  else
    strbuf_puts(&name, "clean");
  vec_push(&e->out->sets, (EvaluatedSet){.name = arena_strdup(e->out->arena, strbuf_str(&name))});
  strbuf_free(&name);
  e->set = &vec_last(&e->out->sets);
  Loaded *models[] = {&e->model, &e->reference};
  Runner r = {.samples = &e->samples,
              .models = models,
              .n_models = 1 + e->out->compared,
              .threads = runner_threads(e->o->threads),
              .perturbation = p,
              .seed = e->o->seed,
              .what = e->set->name,
              .each = score_sample,
              .round = add_round,
              .user = e};
  bool ok = runner_run(&r, e->diag);
  e->set->error /= (double)e->out->samples;
  return ok;
}

// ---- layers

typedef struct LayerSums { // of a sample, then of all
  double signal, noise;
} LayerSums;

typedef struct Layering {
  const Pairs *pairs;
  LayerSums *sums;  // one a pair
  LayerSums *slots; // RUNNER_ROUND times as many
} Layering;

static void measure_sample(void *user, size_t sample, int slot, int worker, const Session *sessions) {
  Layering *l = user;
  (void)sample, (void)worker;
  for (size_t k = 0; k < l->pairs->list.len; k++) {
    const Pair *p = &l->pairs->list.data[k];
    const nncc_tensor_info *t = &sessions[0].loaded->info->outputs[p->outputs[0]];
    int64_t extents[MAX_RANK], n = loaded_extents(t, sessions[0].dims, extents);
    const float *x = sessions[0].outputs[p->outputs[0]], *y = sessions[1].outputs[p->outputs[1]];
    LayerSums sums = {0};
    for (int64_t i = 0; i < n; i++) {
      double e = (double)y[i] - x[i];
      sums.signal += (double)x[i] * x[i], sums.noise += e * e;
    }
    l->slots[(size_t)slot * l->pairs->list.len + k] = sums;
  }
}

static void add_sums(void *user, size_t first, size_t n) {
  Layering *l = user;
  size_t pairs = l->pairs->list.len;
  (void)first;
  for (size_t i = 0; i < n * pairs; i++) {
    l->sums[i % pairs].signal += l->slots[i].signal;
    l->sums[i % pairs].noise += l->slots[i].noise;
  }
}

static bool run_layers(Evaluate *e, const char *path) {
  Pairs pairs;
  bool ok = pairs_open(&pairs, path, e->o->build, e->diag);
  Layering l = {.pairs = &pairs};
  l.sums = xcalloc(pairs.list.len + 1, sizeof *l.sums);
  l.slots = xcalloc(pairs.list.len * RUNNER_ROUND + 1, sizeof *l.slots);
  Loaded *models[] = {&pairs.models[0], &pairs.models[1]};
  Runner r = {.samples = &e->samples,
              .models = models,
              .n_models = 2,
              .threads = runner_threads(e->o->threads),
              .what = "layers",
              .each = measure_sample,
              .round = add_sums,
              .user = &l};
  ok = ok && runner_start(&pairs.models[0], e->diag) && runner_start(&pairs.models[1], e->diag) &&
       runner_run(&r, e->diag);
  for (size_t k = 0; ok && k < pairs.list.len; k++) {
    const Pair *p = &pairs.list.data[k];
    vec_push(&e->out->layers, (EvaluatedLayer){arena_strdup(e->out->arena, p->name), p->op,
                                               10 * log10(l.sums[k].signal / l.sums[k].noise)});
  }
  free(l.sums), free(l.slots);
  pairs_close(&pairs);
  return ok;
}

// ---- all

static void keep_names(Evaluation *e, const nncc_model_info *info) {
  if (info->n_labels != e->classes) return;
  const char **names = arena_alloc(e->arena, sizeof *names * (size_t)e->classes);
  for (int64_t i = 0; i < e->classes; i++) names[i] = arena_strdup(e->arena, info->labels[i]);
  e->names = names;
}

static bool open_samples(Evaluate *e) {
  Evaluation *out = e->out;
  keep_names(out, e->model.info);
  SampleClasses classes = {out->names, out->classes};
  if (!samples_open(&e->samples, e->o->data, e->o->labels, &classes, e->diag)) return false;
  if (e->o->limit) samples_limit(&e->samples, (size_t)e->o->limit);
  if (e->o->repeat) samples_repeat(&e->samples, (size_t)e->o->repeat);
  out->samples = (int64_t)e->samples.list.len;
  out->labelled = e->samples.labelled;
  if (out->labelled) out->confusion = xcalloc((size_t)(out->classes * out->classes), sizeof *out->confusion);
  if (e->o->n_perturbations && !samples_are_pictures(&e->samples)) {
    diag_error_file(e->diag, e->o->data, "only pictures can be perturbed, not arrays of floats");
    return false;
  }
  if (out->labelled || out->compared) return true;
  diag_error_file(
      e->diag, e->o->data,
      "nothing says how good the answers are: give --labels=FILE, a folder for each class, or --reference=MODEL");
  return false;
}

bool evaluate_model(const char *path, const EvaluateOptions *o, Evaluation *out, Diag *d) {
  *out = (Evaluation){.arena = arena_create()};
  Evaluate e = {.o = o, .out = out, .diag = d};
  bool ok = open_models(&e, path) && open_samples(&e) && run_set(&e, NULL);
  for (size_t i = 0; ok && i < o->n_perturbations; i++) ok = run_set(&e, &o->perturbations[i]);
  ok = ok && (!o->layers || run_layers(&e, path));
  samples_close(&e.samples);
  loaded_close(&e.model);
  loaded_close(&e.reference);
  return ok;
}

void evaluate_free(Evaluation *e) {
  vec_free(&e->sets);
  vec_free(&e->layers);
  free(e->confusion);
  arena_destroy(e->arena);
}
