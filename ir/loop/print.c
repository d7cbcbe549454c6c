// The text form of programs; read.c reads it back. Numbers are exact, parentheses are the fewest that keep structure.
#include "ir/loop/loop.h"
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

// ---- expressions

enum { PREC_NONE, PREC_PRIMARY = 100 };

static int precedence(LOp op) {
  switch (op) {
  case LOOP_OR: return 1;
  case LOOP_XOR: return 2;
  case LOOP_AND: return 3;
  case LOOP_EQ:
  case LOOP_NE: return 4;
  case LOOP_LT:
  case LOOP_LE: return 5;
  case LOOP_SHL:
  case LOOP_SHR: return 6;
  case LOOP_ADD:
  case LOOP_SUB: return 7;
  case LOOP_MUL:
  case LOOP_DIV:
  case LOOP_MOD: return 8;
  default: return PREC_PRIMARY;
  }
}

void loop_print_type(LType t, StrBuf *out) {
  if (t.dtype == DT_I64 && t.lanes == 1 && !t.pointer) {
    strbuf_puts(out, "index");
    return;
  }
  strbuf_puts(out, dtype_name(t.dtype));
  if (t.lanes != 1) strbuf_printf(out, "x%d", t.lanes);
  if (t.pointer) strbuf_putc(out, '*');
}

// 1.5, 1.5f32x16, 3i32x16, inf:f32x16; a plain integer is an index.
static void print_const(const LExpr *e, StrBuf *out) {
  bool finite = e->f - e->f == 0;
  if (e->type.dtype == DT_U64 && e->f > 0)
    strbuf_printf(out, "%" PRIu64, (uint64_t)e->f);
  else if (!dtype_is_float(e->type.dtype))
    strbuf_printf(out, "%" PRId64, (int64_t)e->f);
  else if (e->type.dtype == DT_F32 && (double)(float)e->f == e->f)
    strbuf_float(out, (float)e->f);
  else
    strbuf_double(out, e->f);
  if (e->type.dtype == DT_F32 && e->type.lanes == 1 && finite) return;
  if (!finite) strbuf_putc(out, ':');
  strbuf_puts(out, dtype_name(e->type.dtype));
  if (e->type.lanes != 1) strbuf_printf(out, "x%d", e->type.lanes);
}

static void print_expr(const LExpr *e, int outer, StrBuf *out);

static void print_list(LExpr *const *args, int n, StrBuf *out) {
  for (int i = 0; i < n; i++) {
    if (i) strbuf_puts(out, ", ");
    print_expr(args[i], PREC_NONE, out);
  }
}

static void print_place(const LExpr *pointer, const LExpr *offset, int lanes, const LExpr *count, StrBuf *out) {
  print_expr(pointer, PREC_PRIMARY, out);
  strbuf_putc(out, '[');
  print_expr(offset, PREC_NONE, out);
  if (lanes != 1 || count) strbuf_printf(out, "; %d", lanes);
  if (count) {
    strbuf_puts(out, ", ");
    print_expr(count, PREC_NONE, out);
  }
  strbuf_putc(out, ']');
}

static void print_local(const LVar *v, LExpr *const *index, StrBuf *out) {
  strbuf_puts(out, v->name);
  if (!v->rank) return;
  strbuf_putc(out, '[');
  print_list(index, v->rank, out);
  strbuf_putc(out, ']');
}

static void print_call(const LExpr *e, StrBuf *out) {
  strbuf_puts(out, loop_op_info(e->op)->name);
  if (e->op == LOOP_CAST || e->op == LOOP_BITCAST) strbuf_printf(out, "_%s", dtype_name(e->type.dtype));
  if (e->op == LOOP_SPLAT) strbuf_printf(out, "%d", e->type.lanes);
  strbuf_putc(out, '(');
  print_list(e->args, loop_op_info(e->op)->arity, out);
  if (e->op == LOOP_EXTRACT) strbuf_printf(out, "; %" PRId64, e->i);
  if (e->op == LOOP_SHUFFLE)
    for (int i = 0; i < e->n; i++) strbuf_printf(out, "%s %d", i ? "," : ";", e->lanes[i]);
  if (e->op == LOOP_LOOKUP)
    for (int i = 0; i < e->n; i++) {
      strbuf_puts(out, i ? ", " : "; ");
      strbuf_float(out, e->entries[i]);
    }
  strbuf_putc(out, ')');
}

static void print_infix(const LExpr *e, int outer, StrBuf *out) {
  int prec = precedence(e->op);
  const LExpr *right = e->args[1];
  if (prec < outer) strbuf_putc(out, '(');
  print_expr(e->args[0], prec, out);
  if (e->op == LOOP_ADD && right->op == LOOP_INT && right->i < 0 && right->i > INT64_MIN) {
    strbuf_printf(out, " - %" PRId64, -right->i);
  } else {
    strbuf_printf(out, " %s ", loop_op_info(e->op)->text);
    print_expr(right, prec + 1, out);
  }
  if (prec < outer) strbuf_putc(out, ')');
}

