// Programs as containers: creation, buffers, phases, and the table of operations.
#include "ir/core/check.h"
#include "ir/core/intern.h"
#include "ir/loop/loop.h"
#include <string.h>

struct BufferIndex {
  uint32_t *slots; // open addressing: 1 + number
  size_t cap;      // a power of two
};

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
  p->by_name = arena_new(arena, struct BufferIndex);
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
  free(p->by_name->slots);
  vec_free(&p->kernels);
  vec_free(&p->phases);
  if (p->owns_dims) dim_table_destroy(p->dims);
  arena_destroy(p->arena);
}

// ---- buffers by name

static uint32_t *slot_of(const LProgram *p, const char *name) {
  size_t mask = p->by_name->cap - 1, at = hash_bytes(name, strlen(name), 0) & mask;
  while (p->by_name->slots[at] && strcmp(p->buffers.data[p->by_name->slots[at] - 1]->name, name)) at = (at + 1) & mask;
  return &p->by_name->slots[at];
}

static void index_buffers(LProgram *p, size_t cap) {
  free(p->by_name->slots);
  *p->by_name = (struct BufferIndex){xcalloc(cap, sizeof(uint32_t)), cap};
  for (size_t i = 0; i < p->buffers.len; i++) *slot_of(p, p->buffers.data[i]->name) = (uint32_t)i + 1;
}

LBuffer *loop_find_buffer(const LProgram *p, const char *name) {
  uint32_t number = p->by_name->cap ? *slot_of(p, name) : 0;
  return number ? p->buffers.data[number - 1] : NULL;
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
  if (2 * p->buffers.len > p->by_name->cap)
    index_buffers(p, p->by_name->cap ? 2 * p->by_name->cap : 64);
  else
    *slot_of(p, name) = (uint32_t)p->buffers.len;
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
