#include "passes/lower/kernel.h"
#include "ir/core/check.h"
#include "ir/core/checked.h"
#include "passes/lower/pack.h"
#include <string.h>

DType kernel_computed_in(DType t) {
  if (dtype_is_half(t)) return DT_F32;
  return dtype_is_float(t) || dtype_value_bits(t) > 31 || t == DT_I32 ? t : DT_I32;
}

Kernel kernel_begin(Lower *lw, const char *stem) { return (Kernel){.lw = lw, .b = loop_begin_kernel(lw->p, stem)}; }

static LExpr *pointer(Kernel *k, const char *name, LArg arg, int64_t bytes, LAccess access, bool aliases) {
  LVar *v = loop_param(k->b, name, L_POINTER(arg.buffer->dtype), access);
  v->aliases = aliases;
  vec_push(&k->args, arg);
  k->bytes += bytes;
  return lx_var(k->b, v);
}

static LExpr *value(Kernel *k, const char *name, Value *v, LAccess access, bool aliases) {
  LArg arg = {.buffer = lower_buffer(k->lw, v), .dim = lower_offset(k->lw, v)};
  return pointer(k, name, arg, lower_estimate(k->lw, type_bytes(k->lw->m, v->type)), access, aliases);
}

LExpr *kernel_buffer(Kernel *k, const char *name, LBuffer *buffer, LAccess access) {
  return pointer(k, name, (LArg){.buffer = buffer}, lower_estimate(k->lw, buffer->bytes), access, false);
}
LExpr *kernel_in(Kernel *k, const char *name, Value *v) { return value(k, name, v, ACCESS_IN, false); }
LExpr *kernel_in_place(Kernel *k, const char *name, Value *v) { return value(k, name, v, ACCESS_IN, true); }
LExpr *kernel_out(Kernel *k, const char *name, Value *v) { return value(k, name, v, ACCESS_OUT, false); }
LExpr *kernel_out_in_place(Kernel *k, const char *name, Value *v) { return value(k, name, v, ACCESS_OUT, true); }
LExpr *kernel_inout(Kernel *k, const char *name, Value *v) { return value(k, name, v, ACCESS_INOUT, false); }

LExpr *kernel_count(Kernel *k, const char *name, const Node *n) {
  Lower *lw = k->lw;
  int symbol = dim_symbol_index(lw->m->dims, graph_count(n));
  LBuffer *b = lower_new_buffer(lw, BUFFER_COUNT, dim_symbol_at(lw->m->dims, symbol)->name, DT_I64, sizeof(int64_t));
  b->index = symbol;
  return kernel_buffer(k, name, b, ACCESS_OUT);
}

void kernel_advance(Kernel *k, Dim elements) {
  LArg *last = &k->args.data[k->args.len - 1];
  last->dim = dim_add(k->lw->m->dims, last->dim, elements);
}

LExpr *kernel_scratch(Kernel *k, const char *name, DType dtype, Dim bytes) {
  LProgram *p = k->lw->p;
  LBuffer *s =
      lower_new_buffer(k->lw, BUFFER_SCRATCH, arena_printf(p->arena, "scratch%zu", p->buffers.len), dtype, bytes);
  return pointer(k, name, (LArg){.buffer = s}, 0, ACCESS_INOUT, false);
}

// A table of n floats under a name that no layer can have; made once a module.
static LExpr *table(Kernel *k, const char *name, const char *weight, int n, const float *values) {
  Module *m = k->lw->m;
  Weight *w = graph_find_weight(m, weight);
  if (!w) {
    Blob *blob = blob_malloc((size_t)n * sizeof *values);
    memcpy((void *)blob->data, values, (size_t)n * sizeof *values);
    w = graph_dense(m, weight, type_get(m, DT_F32, 1, (Dim[]){n}), blob);
  }
  return kernel_buffer(k, name, pack_row_major(k->lw, w), ACCESS_IN);
}

LExpr *kernel_tail(Kernel *k, const char *name, double fill) {
  float values[2 * BLOCK] = {0};
  for (int i = 0; i < BLOCK; i++) values[BLOCK + i] = (float)fill;
  return table(k, name, arena_printf(k->lw->m->arena, "tail(%g)", fill), 2 * BLOCK, values);
}

LExpr *kernel_iota(Kernel *k, const char *name) {
  float values[BLOCK];
  for (int i = 0; i < BLOCK; i++) values[i] = (float)i;
  return table(k, name, "iota()", BLOCK, values);
}

