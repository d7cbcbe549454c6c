// The programs of a model made ready for code generation: targets resolved, kernels named, equal ones found.
#include "codegen/internal.h"
#include "ir/core/check.h"
#include <string.h>

static const Target *target_of(Arena *a, const Unit *units, const CodegenProgram *programs, int i,
                               const CodegenOptions *o, Diag *d) {
  if (i && !strcmp(programs[i].cpu, programs[i - 1].cpu)) return units[i - 1].target;
  Target *t = arena_new(a, Target);
  if (!target_resolve(a, o->target, programs[i].cpu, o->opt_level, t, d)) return NULL;
  t->reproducible = o->reproducible;
  t->sanitize = o->sanitize;
  return t;
}

// The symbol of an equal kernel that a program before this one has for the same target.
static const char *known_symbol(const KernelJobs *jobs, size_t n, const Target *t, const LKernel *k) {
  for (size_t i = 0; i < n; i++)
    if (jobs->data[i].target == t && loop_kernel_equal(jobs->data[i].kernel, k)) return jobs->data[i].symbol;
  return NULL;
}

// Equal kernels are one function of all phases that they compute.
static void share_kernels(Arena *a, const char *model, size_t number, Unit *unit, KernelJobs *jobs) {
  const LProgram *p = unit->program;
  size_t before = jobs->len;
  const char **symbols = arena_array(a, const char *, p->kernels.len),
             **of_phases = arena_array(a, const char *, p->phases.len);
  for (size_t i = 0; i < p->kernels.len; i++) {
    const LKernel *k = p->kernels.data[i];
    CHECK(k->id == i, "kernel %s is number %u, not %zu", k->name, k->id, i);
    symbols[i] = known_symbol(jobs, before, unit->target, k);
    if (symbols[i]) continue;
    symbols[i] = name_kernel(a, model, number, k);
    vec_push(jobs, (KernelJob){.kernel = k, .target = unit->target, .symbol = symbols[i]});
  }
  for (size_t i = 0; i < p->phases.len; i++) of_phases[i] = symbols[p->phases.data[i]->kernel->id];
  unit->symbols = of_phases;
}

// With -g each phase has a function of its own, called by its layer's name.
static void name_layers(Arena *a, const char *model, size_t number, Unit *unit, KernelJobs *jobs, Diag *d) {
  const LProgram *p = unit->program;
  const char **symbols = arena_array(a, const char *, p->phases.len);
  for (size_t i = 0; i < p->phases.len; i++) {
    const LPhase *phase = p->phases.data[i];
    const char *layer = arena_printf(a, "%.*s", (int)strcspn(phase->name, " "), phase->name);
    KernelJob job = {.kernel = phase->kernel, .target = unit->target};
    job.symbol = symbols[i] = name_layer(a, model, number, i, layer);
    if (phase->span.file) { // else the program was read from text
      job.layer = layer;
      job.file = diag_source_name(d, phase->span.file);
      diag_position(d, phase->span, &job.line, &job.column);
    }
    vec_push(jobs, job);
  }
  unit->symbols = symbols;
}

// A program read from text may come from before its buffers were placed.
static bool is_planned(const LProgram *p, Diag *d) {
  for (size_t i = 0; i < p->phases.len; i++) {
    for (size_t j = 0; j < p->phases.data[i]->args.len; j++) {
      const LBuffer *b = p->phases.data[i]->args.data[j].buffer;
      if (!b || b->kind <= BUFFER_COUNT || b->offset != -1) continue;
      diag_error(d, (Span){0}, "buffer %s has no place: the program is not planned", b->name);
      return false;
    }
  }
  return true;
}

bool units_make(Arena *a, const CodegenProgram *programs, int n, const CodegenOptions *o, bool native, Abi *abi,
                KernelJobs *jobs, Diag *d) {
  const LProgram *general = programs[n - 1].program;
  Unit *units = arena_array(a, Unit, n);
  *abi = (Abi){.units = units, .n_units = (size_t)n, .model = name_identifier(a, general->name), .golden = o->golden};
  for (int i = 0; i < n; i++) {
    const LProgram *p = programs[i].program;
    units[i] = (Unit){.program = p, .dims = programs[i].dims};
    if (p->weight_bytes > abi->weight_bytes) abi->weight_bytes = p->weight_bytes;
    if (!native) continue;
    units[i].target = target_of(a, units, programs, i, o, d);
    if (!units[i].target || !is_planned(p, d)) return false;
    if (o->debug)
      name_layers(a, abi->model, (size_t)i, &units[i], jobs, d);
    else
      share_kernels(a, abi->model, (size_t)i, &units[i], jobs);
  }
  return true;
}
