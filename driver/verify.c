// The model is compiled twice: once with all values kept, so that each can be read out of the arena after a run and
// held against the reference's value of the same origin; once as it is meant to be, for its outputs and its threads.
#include "driver/verify.h"
#include "driver/bench.h"
#include "driver/feed.h"
#include "driver/layers.h"
#include "ir/core/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LARGE_MACS = 500000000, ROUNDINGS = 4 };

typedef struct Verify {
  const VerifyOptions *o;
  Diag *diag;
  Verification *out;
  Module *source;   // that native code must agree with: as the lossy passes left it
  Module *original; // as the frontend built it, where they may have changed it; else NULL
  Build build;      // with all values kept
  Loaded kept, real;
  int64_t symbols[MAX_SYMBOLS];     // of open dimensions, and of counts, as the first run found them
  void **inputs, **others;          // two sets
  RefTensor *outputs;               // the reference's
  RefTensor *exact;                 // by layer, the reference's value where native code is over the limit
  Difference *differences;          // by output, of the model as it is really compiled
  double *rounded, *output_rounded; // by layer and output, the NMSE that rounding alone makes of the reference
  uint64_t rounding;                // the state of round_values
  double **first, **second;         // native values of the two runs, by value id; NULL where there is none
  Value **values;                   // of each layer of `out`
} Verify;

// ---- compiling

static bool compile_both(Verify *v, const char *path) {
  BuildOptions keeping = *v->o->build;
  keeping.passes.keep_all = true;
  if (!build_open(&v->build, path, &keeping, v->diag)) return false;
  if (options_lossy(&keeping)) v->original = module_clone(v->build.module);
  if (!build_compress(&v->build)) return false;
  v->source = module_clone(v->build.module);
  if (!loaded_build(&v->kept, &v->build, v->diag)) return false;
  Build real = {
      .options = v->o->build, .path = path, .diag = v->diag, .module = module_clone(v->source), .compressed = true};
  bool ok = loaded_build(&v->real, &real, v->diag);
  build_close(&real);
  return ok;
}

// ---- inputs

// Two pictures tell a wrong batch stride; a large model gets one.
static int64_t batch_of(Verify *v) {
  if (v->o->batch) return v->o->batch;
  Layers layers;
  layers_compute(&layers, v->source);
  bool large = layers.macs > LARGE_MACS;
  layers_free(&layers);
  return large ? 1 : 2;
}

// With --against each input must be what the other framework had.
static bool find_inputs(Verify *v, Feed *f) {
  Archive *a = v->out->against.archive;
  if (!a) return true;
  if (!feed_take_named(f, a, v->diag)) return false;
  for (int i = 0; i < v->kept.info->n_inputs; i++)
    if (!f->arrays[i])
      diag_error_file(v->diag, a->name, "holds no array for the input `%s`, and no --input gives it",
                      v->kept.info->inputs[i].name);
  return feed_missing(f, -1) < 0;
}

static bool choose_inputs(Verify *v) {
  const nncc_model_info *info = v->kept.info;
  CHECK(info->n_dims == dim_open_count(v->source->dims), "the library has %d dimensions, the module %d", info->n_dims,
        dim_open_count(v->source->dims));
  Feed f;
  bool ok = feed_open(&f, &v->kept, v->o->inputs, v->o->n_inputs, v->diag);
  if (ok && f.pictures.len) {
    diag_error_file(v->diag, f.pictures.data[0], "verify takes arrays, not pictures");
    ok = false;
  }
  ok = ok && find_inputs(v, &f);
  if (ok) {
    for (int i = 0; i < info->n_dims; i++) v->symbols[i] = f.dims[i];
    if (info->n_dims && !v->symbols[0])
      v->symbols[0] = min_i64(max_i64(batch_of(v), info->dims[0].min), info->dims[0].max);
    loaded_bind_rest(&v->kept, v->symbols);
    v->inputs = bench_inputs(&v->kept, v->symbols, v->o->seed);
    v->others = bench_inputs(&v->kept, v->symbols, v->o->seed + 1);
    for (int i = 0; i < info->n_inputs; i++)
      if (f.arrays[i]) memcpy(v->inputs[i], f.arrays[i]->data, f.arrays[i]->size);
  }
  feed_close(&f);
  return ok;
}

