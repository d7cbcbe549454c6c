// Reads what print.c writes. The text may be anything: sizes, depths and names are checked, the first mistake ends the
// reading with a diagnostic.
#include "ir/loop/lex.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void read_symbol(Reader *r) {
  const char *name = lex_name(r);
  lex_expect_word(r, "max");
  int64_t max = lex_int(r);
  if (r->failed) return;
  int known = dim_symbol_count(r->program->dims);
  if (max < 1)
    lex_fail(r, "a symbol's range is empty");
  else if (dim_symbol(r->program->dims, name, max) == DIM_INVALID || dim_symbol_count(r->program->dims) == known)
    lex_fail(r, "a symbol repeats, or there are too many");
}

static void read_count(Reader *r) {
  const char *name = lex_name(r);
  lex_expect_word(r, "max");
  Dim capacity = lex_dim(r);
  if (r->failed) return;
  DimTable *t = r->program->dims;
  Dim d = dim_counts(t, capacity) ? DIM_INVALID : dim_count(t, name, capacity);
  if (d == DIM_INVALID || strcmp(dim_symbol_at(t, dim_symbol_index(t, d))->name, name))
    lex_fail(r, "a count repeats, has another as its capacity, or there are too many");
}

static void read_tensor(Reader *r, LTensor *t) {
  *t = (LTensor){.name = lex_name(r)};
  lex_expect(r, ':');
  t->dtype = lex_dtype(r);
  lex_expect(r, '[');
  while (!r->failed && !lex_is_sign(r, ']')) {
    if (t->rank) lex_expect(r, ',');
    if (t->rank == 16)
      lex_fail(r, "a tensor has up to 16 dimensions");
    else
      t->dims[t->rank++] = lex_dim(r);
  }
  lex_expect(r, ']');
}

static uint64_t read_hash(Reader *r) {
  char *end;
  uint64_t hash = strtoull(r->begin, &end, 16);
  if (end != r->begin + 16)
    lex_fail(r, "a hash has 16 hexadecimal digits");
  else
    r->at = end;
  lex_next(r);
  return hash;
}

static void read_buffer(Reader *r) {
  static const char *const kinds[] = {"input", "output", "count", "weight", "arena", "scratch"};
  const char *name = lex_name(r);
  int kind = 0;
  lex_expect(r, ':');
  while (kind <= BUFFER_SCRATCH && !lex_is_word(r, kinds[kind])) kind++;
  if (kind > BUFFER_SCRATCH) lex_fail(r, "expected input, output, count, weight, arena or scratch");
  lex_next(r);
  int index = kind <= BUFFER_COUNT ? lex_small(r) : 0;
  DType t = lex_dtype(r);
  lex_expect_word(r, "bytes");
  Dim bytes = lex_dim(r);
  if (r->failed) return;
  LBuffer *b = loop_buffer(r->program, (LBufferKind)kind, name, t, bytes);
  b->index = index;
  if (lex_accept_word(r, "at")) b->offset = lex_dim(r);
  if (lex_is_word(r, "hash")) {
    while (isspace((unsigned char)*r->at)) r->at++;
    r->begin = r->at;
    b->hash = read_hash(r);
  }
}

static LArg read_arg(Reader *r) {
  if (lex_accept_word(r, "dim")) return (LArg){NULL, lex_dim(r)};
  const char *name = lex_name(r);
  LArg a = {0};
  a.buffer = loop_find_buffer(r->program, name);
  if (!a.buffer) lex_fail(r, arena_printf(r->program->arena, "unknown buffer `%s`", name));
  if (lex_is_sign(r, '+')) {
    lex_next(r);
    a.dim = lex_dim(r);
  }
  return a;
}

static void read_phase(Reader *r) {
  const char *name = lex_quoted(r);
  const char *detail = lex_accept_word(r, "detail") ? lex_quoted(r) : "";
  lex_expect(r, '=');
  const char *kernel_name = lex_name(r);
  LKernel *k = loop_find_kernel(r->program, kernel_name);
  if (!k) lex_fail(r, arena_printf(r->program->arena, "unknown kernel `%s`", kernel_name));
  if (r->failed) return;
  LPhase *phase = loop_phase(r->program, name, k, 0);
  phase->detail = detail;
  lex_expect(r, '(');
  while (!r->failed && !lex_is_sign(r, ')')) {
    if (phase->args.len) lex_expect(r, ',');
    vec_push(&phase->args, read_arg(r));
  }
  lex_expect(r, ')');
  lex_expect_word(r, "tasks");
  phase->tasks = lex_dim(r);
  if (lex_accept_word(r, "macs")) phase->macs = lex_int(r);
  if (lex_accept_word(r, "bytes")) phase->bytes = lex_int(r);
}

static void read_item(Reader *r) {
  LProgram *p = r->program;
  LTensor t;
  if (lex_accept_word(r, "symbol"))
    read_symbol(r);
  else if (lex_accept_word(r, "count"))
    read_count(r);
  else if (lex_accept_word(r, "input")) {
    read_tensor(r, &t);
    vec_push(&p->inputs, t);
  } else if (lex_accept_word(r, "output")) {
    read_tensor(r, &t);
    vec_push(&p->outputs, t);
  } else if (lex_accept_word(r, "label"))
    vec_push(&p->labels, lex_quoted(r));
  else if (lex_accept_word(r, "meta")) {
    LMeta m = {.key = lex_name(r)};
    lex_expect(r, '=');
    m.value = lex_quoted(r);
    vec_push(&p->meta, m);
  } else if (lex_accept_word(r, "assert")) {
    LAssertion a = {.text = lex_quoted(r)};
    lex_expect(r, '=');
    a.condition = lex_dim(r);
    vec_push(&p->assertions, a);
  } else if (lex_accept_word(r, "arena_bytes"))
    p->arena_bytes = lex_dim(r);
  else if (lex_accept_word(r, "scratch_bytes"))
    p->scratch_bytes = lex_dim(r);
  else if (lex_accept_word(r, "weight_bytes"))
    p->weight_bytes = lex_int(r);
  else if (lex_accept_word(r, "arena_bound"))
    p->arena_bound = lex_dim(r);
  else if (lex_accept_word(r, "buffer"))
    read_buffer(r);
  else if (lex_accept_word(r, "kernel"))
    read_kernel(r);
  else if (lex_accept_word(r, "phase"))
    read_phase(r);
  else
    lex_fail(r, "expected symbol, count, input, output, label, meta, assert, buffer, kernel or phase");
}

LProgram *loop_read(Diag *d, const char *name, const char *text, size_t size) {
  LProgram *p = loop_program_create("", NULL);
  Reader r = {.diag = d, .program = p, .file = diag_add_source(d, name, text, size)};
  r.text = r.at = r.begin = arena_strndup(p->arena, text, size);
  if (memchr(text, 0, size)) lex_fail(&r, "the text holds a zero byte");
  lex_next(&r);
  lex_expect_word(&r, "loop");
  if (lex_int(&r) != 1) lex_fail(&r, "expected version 1 of the loop IR");
  p->name = lex_name(&r);
  while (!r.failed && r.kind != TOK_END) read_item(&r);
  loop_report_counts(p);
  if (!r.failed) return p;
  loop_program_destroy(p);
  return NULL;
}
