// Kernels as sequences of words, to compare them: equal but for the names of what they declare is equal here.
// Variables are their numbers, expressions stand in prefix order.
#include "ir/loop/loop.h"
#include <string.h>

static void put(StrBuf *out, uint64_t word) { strbuf_write(out, (const char *)&word, sizeof word); }

static void put_type(StrBuf *out, LType t) {
  put(out, (uint64_t)t.dtype | (uint64_t)t.lanes << 8 | (uint64_t)t.pointer << 16);
}

static void put_expr(StrBuf *out, const LExpr *e) {
  put(out, (uint64_t)e->op << 32 | (uint64_t)e->type.dtype | (uint64_t)e->type.lanes << 8);
  int operands = e->op == LOOP_LOCAL || e->op == LOOP_LOAD ? e->n : loop_op_info(e->op)->arity;
  switch (e->op) {
  case LOOP_INT:
  case LOOP_EXTRACT: put(out, (uint64_t)e->i); break;
  case LOOP_FLOAT: strbuf_write(out, (const char *)&e->f, sizeof e->f); break;
  case LOOP_VAR:
  case LOOP_LOCAL: put(out, e->var->id); break;
  case LOOP_LOAD: put(out, (uint64_t)e->n); break;
  default: break;
  }
  if (e->lanes) { // a list of its own, 4 bytes each
    put(out, (uint64_t)e->n);
    strbuf_write(out, (const char *)e->lanes, sizeof *e->lanes * (size_t)e->n);
  }
  for (int i = 0; i < operands; i++) put_expr(out, e->args[i]);
}

static void put_optional(StrBuf *out, const LExpr *e) {
  put(out, e != NULL);
  if (e) put_expr(out, e);
}

static void put_block(StrBuf *out, const LBlock *block);

static void put_stmt(StrBuf *out, const LStmt *s) {
  put(out, (uint64_t)s->kind | (uint64_t)s->unroll << 8 | (uint64_t)s->locality << 16);
  if (s->var) put(out, s->var->id);
  switch (s->kind) {
  case STMT_LET: break;
  case STMT_LOCAL:
    put_type(out, s->var->type);
    put(out, (uint64_t)s->var->rank);
    for (int i = 0; i < s->var->rank; i++) put(out, (uint64_t)s->var->dims[i]);
    return;
  case STMT_SET:
    for (int i = 0; i < s->var->rank; i++) put_expr(out, s->index[i]);
    break;
  case STMT_STORE: put_optional(out, s->count); // fall through
  case STMT_PREFETCH:
    put_expr(out, s->pointer);
    put_expr(out, s->offset);
    if (s->kind == STMT_PREFETCH) return;
    break;
  case STMT_FOR:
    put_expr(out, s->lo);
    put_expr(out, s->hi);
    put(out, (uint64_t)s->step);
    put_block(out, &s->body);
    return;
  case STMT_IF: break;
  case STMT_RETURN: put(out, (uint64_t)s->status); return;
  }
  put_expr(out, s->value);
  if (s->kind != STMT_IF) return;
  put_block(out, &s->body);
  put_block(out, &s->other);
}

static void put_block(StrBuf *out, const LBlock *block) {
  for (const LStmt *s = block->first; s; s = s->next) put_stmt(out, s);
  put(out, UINT64_MAX);
}

void loop_kernel_code(const LKernel *k, StrBuf *out) {
  for (size_t i = 0; i < k->params.len; i++) {
    const LVar *v = k->params.data[i];
    put(out, (uint64_t)v->access | (uint64_t)v->aliases << 8);
    put_type(out, v->type);
  }
  put_block(out, &k->body);
}

bool loop_kernel_equal(const LKernel *a, const LKernel *b) {
  if (a->hash != b->hash) return false;
  StrBuf x = {0}, y = {0};
  loop_kernel_code(a, &x);
  loop_kernel_code(b, &y);
  bool same = x.len == y.len && !memcmp(x.s, y.s, x.len);
  strbuf_free(&x);
  strbuf_free(&y);
  return same;
}
