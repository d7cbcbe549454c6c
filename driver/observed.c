#include "driver/observed.h"

// For this machine, whatever the model itself is compiled for.
static BuildOptions options_here(const Build *b, const char *rest) {
  BuildOptions o = *b->options;
  options_plain(&o);
  o.passes = passes_options();
  o.codegen = (CodegenOptions){.opt_level = 2};
  o.pipeline = rest;
  o.quiet = true;
  o.tune = 0, o.tune_cache = NULL, o.tuner = NULL;
  o.model.shapes.len = 0; // code for single sizes is not needed
  return o;
}

// What --calibrate names; where a search decided, those of it that the search fitted to.
static bool open_samples(Observed *o, const Build *b) {
  if (!samples_open(&o->own, b->options->calibrate, NULL, &(SampleClasses){0}, b->diag)) return false;
  const Decisions *decided = b->passes.options.decisions;
  Samples held = {0};
  if (decided && decided->held_out) samples_hold_out(&o->own, (size_t)decided->held_out, &held);
  samples_close(&held);
  return true;
}

bool observed_open(Observed *o, const Build *b, const char *rest, const Samples *samples,
                   bool (*tap)(void *user, Module *m), void *user) {
  *o = (Observed){.b = b, .options = options_here(b, rest), .threads = runner_threads(0)};
  o->samples = samples ? samples : &o->own;
  if (!samples && !open_samples(o, b)) return false;
  o->build = (Build){
      .options = &o->options, .path = b->path, .diag = b->diag, .module = module_clone(b->module), .compressed = true};
  return tap(user, o->build.module) && loaded_build(&o->loaded, &o->build, b->diag) &&
         runner_start(&o->loaded, b->diag);
}

void observed_close(Observed *o) {
  samples_close(&o->own);
  loaded_close(&o->loaded);
  build_close(&o->build);
}

bool observed_run(Observed *o, void (*each)(void *user, size_t sample, int slot, int worker, const Session *s),
                  void *user) {
  Loaded *models[] = {&o->loaded};
  Runner r = {.samples = o->samples,
              .models = models,
              .n_models = 1,
              .threads = o->threads,
              .what = "calibration",
              .each = each,
              .user = user};
  return runner_run(&r, o->b->diag);
}

int64_t observed_output(const Session *s, int output, const float **elements, int64_t *extents) {
  *elements = s->outputs[output];
  return loaded_extents(&s->loaded->info->outputs[output], s->dims, extents);
}

bool observed_finite(const Observed *o, bool odd, const char *name) {
  if (odd)
    diag_error_file(o->b->diag, o->b->options->calibrate, "calibration: `%s` has a NaN or an infinity on these samples",
                    name);
  return !odd;
}