LExpr *kernel_dim(Kernel *k, Dim d) {
  CHECK(d != DIM_INVALID, "an invalid dimension reached lowering");
  if (dim_is_const(d)) return lx_int(k->b, d);
  for (size_t i = 0; i < k->dims.len; i++)
    if (k->dims.data[i] == d) return lx_var(k->b, k->dim_vars.data[i]);
  char name[16];
  snprintf(name, sizeof name, "d%zu", k->dims.len);
  LVar *v = loop_param(k->b, name, L_INDEX, ACCESS_NONE);
  vec_push(&k->dims, d);
  vec_push(&k->dim_vars, v);
  vec_push(&k->args, (LArg){.dim = d});
  return lx_var(k->b, v);
}

Dim kernel_tasks(Kernel *k, int n, const Dim *extents, LExpr **out) {
  DimTable *dims = k->lw->m->dims;
  Dim tasks = 1;
  for (int i = 0; i < n; i++) tasks = dim_mul(dims, tasks, extents[i]);
  LExpr *t = loop_for(k->b, "t", loop_begin(k->b), loop_end(k->b), 1);
  for (int i = n - 1; i >= 0; i--) {
    bool outermost = true;
    for (int j = 0; j < i; j++) outermost &= extents[j] == 1;
    if (extents[i] == 1)
      out[i] = lx_int(k->b, 0);
    else if (outermost)
      out[i] = t;
    else {
      LExpr *e = kernel_dim(k, extents[i]);
      out[i] = loop_let(k->b, "t", lx_op(k->b, LOOP_MOD, t, e));
      t = loop_let(k->b, "t", lx_op(k->b, LOOP_DIV, t, e));
    }
    if (outermost) t = lx_int(k->b, 0);
  }
  return tasks;
}

void kernel_piece(Kernel *k, LExpr *t, int64_t size, Dim total, LExpr **lo, LExpr **hi) {
  *lo = loop_let(k->b, "lo", lx_muli(k->b, t, size));
  *hi = loop_let(k->b, "hi", lx_min(k->b, lx_addi(k->b, *lo, size), kernel_dim(k, total)));
}

Dim kernel_pieces(Lower *lw, int64_t size, Dim total) {
  return dim_floordiv(lw->m->dims, dim_add(lw->m->dims, total, size - 1), size);
}

LExpr *kernel_passes(Kernel *k, int64_t n) {
  bool opened;
  LExpr *pass = kernel_loop(k, "pass", lx_int(k->b, 0), lx_int(k->b, n), &opened);
  k->passes += opened;
  return pass;
}

// The layers that a phase computes, for profiles: the node's, and what passes have put into it, in the order of
// execution.
static const char *source_of(Lower *lw, const Node *n) {
  const char *name = n->name ? n->name : op_info(n->op)->name;
  if (!op_has(n->op, TRAIT_EPILOGUE)) return name;
  const OpInfo *op = op_info(n->op);
  const char *scale = "", *add = "", *act = NULL;
  for (int i = 0; i < n->n_operands; i++) {
    const Value *v = operand(n, i);
    if (!v) continue;
    if (!strcmp(op->operands[i].name, "residual")) add = " +add";
    const Weight *w = weight_behind(v);
    if (w && strstr(w->name, ".folded")) scale = " +scale";
  }
  for (int i = 0; i < op->n_attrs; i++)
    if (!strcmp(op_attr(n->op, i)->name, "act") && strcmp(n->attrs[i].s, "none")) act = n->attrs[i].s;
  return arena_printf(lw->p->arena, "%s%s%s%s%s", name, scale, add, act ? " +" : "", act ? act : "");
}

void kernel_finish(Kernel *k, const Node *n, Dim tasks, int64_t macs, const char *detail) {
  for (int i = 0; i <= k->passes; i++) loop_end_for(k->b);
  LProgram *p = k->lw->p;
  LKernel *kernel = loop_end_kernel(k->b);
  const char *name = source_of(k->lw, n);
  while (k->before.len) name = arena_printf(p->arena, "%s %s", source_of(k->lw, vec_pop(&k->before)), name);
  LPhase *phase = loop_phase(p, arena_strdup(p->arena, name), kernel, tasks);
  phase->span = n->span;
  phase->detail = arena_strdup(p->arena, detail ? detail : "");
  phase->macs = macs;
  phase->bytes = k->bytes;
  for (size_t i = 0; i < k->args.len; i++) vec_push(&phase->args, k->args.data[i]);
  vec_free(&k->args);
  vec_free(&k->dims);
  vec_free(&k->dim_vars);
  vec_free(&k->before);
}

LExpr *kernel_loop(Kernel *k, const char *name, LExpr *lo, LExpr *hi, bool *opened) {
  *opened = !(lo->op == LOOP_INT && hi->op == LOOP_INT && hi->i - lo->i == 1);
  return *opened ? loop_for(k->b, name, lo, hi, 1) : lo;
}

void kernel_end_loop(Kernel *k, bool opened) {
  if (opened) loop_end_for(k->b);
}