// ---- the native values

static int64_t extents_of(const Module *m, const Type *t, const int64_t *symbols, int64_t *extents) {
  int64_t n = 1;
  for (int i = 0; i < t->rank; i++) n *= extents[i] = dim_eval(m->dims, t->dims[i], symbols);
  return n;
}

// Whether a run finds how long the value is.
static bool is_counted(Module *m, const Value *value) {
  return dim_counts(m->dims, type_elements(m, value->type)) != 0;
}

// Where a run left the value, or NULL when it has no place of its own.
static const void *place_of(const Verify *v, const Session *s, const Value *value) {
  const LBuffer *b = v->build.passes.buffers[value->id];
  if (!b || b->dtype != value->type->dtype || (b->kind == BUFFER_ARENA && b->offset == -1)) return NULL;
  if (b->kind == BUFFER_OUTPUT) return s->outputs[b->index];
  return b->kind == BUFFER_ARENA ? (const char *)s->arena + dim_eval(v->build.program->dims, b->offset, v->symbols)
                                 : NULL;
}

// A library with all values kept reports all counts, behind its outputs'.
static void read_counts(const Verify *v, const Session *s, int64_t *symbols) {
  int n = dim_symbol_count(v->build.module->dims), last = v->kept.info->n_counts - 1;
  for (int i = v->kept.info->n_dims; i < n; i++) symbols[i] = s->counts[last - (n - 1 - i)];
}

static double **read_values(const Verify *v, const Session *s, int64_t *symbols) {
  read_counts(v, s, symbols);
  double **values = xcalloc(v->build.module->n_values + 1, sizeof *values);
  for (const Node *n = v->build.module->first; n; n = n->next)
    for (int i = 0; i < n->n_results; i++) {
      const Value *value = n->results[i];
      const void *place = place_of(v, s, value);
      if (!place) continue;
      int64_t extents[MAX_RANK], count = extents_of(v->build.module, value->type, symbols, extents);
      values[value->id] = xmalloc(sizeof(double) * (size_t)(count + 1));
      compare_unpack(value->type, extents, place, values[value->id]);
    }
  return values;
}

static bool run_kept(Verify *v) {
  nncc_options options = NNCC_OPTIONS_INIT;
  options.threads = 1;
  Session s;
  if (!loaded_start(&v->kept, &options, v->diag) || !session_open(&s, &v->kept, v->symbols, v->diag)) return false;
  bool ok = session_run(&s, (const void *const *)v->inputs, v->diag);
  if (ok) v->first = read_values(v, &s, v->symbols);
  ok = ok && session_run(&s, (const void *const *)v->others, v->diag);
  int64_t symbols[MAX_SYMBOLS];
  memcpy(symbols, v->symbols, sizeof symbols);
  if (ok) v->second = read_values(v, &s, symbols);
  session_close(&s);
  return ok;
}

// ---- the reference beside them

// By value id of a module: what is computed from values that are marked, and the results of op `also`, if any.
static bool *spread(const Module *m, bool *marked, int also) {
  for (const Node *n = m->first; n; n = n->next) {
    bool any = (int)n->op == also;
    for (int i = 0; i < n->n_operands; i++) any = any || (operand(n, i) && marked[operand(n, i)->id]);
    for (int k = 0; any && k < n->n_results; k++) marked[n->results[k]->id] = true;
  }
  return marked;
}

// Whether the inputs reach a value of the compiled module.
static bool *input_reaches(const Module *m) {
  bool *reached = xcalloc(m->n_values + 1, sizeof *reached);
  for (size_t i = 0; i < m->inputs.len; i++) reached[m->inputs.data[i]->id] = true;
  return spread(m, reached, OP_COUNT);
}

