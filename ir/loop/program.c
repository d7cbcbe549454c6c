// Programs as containers: creation, buffers, phases, and the table of operations.
#include "ir/core/check.h"
#include "ir/loop/loop.h"

static const LOpInfo op_table[LOOP_OP_COUNT] = {
#define LOOP_OP(ID, name, arity, text) [LOOP_##ID] = {name, text, arity},
#include "ir/loop/loop_ops.def"
};

const LOpInfo *loop_op_info(LOp op) { return &op_table[op]; }

LProgram *loop_program_create(const char *name, DimTable *dims) {
  Arena *arena = arena_create();
  LProgram *p = arena_new(arena, LProgram);
  p->arena = arena;
  p->name = arena_strdup(arena, name);
  p->owns_dims = !dims;
  p->dims = dims ? dims : dim_table_create(arena);
  p->arena_bytes = p->scratch_bytes = p->arena_bound = p->weight_bytes = -1;
  return p;
}

void loop_program_destroy(LProgram *p) {
  if (!p) return;
  for (size_t i = 0; i < p->kernels.len; i++) vec_free(&p->kernels.data[i]->params);
  for (size_t i = 0; i < p->phases.len; i++) vec_free(&p->phases.data[i]->args);
  vec_free(&p->inputs);
  vec_free(&p->outputs);
  vec_free(&p->labels);
  vec_free(&p->meta);
  vec_free(&p->assertions);
  vec_free(&p->buffers);
  vec_free(&p->kernels);
  vec_free(&p->phases);
  if (p->owns_dims) dim_table_destroy(p->dims);
  arena_destroy(p->arena);
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
  return b;
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
