// Delta debugging (Zeller and Hildebrandt 2002) over nodes, by ever smaller runs of them, then over what is left:
// nodes that only pass a value on, outputs, extents, attributes, weights; again and again until nothing more goes.
#include "driver/reduce.h"
#include "driver/nnir.h"
#include "driver/timing.h"
#include "ir/core/checked.h"
#include <string.h>
#include <unistd.h>

typedef struct Reducer {
  const ReduceOptions *o;
  Reduction *r;
  Diag *quiet;            // what candidates say is not for the user
  char *folder, *path;    // of the candidate
  double begin, deadline; // ms
} Reducer;

static int count_nodes(const Module *m) {
  int n = 0;
  for (const Node *node = m->first; node; node = node->next) n++;
  return n;
}

// ---- candidates

static void progress(const Reducer *x) {
  if (isatty(STDERR_FILENO))
    fprintf(stderr, "\rreducing  %d of %d nodes  %d checks  %.0f s ", count_nodes(x->r->module), x->r->nodes_before,
            x->r->checks, 1e-3 * (timing_ms() - x->begin));
}

static bool fails(Reducer *x, Module *m, StrBuf *how) {
  diag_clear(x->quiet);
  x->r->checks++;
  return nnir_write(m, x->path, false, x->path, x->quiet) && reduce_check(&x->o->check, x->path, how);
}

// Takes the candidate over; whether it fails in the same way, and is the module from now on.
static bool try_module(Reducer *x, Module *candidate) {
  x->r->out_of_time = x->r->out_of_time || timing_ms() > x->deadline;
  if (!candidate) return false;
  StrBuf how = {0};
  bool same = !x->r->out_of_time && fails(x, candidate, &how) && !strcmp(how.s, x->r->how.s);
  strbuf_free(&how);
  module_destroy(same ? x->r->module : candidate);
  if (same) x->r->module = candidate;
  progress(x);
  return same;
}

static bool try_edit(Reducer *x, ReduceEdit e) {
  return try_module(x, x->r->out_of_time ? NULL : reduce_edit(x->r->module, &e, x->quiet));
}

// ---- what may go

// From the end, so that what comes before keeps its number.
static bool drop_nodes(Reducer *x) {
  bool changed = false;
  int n = count_nodes(x->r->module);
  for (int run = n > 1 ? (n + 1) / 2 : 1; run; run = run > 1 ? (run + 1) / 2 : 0)
    for (int to = count_nodes(x->r->module); to > 0; to -= run)
      changed |= try_edit(x, (ReduceEdit){.drop_from = to > run ? to - run : 0, .drop_to = to});
  return changed;
}

static const Node *node_at(const Module *m, int index) {
  const Node *n = m->first;
  while (index--) n = n->next;
  return n;
}

static bool passes_on(const Node *n, int operand_index) {
  const Value *v = operand(n, operand_index);
  return n->n_results == 1 && v && v->kind != VALUE_WEIGHT && v->type == result(n)->type;
}

static bool bypass_nodes(Reducer *x) {
  bool changed = false;
  for (int i = count_nodes(x->r->module) - 1; i >= 0; i--) {
    const Node *n = node_at(x->r->module, i);
    int operands = n->n_operands;
    for (int k = 0, gone = false; !gone && k < operands; k++) {
      gone = passes_on(n, k) && try_edit(x, (ReduceEdit){.bypass = i + 1, .through = k});
      changed |= gone;
    }
  }
  return changed;
}

// An output that nothing else reads goes with its node.
static bool drop_outputs(Reducer *x) {
  bool changed = false;
  for (int i = (int)x->r->module->outputs.len; i > 0; i--)
    if (graph_use_count(x->r->module, x->r->module->outputs.data[i - 1].value) > 1)
      changed |= try_edit(x, (ReduceEdit){.output = i});
  return changed;
}

static Dim next_extent(const Type *t, Dim below, Dim best) {
  for (int i = 0; i < t->rank; i++)
    if (dim_is_const(t->dims[i]) && t->dims[i] < below && t->dims[i] > best) best = t->dims[i];
  return best;
}

// The greatest extent below that, of inputs and weights; 1: there is none.
static Dim extent_below(const Module *m, Dim below) {
  Dim best = 1;
  for (size_t i = 0; i < m->inputs.len; i++) best = next_extent(m->inputs.data[i]->type, below, best);
  for (size_t i = 0; i < m->weights.len; i++) best = next_extent(m->weights.data[i]->type, below, best);
  return best;
}

// The edit with the smallest extent that does.
static bool try_extents(Reducer *x, ReduceEdit e, Dim from) {
  const Dim sizes[] = {1, 2, 3, from / 8, from / 4, from / 2, from - from / 4, from - max_i64(from / 8, 1)};
  Dim last = 0;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    if (sizes[i] <= last || sizes[i] >= from) continue;
    e.to = last = sizes[i];
    if (try_edit(x, e)) return true;
  }
  return false;
}