// Whether a value of the source is computed from some that are rounded to integers.
static bool *is_quantized(const Module *m) {
  return spread(m, xcalloc(m->n_values + 1, sizeof(bool)), OP_QUANTIZE_LINEAR);
}

// The value of the source that this one equals.
static uint32_t origin_id(const Value *value) { return value->origin ? value->origin->id : value->id; }

static const char *name_of(const Node *n, const Value *value) {
  const Value *first = value->origin ? value->origin : value;
  return n->name ? n->name : first->alias ? first->alias : op_info(n->op)->name;
}

// A layer for each node's result that has a place, in the order in which they are computed.
static void list_layers(Verify *v) {
  Module *m = v->build.module;
  Verification *out = v->out;
  v->values = xcalloc(m->n_values + 1, sizeof *v->values);
  out->layers = xcalloc(m->n_values + 1, sizeof *out->layers);
  bool *reached = input_reaches(m), *quantized = is_quantized(v->source);
  for (const Node *n = m->first; n; n = n->next)
    for (int i = 0; i < n->n_results; i++) {
      Value *value = n->results[i];
      if (!v->first[value->id] || origin_id(value) >= v->source->n_values) continue;
      int64_t extents[MAX_RANK], count = extents_of(m, value->type, v->symbols, extents);
      bool same =
          !is_counted(m, value) && !memcmp(v->first[value->id], v->second[value->id], sizeof(double) * (size_t)count);
      v->values[out->n] = value;
      out->layers[out->n++] = (VerifiedLayer){.name = arena_strdup(out->arena, name_of(n, value)),
                                              .quantized = quantized[origin_id(value)],
                                              .unchanged = same && reached[value->id]};
    }
  for (size_t i = 0; i < v->source->outputs.len; i++)
    out->quantized = out->quantized || quantized[v->source->outputs.data[i].value->id];
  v->exact = arena_array(out->arena, RefTensor, out->n + 1);
  free(reached);
  free(quantized);
}

// No rounding explains another number of elements than the reference finds.
static const Difference OF_OTHER_LENGTH = {.finite = true, .nmse = INFINITY, .rel_l2 = INFINITY, .max_abs = INFINITY};

// Where native code rounded to the integer beside the reference's, the reference goes on from there, so that what
// follows is compared by itself. Whether that were few.
static bool follow(const double *native, RefTensor *t) {
  int64_t moved = 0;
  for (int64_t k = 0; k < t->count; k++) {
    if (fabs(native[k] - (double)t->i[k]) != 1) continue;
    t->i[k] = (int64_t)native[k];
    moved++;
  }
  return (double)moved <= 1 + VERIFY_MOVED * (double)t->count;
}

static void observe(void *user, const Value *reference, RefTensor *t) {
  Verify *v = user;
  for (int i = 0; i < v->out->against.n; i++) {
    AgainstArray *row = &v->out->against.rows[i];
    if (row->output < 0 && row->value == reference) against_reference(&v->out->against, row, t);
  }
  for (int i = 0; i < v->out->n; i++) {
    VerifiedLayer *l = &v->out->layers[i];
    if (origin_id(v->values[i]) != reference->id) continue;
    int64_t extents[MAX_RANK];
    bool counted = is_counted(v->build.module, v->values[i]);
    bool as_long = extents_of(v->build.module, v->values[i]->type, v->symbols, extents) == t->count;
    if (!as_long && !counted) continue;
    l->difference = as_long ? compare_values(v->first[v->values[i]->id], t) : OF_OTHER_LENGTH;
    if (counted) l->difference.constant = false; // a few elements may well be equal
    l->compared = true;
    if (as_long && l->difference.nmse > v->out->nmse && !v->exact[i].rank) ref_tensor_copy(&v->exact[i], t);
    if (as_long && reference->node->op == OP_QUANTIZE_LINEAR) l->strayed = !follow(v->first[v->values[i]->id], t);
  }
}