static void print_expr(const LExpr *e, int outer, StrBuf *out) {
  switch (e->op) {
  case LOOP_INT: strbuf_printf(out, "%" PRId64, e->i); return;
  case LOOP_FLOAT: print_const(e, out); return;
  case LOOP_VAR: strbuf_puts(out, e->var->name); return;
  case LOOP_LOCAL: print_local(e->var, e->args, out); return;
  case LOOP_LOAD: print_place(e->args[0], e->args[1], e->type.lanes, e->n == 3 ? e->args[2] : NULL, out); return;
  default:
    if (*loop_op_info(e->op)->text)
      print_infix(e, outer, out);
    else
      print_call(e, out);
  }
}

// ---- statements

static void print_block(const LBlock *block, int depth, StrBuf *out);

static void print_local_type(const LVar *v, StrBuf *out) {
  loop_print_type(v->type, out);
  for (int i = 0; i < v->rank; i++) strbuf_printf(out, "%s%d", i ? ", " : "[", v->dims[i]);
  if (v->rank) strbuf_putc(out, ']');
}

static void print_for(const LStmt *s, int depth, StrBuf *out) {
  strbuf_printf(out, "for %s in ", s->var->name);
  print_expr(s->lo, PREC_NONE, out);
  strbuf_puts(out, "..");
  print_expr(s->hi, PREC_NONE, out);
  if (s->step != 1) strbuf_printf(out, " step %" PRId64, s->step);
  strbuf_puts(out, s->unroll ? " unroll {\n" : " {\n");
  print_block(&s->body, depth + 1, out);
  strbuf_fill(out, ' ', 2 * depth);
  strbuf_putc(out, '}');
}

static void print_if(const LStmt *s, int depth, StrBuf *out) {
  strbuf_puts(out, "if ");
  print_expr(s->value, PREC_NONE, out);
  strbuf_puts(out, " {\n");
  print_block(&s->body, depth + 1, out);
  strbuf_fill(out, ' ', 2 * depth);
  strbuf_putc(out, '}');
  if (!s->other.first) return;
  strbuf_puts(out, " else {\n");
  print_block(&s->other, depth + 1, out);
  strbuf_fill(out, ' ', 2 * depth);
  strbuf_putc(out, '}');
}

static void print_stmt(const LStmt *s, int depth, StrBuf *out) {
  switch (s->kind) {
  case STMT_LET: strbuf_printf(out, "let %s = ", s->var->name); break;
  case STMT_LOCAL:
    strbuf_printf(out, "local %s: ", s->var->name);
    print_local_type(s->var, out);
    return;
  case STMT_SET:
    print_local(s->var, s->index, out);
    strbuf_puts(out, " = ");
    break;
  case STMT_STORE:
    print_place(s->pointer, s->offset, s->value->type.lanes, s->count, out);
    strbuf_puts(out, " = ");
    break;
  case STMT_FOR: print_for(s, depth, out); return;
  case STMT_IF: print_if(s, depth, out); return;
  case STMT_PREFETCH:
    strbuf_puts(out, "prefetch ");
    print_place(s->pointer, s->offset, 1, NULL, out);
    strbuf_printf(out, ", %d", s->locality);
    return;
  case STMT_RETURN: strbuf_printf(out, "return %d", s->status); return;
  }
  print_expr(s->value, PREC_NONE, out);
}

static void print_block(const LBlock *block, int depth, StrBuf *out) {
  for (const LStmt *s = block->first; s; s = s->next) {
    strbuf_fill(out, ' ', 2 * depth);
    print_stmt(s, depth, out);
    strbuf_putc(out, '\n');
  }
}

static void print_kernel_body(const LKernel *k, StrBuf *out) {
  static const char *const access[] = {"", "in ", "out ", "inout "};
  strbuf_putc(out, '(');
  for (size_t i = 0; i < k->params.len; i++) {
    const LVar *v = k->params.data[i];
    strbuf_printf(out, "%s%s: %s%s", i ? ", " : "", v->name, access[v->access], v->aliases ? "aliases " : "");
    loop_print_type(v->type, out);
  }
  strbuf_puts(out, ") {\n");
  print_block(&k->body, 1, out);
  strbuf_puts(out, "}\n");
}

void loop_print_kernel(const LProgram *p, const LKernel *k, StrBuf *out) {
  (void)p;
  strbuf_printf(out, "kernel %s", k->name);
  print_kernel_body(k, out);
}

// ---- programs

static void print_name(const char *s, StrBuf *out) {
  bool plain = isalpha((unsigned char)*s) || *s == '_';
  for (const char *c = s; *c; c++) plain &= isalnum((unsigned char)*c) || *c == '_';
  if (plain)
    strbuf_puts(out, s);
  else
    strbuf_quoted(out, s);
}

