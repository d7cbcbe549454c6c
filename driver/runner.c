#include "driver/runner.h"
#include "driver/preprocess.h"
#include "ir/core/check.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Worker { // one thread's
  const struct Work *work;
  int index;
  Session *sessions; // one a model, kept while its dimensions stay the same
  Diag *diag;
  bool started;
  pthread_t thread;
} Worker;

typedef struct Work {
  const Runner *r;
  Preprocess *preprocess; // one a model
  size_t first, n;        // of this round
  atomic_size_t next;
  bool failed[RUNNER_ROUND]; // of its samples
} Work;

int runner_threads(int asked) {
  cpu_set_t set;
  int n = !asked && !sched_getaffinity(0, sizeof set, &set) ? CPU_COUNT(&set) : asked;
  return n < 1 ? 1 : n;
}

bool runner_start(Loaded *l, Diag *d) {
  nncc_options options = NNCC_OPTIONS_INIT;
  options.threads = 1;
  if (l->info->n_inputs != 1) {
    diag_error_file(d, l->info->name, "it has %d inputs; samples are of one", l->info->n_inputs);
    return false;
  }
  return loaded_start(l, &options, d);
}

// ---- a sample

static bool run_on(const Loaded *l, Session *s, int input, const void *data, const char *name, int rank,
                   const int64_t *shape, Diag *d) {
  const nncc_model_info *info = l->info;
  int64_t *dims = xcalloc((size_t)info->n_dims + 1, sizeof *dims);
  bool ok = loaded_bind(l, &info->inputs[input], name, rank, shape, dims, d);
  if (ok) loaded_bind_rest(l, dims);
  bool fits = s->dims && !memcmp(s->dims, dims, sizeof *dims * (size_t)info->n_dims);
  if (ok && !fits) session_close(s);
  ok = ok && (fits || session_open(s, l, dims, d)) && session_run(s, (const void *const[]){data}, d);
  free(dims);
  return ok;
}

static bool run_picture(const Work *w, size_t i, Session *sessions, const char *name, Diag *d) {
  const Runner *r = w->r;
  Image im;
  if (!samples_picture(r->samples, i, &im, d)) return false;
  if (r->perturbation) perturb_apply(r->perturbation, r->seed, i, &im);
  bool ok = true;
  size_t bytes = (size_t)im.width * (size_t)im.height * (size_t)im.channels;
  for (int k = 0; ok && k < r->n_models; k++) {
    Image copy = im;
    copy.pixels = memcpy(xmalloc(bytes), im.pixels, bytes);
    int64_t shape[4];
    void *data = preprocess_apply(&w->preprocess[k], &copy, name, shape, d);
    ok = data && run_on(r->models[k], &sessions[k], w->preprocess[k].index, data, name, 4, shape, d);
    free(data);
  }
  image_free(&im);
  return ok;
}

static bool run_row(const Work *w, size_t i, Session *sessions, const char *name, Diag *d) {
  const Runner *r = w->r;
  int64_t shape[MAX_RANK] = {1};
  for (int k = 1; k < r->samples->rank; k++) shape[k] = r->samples->dims[k];
  bool ok = true;
  for (int k = 0; ok && k < r->n_models; k++)
    ok = run_on(r->models[k], &sessions[k], 0, samples_row(r->samples, i), name, r->samples->rank, shape, d);
  return ok;
}

static bool run_sample(const Work *w, size_t i, Session *sessions, Diag *d) {
  StrBuf name = {0};
  samples_name(w->r->samples, i, &name);
  bool ok = samples_are_pictures(w->r->samples) ? run_picture(w, i, sessions, strbuf_str(&name), d)
                                                : run_row(w, i, sessions, strbuf_str(&name), d);
  strbuf_free(&name);
  return ok;
}

// ---- rounds

static void *work(void *user) {
  Worker *me = user;
  Work *w = (Work *)me->work;
  for (size_t k; (k = w->next++) < w->n;) {
    w->failed[k] = !run_sample(w, w->first + k, me->sessions, me->diag);
    if (!w->failed[k]) w->r->each(w->r->user, w->first + k, (int)k, me->index, me->sessions);
  }
  return NULL;
}

// Whatever went wrong in a thread is done again here, where it can be said.
static bool repair(Work *w, Worker *here, Diag *d) {
  for (size_t k = 0; k < w->n; k++) {
    if (!w->failed[k]) continue;
    if (!run_sample(w, w->first + k, here->sessions, d)) return false;
    w->r->each(w->r->user, w->first + k, (int)k, here->index, here->sessions);
  }
  return true;
}

static bool run_round(Work *w, Worker *workers, int n, Diag *d) {
  w->next = 0;
  for (int i = 1; i < n; i++) workers[i].started = !pthread_create(&workers[i].thread, NULL, work, &workers[i]);
  work(&workers[0]);
  for (int i = 1; i < n; i++)
    if (workers[i].started) pthread_join(workers[i].thread, NULL);
  return repair(w, &workers[0], d);
}

static void progress(const Runner *r, size_t done) {
  size_t n = r->samples->list.len;
  if (n <= RUNNER_ROUND || !isatty(STDERR_FILENO)) return;
  if (done < n)
    fprintf(stderr, "\r\033[K%s  %zu/%zu", r->what, done, n);
  else
    fprintf(stderr, "\r\033[K");
}

static bool prepare(Work *w, Diag *d) {
  const Runner *r = w->r;
  if (!samples_are_pictures(r->samples)) {
    for (int k = 0; k < r->n_models; k++) {
      const nncc_tensor_info *t = &r->models[k]->info->inputs[0];
      if (t->dtype == NNCC_F32) continue;
      diag_error_file(d, r->models[k]->info->name, "`x` holds floats, but the input `%s` is of %s", t->name,
                      dtype_name(loaded_dtype(t)));
      return false;
    }
    return true;
  }
  w->preprocess = xcalloc((size_t)r->n_models, sizeof *w->preprocess);
  bool ok = true;
  for (int k = 0; ok && k < r->n_models; k++) ok = preprocess_init(&w->preprocess[k], r->models[k], d);
  return ok;
}

bool runner_run(const Runner *r, Diag *d) {
  Work w = {.r = r};
  size_t all = r->samples->list.len;
  int n = r->threads;
  bool ok = prepare(&w, d);
  Worker *workers = xcalloc((size_t)n, sizeof *workers);
  for (int i = 0; i < n; i++)
    workers[i] = (Worker){.work = &w,
                          .index = i,
                          .diag = diag_create(),
                          .sessions = xcalloc((size_t)r->n_models, sizeof *workers[i].sessions)};
  for (w.first = 0; ok && w.first < all; w.first += w.n) {
    w.n = all - w.first < RUNNER_ROUND ? all - w.first : RUNNER_ROUND;
    ok = run_round(&w, workers, n, d);
    if (ok && r->round) r->round(r->user, w.first, w.n);
    progress(r, w.first + w.n);
  }
  if (!ok) progress(r, all);
  for (int i = 0; i < n; i++) {
    for (int k = 0; k < r->n_models; k++) session_close(&workers[i].sessions[k]);
    free(workers[i].sessions);
    diag_destroy(workers[i].diag);
  }
  free(workers);
  free(w.preprocess);
  return ok;
}