// A layer that another input does not change is right where the reference has the same there.
static void observe_unchanged(void *user, const Value *reference, RefTensor *t) {
  Verify *v = user;
  for (int i = 0; i < v->out->n; i++) {
    VerifiedLayer *l = &v->out->layers[i];
    int64_t extents[MAX_RANK];
    if (!l->unchanged || origin_id(v->values[i]) != reference->id ||
        extents_of(v->build.module, v->values[i]->type, v->symbols, extents) != t->count)
      continue;
    l->unchanged = !(compare_values(v->second[v->values[i]->id], t).nmse <= v->out->nmse);
  }
}

// The outputs of a module for a set of inputs; NULL after a diagnostic.
static RefTensor *evaluate(Verify *v, Module *m, void *const *given, RefObserver observer) {
  RefTensor *inputs = xcalloc(m->inputs.len + 1, sizeof *inputs);
  bool ok = true;
  for (size_t i = 0; ok && i < m->inputs.len; i++) {
    ok = ref_tensor_create(&inputs[i], m, m->inputs.data[i]->type, v->symbols);
    if (ok) ref_tensor_unpack(&inputs[i], m->inputs.data[i]->type->dtype, given[i]);
  }
  RefTensor *outputs = xcalloc(m->outputs.len + 1, sizeof *outputs);
  if (!ok) diag_error_file(v->diag, m->name, "there is not enough memory for the reference");
  ok = ok && ref_run(m, v->symbols, inputs, outputs, observer, v, v->diag);
  for (size_t i = 0; i < m->inputs.len; i++) ref_tensor_free(&inputs[i]);
  free(inputs);
  if (ok) return outputs;
  free(outputs);
  return NULL;
}

static void free_outputs(RefTensor *outputs, const Module *m) {
  for (size_t i = 0; outputs && i < m->outputs.len; i++) ref_tensor_free(&outputs[i]);
  free(outputs);
}

// Inner values of the first run; the outputs' rows wait for the model as it is used.
static void compare_inner(Verify *v) {
  Against *a = &v->out->against;
  for (int i = 0; i < v->out->n; i++)
    for (int k = 0; k < a->n; k++) {
      if (a->rows[k].output >= 0 || origin_id(v->values[i]) != a->rows[k].value->id) continue;
      int64_t extents[MAX_RANK], count = extents_of(v->build.module, v->values[i]->type, v->symbols, extents);
      against_native(a, &a->rows[k], v->first[v->values[i]->id], count);
    }
}

static bool run_reference(Verify *v) {
  v->outputs = evaluate(v, v->source, v->inputs, observe);
  for (int i = 0; v->outputs && i < v->out->against.n; i++) {
    AgainstArray *row = &v->out->against.rows[i];
    if (row->output >= 0) against_reference(&v->out->against, row, &v->outputs[row->output]);
  }
  if (!v->outputs || !v->original) return v->outputs;
  RefTensor *before = evaluate(v, v->original, v->inputs, NULL);
  for (size_t i = 0; before && i < v->original->outputs.len; i++) {
    double errors = 0, squares = 0;
    for (int64_t k = 0; k < before[i].count; k++) {
      double x = ref_at(&before[i], k), e = ref_at(&v->outputs[i], k) - x;
      errors += e * e, squares += x * x;
    }
    v->out->changed = fmax(v->out->changed, errors > 0 ? sqrt(errors / squares) : 0);
  }
  v->out->lossy = true;
  free_outputs(before, v->original);
  return before;
}

// ---- the model as it is used

