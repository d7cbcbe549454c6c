// Programs as containers: creation, buffers, phases, and the table of operations.
#include "ir/core/check.h"
#include "ir/core/index.h"
#include "ir/core/intern.h"
#include "ir/loop/builder.h"
#include <string.h>

struct LProgramIndex {
  Index buffers, kernels, codes; // buffers and kernels by name, kernels by their code
};

static const LOpInfo op_table[LOOP_OP_COUNT] = {
#define LOOP_OP(ID, name, arity, text) [LOOP_##ID] = {name, text, arity},
#include "ir/loop/loop_ops.def"
};

const LOpInfo *loop_op_info(LOp op) { return &op_table[op]; }

void builder_destroy_kernel(LKernel *k) {
  vec_free(&k->params);
  arena_destroy(k->arena);
}

LProgram *loop_program_create(const char *name, DimTable *dims) {
  Arena *arena = arena_create();
  LProgram *p = arena_new(arena, LProgram);
  p->arena = arena;
  p->name = arena_strdup(arena, name);
  p->owns_dims = !dims;
  p->dims = dims ? dims : dim_table_create(arena);
  p->index = arena_new(arena, struct LProgramIndex);
  p->arena_bytes = p->scratch_bytes = p->arena_bound = p->weight_bytes = -1;
  return p;
}

void loop_program_destroy(LProgram *p) {
  if (!p) return;
  for (size_t i = 0; i < p->kernels.len; i++) builder_destroy_kernel(p->kernels.data[i]);
  for (size_t i = 0; i < p->phases.len; i++) vec_free(&p->phases.data[i]->args);
  vec_free(&p->inputs);
  vec_free(&p->outputs);
  vec_free(&p->counts);
  vec_free(&p->labels);
  vec_free(&p->meta);
  vec_free(&p->assertions);
  vec_free(&p->buffers);
  index_free(&p->index->buffers);
  index_free(&p->index->kernels);
  index_free(&p->index->codes);
  vec_free(&p->kernels);
  vec_free(&p->phases);
  if (p->owns_dims) dim_table_destroy(p->dims);
  arena_destroy(p->arena);
}

// ---- buffers and kernels by name, kernels by code

static uint64_t hash_name(const char *name) { return hash_bytes(name, strlen(name), 0); }

LBuffer *loop_find_buffer(const LProgram *p, const char *name) {
  size_t probe = 0;
  for (uint32_t i; index_next(&p->index->buffers, hash_name(name), &probe, &i);)
    if (!strcmp(p->buffers.data[i]->name, name)) return p->buffers.data[i];
  return NULL;
}

LKernel *loop_find_kernel(const LProgram *p, const char *name) {
  size_t probe = 0;
  for (uint32_t i; index_next(&p->index->kernels, hash_name(name), &probe, &i);)
    if (!strcmp(p->kernels.data[i]->name, name)) return p->kernels.data[i];
  return NULL;
}

LKernel *builder_find_equal(const LProgram *p, const LKernel *k) {
  size_t probe = 0;
  for (uint32_t i; index_next(&p->index->codes, k->hash, &probe, &i);)
    if (loop_kernel_equal(p->kernels.data[i], k)) return p->kernels.data[i];
  return NULL;
}

void builder_add_kernel(LProgram *p, LKernel *k) {
  k->id = (uint32_t)p->kernels.len;
  vec_push(&p->kernels, k);
  index_add(&p->index->kernels, hash_name(k->name), k->id);
  index_add(&p->index->codes, k->hash, k->id);
}

LBuffer *loop_buffer(LProgram *p, LBufferKind kind, const char *name, DType dtype, Dim bytes) {
  LBuffer *b = arena_new(p->arena, LBuffer);
  *b = (LBuffer){.kind = kind,
                 .name = arena_strdup(p->arena, name),
                 .dtype = dtype,
                 .bytes = bytes,
                 .offset = -1,
                 .id = (uint32_t)p->buffers.len};
  vec_push(&p->buffers, b);
  index_add(&p->index->buffers, hash_name(name), b->id);
  return b;
}

// By another count, or an open dimension.
static bool is_name_taken(const LProgram *p, const char *name) {
  for (size_t i = 0; i < p->counts.len; i++)
    if (!strcmp(p->counts.data[i].name, name)) return true;
  for (int i = 0; i < dim_open_count(p->dims); i++)
    if (!strcmp(dim_symbol_at(p->dims, i)->name, name)) return true;
  return false;
}

static void report_count(LProgram *p, const char *stem, Dim value) {
  const char *name = stem;
  for (size_t i = 0; i < p->counts.len; i++)
    if (p->counts.data[i].value == value) return;
  for (int n = 1; is_name_taken(p, name); n++) name = arena_printf(p->arena, "%s_%d", stem, n);
  vec_push(&p->counts, (LCount){arena_strdup(p->arena, name), value});
}

void loop_report_counts(LProgram *p) {
  for (size_t i = 0; i < p->outputs.len; i++)
    for (int d = 0; d < p->outputs.data[i].rank; d++)
      if (dim_counts(p->dims, p->outputs.data[i].dims[d]))
        report_count(p, arena_printf(p->arena, "%s_count", p->outputs.data[i].name), p->outputs.data[i].dims[d]);
}

LPhase *loop_phase(LProgram *p, const char *name, LKernel *k, Dim tasks) {
  CHECK(k, "phase %s", name);
  LPhase *phase = arena_new(p->arena, LPhase);
  phase->name = arena_strdup(p->arena, name);
  phase->detail = "";
  phase->kernel = k;
  phase->tasks = tasks;
  vec_push(&p->phases, phase);
  return phase;
}