static void print_tensors(const LProgram *p, const char *word, const LTensor *t, size_t n, StrBuf *out) {
  for (size_t i = 0; i < n; i++, t++) {
    strbuf_printf(out, "%s ", word);
    print_name(t->name, out);
    strbuf_printf(out, ": %s[", dtype_name(t->dtype));
    for (int d = 0; d < t->rank; d++) {
      if (d) strbuf_puts(out, ", ");
      dim_print(p->dims, t->dims[d], out);
    }
    strbuf_puts(out, "]\n");
  }
}

static void print_head(const LProgram *p, StrBuf *out) {
  strbuf_puts(out, "loop 1 ");
  print_name(p->name, out);
  strbuf_putc(out, '\n');
  for (int i = 0; i < dim_symbol_count(p->dims); i++) {
    const Symbol *s = dim_symbol_at(p->dims, i);
    strbuf_printf(out, "%s %s max ", s->is_count ? "count" : "symbol", s->name);
    dim_print(p->dims, s->is_count ? s->capacity : s->max, out);
    strbuf_putc(out, '\n');
  }
  print_tensors(p, "input", p->inputs.data, p->inputs.len, out);
  print_tensors(p, "output", p->outputs.data, p->outputs.len, out);
  for (size_t i = 0; i < p->labels.len; i++) {
    strbuf_puts(out, "label ");
    strbuf_quoted(out, p->labels.data[i]);
    strbuf_putc(out, '\n');
  }
  for (size_t i = 0; i < p->meta.len; i++) {
    strbuf_puts(out, "meta ");
    print_name(p->meta.data[i].key, out);
    strbuf_puts(out, " = ");
    strbuf_quoted(out, p->meta.data[i].value);
    strbuf_putc(out, '\n');
  }
  for (size_t i = 0; i < p->assertions.len; i++) {
    strbuf_puts(out, "assert ");
    strbuf_quoted(out, p->assertions.data[i].text);
    strbuf_puts(out, " = ");
    dim_print(p->dims, p->assertions.data[i].condition, out);
    strbuf_putc(out, '\n');
  }
}

static void print_size(const LProgram *p, const char *word, Dim d, StrBuf *out) {
  if (d == -1) return;
  strbuf_printf(out, "%s ", word);
  dim_print(p->dims, d, out);
  strbuf_putc(out, '\n');
}

static void print_buffer(const LProgram *p, const LBuffer *b, StrBuf *out) {
  static const char *const kinds[] = {"input", "output", "count", "weight", "arena", "scratch"};
  strbuf_puts(out, "buffer ");
  print_name(b->name, out);
  strbuf_printf(out, ": %s", kinds[b->kind]);
  if (b->kind <= BUFFER_COUNT) strbuf_printf(out, " %d", b->index);
  strbuf_printf(out, " %s bytes ", dtype_name(b->dtype));
  dim_print(p->dims, b->bytes, out);
  if (b->offset != -1) {
    strbuf_puts(out, " at ");
    dim_print(p->dims, b->offset, out);
  }
  if (b->hash) strbuf_printf(out, " hash %016" PRIx64, b->hash);
  strbuf_putc(out, '\n');
}

static void print_phase(const LProgram *p, const LPhase *phase, StrBuf *out) {
  strbuf_puts(out, "phase ");
  strbuf_quoted(out, phase->name);
  if (*phase->detail) {
    strbuf_puts(out, " detail ");
    strbuf_quoted(out, phase->detail);
  }
  strbuf_printf(out, " = %s(", phase->kernel->name);
  for (size_t i = 0; i < phase->args.len; i++) {
    const LArg *a = &phase->args.data[i];
    if (i) strbuf_puts(out, ", ");
    if (a->buffer) print_name(a->buffer->name, out);
    if (a->buffer && a->dim != 0) strbuf_puts(out, " + ");
    if (!a->buffer) strbuf_puts(out, "dim ");
    if (!a->buffer || a->dim != 0) dim_print(p->dims, a->dim, out);
  }
  strbuf_puts(out, ") tasks ");
  dim_print(p->dims, phase->tasks, out);
  if (phase->macs) strbuf_printf(out, " macs %" PRId64, phase->macs);
  if (phase->bytes) strbuf_printf(out, " bytes %" PRId64, phase->bytes);
  strbuf_putc(out, '\n');
}

void loop_print(const LProgram *p, StrBuf *out) {
  print_head(p, out);
  print_size(p, "arena_bytes", p->arena_bytes, out);
  print_size(p, "scratch_bytes", p->scratch_bytes, out);
  print_size(p, "weight_bytes", p->weight_bytes, out);
  print_size(p, "arena_bound", p->arena_bound, out);
  for (size_t i = 0; i < p->buffers.len; i++) print_buffer(p, p->buffers.data[i], out);
  for (size_t i = 0; i < p->kernels.len; i++) {
    strbuf_putc(out, '\n');
    loop_print_kernel(p, p->kernels.data[i], out);
  }
  if (p->phases.len) strbuf_putc(out, '\n');
  for (size_t i = 0; i < p->phases.len; i++) print_phase(p, p->phases.data[i], out);
}