static bool run_real(Verify *v) {
  const nncc_model_info *info = v->real.info;
  Session sessions[2] = {0};
  Loaded models[2] = {{.info = info}, {.info = info}};
  v->differences = arena_array(v->out->arena, Difference, info->n_outputs + 1);
  bool ok = true;
  for (int i = 0; ok && i < 2; i++) {
    nncc_options options = NNCC_OPTIONS_INIT;
    options.threads = i + 1;
    ok = loaded_start(&models[i], &options, v->diag) && session_open(&sessions[i], &models[i], v->symbols, v->diag) &&
         session_run(&sessions[i], (const void *const *)v->inputs, v->diag);
  }
  v->out->threads_equal = true;
  for (int i = 0; ok && i < info->n_outputs; i++) {
    int64_t extents[MAX_RANK], n = session_extents(&sessions[0], i, extents);
    bool as_long = n == session_extents(&sessions[1], i, extents);
    DType type = loaded_dtype(&info->outputs[i]);
    v->out->threads_equal = v->out->threads_equal && as_long &&
                            !memcmp(sessions[0].outputs[i], sessions[1].outputs[i], (size_t)n * dtype_size(type));
    double *native = xmalloc(sizeof(double) * (size_t)(n + 1));
    for (int64_t k = 0; k < n; k++) native[k] = dtype_load(type, sessions[0].outputs[i], k);
    v->differences[i] = n == v->outputs[i].count ? compare_values(native, &v->outputs[i]) : OF_OTHER_LENGTH;
    for (int k = 0; k < v->out->against.n; k++)
      if (v->out->against.rows[k].output == i) against_native(&v->out->against, &v->out->against.rows[k], native, n);
    free(native);
  }
  for (int i = 0; i < 2; i++) {
    session_close(&sessions[i]);
    if (models[i].model) info->close(models[i].model);
  }
  return ok;
}

// ---- what rounding alone does

// A layer's values come out of f32 arithmetic some units in the last place off; so are these, by 8 at most.
static void round_values(uint64_t *state, RefTensor *t) {
  for (int64_t k = 0; t->f && k < t->count; k++) {
    *state = *state * 6364136223846793005u + 1442695040888963407u; // as in seeded.c
    t->f[k] *= 1 + ldexp((double)(int32_t)(*state >> 32), -31 - 21);
  }
}

// Where rounding changes how many elements there are, it explains any difference between them.
static double rounding_error(const RefTensor *exact, const RefTensor *rounded) {
  if (rounded->count != exact->count) return INFINITY;
  return rounded->f ? compare_values(rounded->f, exact).nmse : 0;
}

static void observe_rounded(void *user, const Value *reference, RefTensor *t) {
  Verify *v = user;
  for (int i = 0; i < v->out->n; i++)
    if (v->exact[i].f && origin_id(v->values[i]) == reference->id)
      v->rounded[i] += rounding_error(&v->exact[i], t) / ROUNDINGS;
  round_values(&v->rounding, t);
}

// Whether rounding is to be asked: what is over 1e-4 is plainly wrong.
static bool over(const Verify *v) {
  double most = 0;
  for (int i = 0; i < v->out->n; i++) most = fmax(most, v->out->layers[i].difference.nmse);
  for (size_t i = 0; i < v->source->outputs.len; i++) most = fmax(most, v->differences[i].nmse);
  return !v->o->nmse && most > VERIFY_NMSE && most < 1e-4;
}

// Native code's error is one sample of such noise: within three standard deviations, whose square is the mean here.
static double allowed(const Verify *v, bool quantized, double mean) {
  return fmax(quantized ? VERIFY_NMSE_QUANTIZED : v->out->nmse, 9 * mean);
}

// Some networks amplify rounding: those are held to what the reference itself does when its values are rounded.
static bool run_rounded(Verify *v) {
  size_t n_outputs = v->source->outputs.len;
  v->rounded = arena_array(v->out->arena, double, v->out->n + 1);
  v->output_rounded = arena_array(v->out->arena, double, n_outputs + 1);
  v->rounding = v->o->seed;
  bool ok = true;
  for (int k = 0; over(v) && ok && k < ROUNDINGS; k++) {
    RefTensor *rounded = evaluate(v, v->source, v->inputs, observe_rounded);
    for (size_t i = 0; rounded && i < n_outputs; i++)
      v->output_rounded[i] += rounding_error(&v->outputs[i], &rounded[i]) / ROUNDINGS;
    free_outputs(rounded, v->source);
    ok = rounded;
  }
  return ok;
}