static bool shrink_extents(Reducer *x) {
  bool changed = false;
  for (Dim from = DIM_SYMBOLIC; (from = extent_below(x->r->module, from)) > 1;)
    changed |= try_extents(x, (ReduceEdit){.from = from}, from);
  for (size_t i = 0; i < x->r->module->inputs.len; i++)
    for (int axis = 0; axis < x->r->module->inputs.data[i]->type->rank; axis++) {
      Dim from = x->r->module->inputs.data[i]->type->dims[axis];
      if (dim_is_const(from))
        changed |= try_extents(x, (ReduceEdit){.from = from, .input = (int)i + 1, .axis = axis}, from);
    }
  return changed;
}

static bool is_reset(const Module *m, int node, int attr, const Attr *old) {
  return !attr_equal(&node_at(m, node)->attrs[attr], old);
}

// Shape inference may state a default otherwise: then nothing has changed.
static bool reset_attributes(Reducer *x) {
  bool changed = false;
  for (int i = count_nodes(x->r->module) - 1; i >= 0; i--)
    for (int k = 0; k < op_info(node_at(x->r->module, i)->op)->n_attrs; k++) {
      const Node *n = node_at(x->r->module, i);
      const Attr *fallback = &op_attr(n->op, k)->fallback;
      if (fallback->kind == ATTR_NONE || attr_equal(&n->attrs[k], fallback)) continue;
      Module *m = reduce_edit(x->r->module, &(ReduceEdit){.node = i + 1, .attr = k}, x->quiet);
      if (m && !is_reset(m, i, k, &n->attrs[k])) {
        module_destroy(m);
        continue;
      }
      changed |= try_module(x, m);
    }
  return changed;
}

static bool holds_data(const Module *m, int from, int to) {
  bool any = false;
  for (int i = from; i < to; i++) {
    WeightSource s = m->weights.data[i]->source;
    any = any || s == WEIGHT_FILE || s == WEIGHT_DENSE;
  }
  return any;
}

static bool strip_weights(Reducer *x) {
  bool changed = false;
  for (int run = (int)x->r->module->weights.len; run; run = run > 1 ? (run + 1) / 2 : 0)
    for (int to = (int)x->r->module->weights.len; to > 0; to -= run) {
      int from = to > run ? to - run : 0;
      if (holds_data(x->r->module, from, to))
        changed |= try_edit(x, (ReduceEdit){.weights_from = from, .weights_to = to});
    }
  return changed;
}

// All open dimensions of one size.
static bool fix_symbols(Reducer *x) {
  static const int64_t sizes[] = {1, 2, 3, 7, 16, 32, 64, 224, 256};
  int n = dim_symbol_count(x->r->module->dims);
  int64_t values[MAX_SYMBOLS];
  for (size_t i = 0; n && i < sizeof sizes / sizeof *sizes; i++) {
    for (int k = 0; k < n; k++) values[k] = sizes[i];
    Module *fixed = module_specialize(x->r->module, values);
    Module *m = reduce_edit(fixed, &(ReduceEdit){0}, x->quiet);
    module_destroy(fixed);
    if (try_module(x, m)) return true;
  }
  return false;
}

static void search(Reducer *x) {
  strip_weights(x);
  fix_symbols(x);
  for (bool changed = true; changed && !x->r->out_of_time;) {
    changed = drop_nodes(x);
    changed |= bypass_nodes(x);
    changed |= drop_outputs(x);
    changed |= shrink_extents(x);
    changed |= reset_attributes(x);
    changed |= strip_weights(x);
  }
}

// ---- the folder of candidates

static bool make_folder(Reducer *x, Diag *d) {
  const char *where = getenv("TMPDIR");
  x->folder = xprintf("%s/nncc-XXXXXX", where && *where ? where : "/tmp");
  if (!mkdtemp(x->folder)) return diag_error_file(d, x->folder, "cannot be made: %m"), false;
  x->path = xprintf("%s/candidate.nnir", x->folder);
  return true;
}

static void remove_folder(Reducer *x) {
  char *side = xprintf("%s/candidate.side.safetensors", x->folder);
  if (x->path) unlink(x->path), unlink(side), rmdir(x->folder);
  free(side), free(x->path), free(x->folder);
}

bool reduce_model(Module *m, const char *path, const ReduceOptions *o, Reduction *r, Diag *d) {
  *r = (Reduction){.module = m, .nodes_before = count_nodes(m)};
  Reducer x = {.o = o, .r = r, .quiet = diag_create(), .begin = timing_ms()};
  x.deadline = x.begin + 1e3 * o->seconds;
  m->diag = x.quiet;
  bool ok = make_folder(&x, d);
  if (ok && !fails(&x, m, &r->how)) {
    diag_error_file(d, path,
                    o->check.command ? "the check says that it does not fail"
                                     : "it compiles, and native code agrees with the reference");
    ok = false;
  }
  if (ok) search(&x);
  if (isatty(STDERR_FILENO)) fprintf(stderr, "\r%*s\r", 60, "");
  r->nodes = count_nodes(r->module);
  r->module->diag = d;
  remove_folder(&x);
  diag_destroy(x.quiet);
  return ok;
}