// Once more where native code gave the same for both inputs: it may be that the network does.
static bool run_other(Verify *v) {
  bool any = false;
  for (int i = 0; i < v->out->n; i++) any = any || v->out->layers[i].unchanged;
  RefTensor *outputs = any ? evaluate(v, v->source, v->others, observe_unchanged) : NULL;
  free_outputs(outputs, v->source);
  return !any || outputs;
}

// ---- the verdict

static void sum_up(const Verify *v) {
  Verification *out = v->out;
  out->worst = out->first_bad = -1;
  for (int i = 0; i < out->n; i++) {
    VerifiedLayer *l = &out->layers[i];
    l->ok = l->compared && l->difference.finite && l->difference.nmse <= allowed(v, l->quantized, v->rounded[i]) &&
            !l->difference.constant && !l->unchanged && !l->strayed;
    out->compared += l->compared;
    out->agreed += l->ok;
    out->amplified += l->ok && !l->quantized && l->difference.nmse > out->nmse;
    if (l->compared && !l->ok && out->first_bad < 0) out->first_bad = i;
    if (l->compared && (out->worst < 0 || !(l->difference.nmse <= out->layers[out->worst].difference.nmse)))
      out->worst = i;
  }
  out->outputs_ok = true;
  for (size_t i = 0; i < v->source->outputs.len; i++) {
    const Difference *d = &v->differences[i];
    out->outputs_nmse = fmax(out->outputs_nmse, d->nmse);
    out->outputs_ok = out->outputs_ok && d->finite && d->nmse <= allowed(v, out->quantized, v->output_rounded[i]);
  }
}

static void free_values(double **values, uint32_t n) {
  for (uint32_t i = 0; values && i < n; i++) free(values[i]);
  free(values);
}

bool verify_model(const char *path, const VerifyOptions *o, Verification *out, Diag *d) {
  *out = (Verification){.arena = arena_create(), .nmse = o->nmse ? o->nmse : VERIFY_NMSE};
  Verify v = {.o = o, .diag = d, .out = out};
  bool ok = against_open(&out->against, o->against, out->nmse, d) && compile_both(&v, path) && choose_inputs(&v) &&
            against_bind(&out->against, v.source, v.symbols, d) && run_kept(&v);
  if (ok) list_layers(&v);
  if (ok) compare_inner(&v);
  ok = ok && run_reference(&v) && run_real(&v) && run_rounded(&v) && run_other(&v);
  if (ok) sum_up(&v);
  for (size_t i = 0; i < v.build.passes.runs.len; i++)
    if (v.build.passes.runs.data[i].pass->needed == PASS_OPTIONAL)
      out->last_pass = v.build.passes.runs.data[i].pass->name;
  for (int i = 0; i < out->n; i++) ref_tensor_free(&v.exact[i]);
  free_outputs(v.outputs, v.source);
  if (v.build.module) free_values(v.first, v.build.module->n_values), free_values(v.second, v.build.module->n_values);
  free(v.values);
  bench_free_inputs(&v.kept, v.inputs);
  bench_free_inputs(&v.kept, v.others);
  loaded_close(&v.kept);
  loaded_close(&v.real);
  if (v.source) module_destroy(v.source);
  if (v.original) module_destroy(v.original);
  build_close(&v.build);
  return ok;
}

void verify_free(Verification *v) {
  against_close(&v->against);
  free(v->layers);
  arena_destroy(v->arena);
}

bool verify_compiled_right(const Verification *v) {
  bool right = v->compared > 0 && v->agreed == v->compared && v->outputs_ok && v->threads_equal;
  for (int i = 0; i < v->against.n; i++)
    right = right && (v->against.rows[i].ok || !v->against.rows[i].has_native || !v->against.rows[i].reference_ok);
  return right;
}

bool verify_passed(const Verification *v) { return verify_compiled_right(v) && !against_first_bad(&v->against); }
