// The C header of a model: the runtime's public header behind its own guard, then the model's types, sizes and
// functions.
#include "codegen/internal.h"
#include "ir/core/check.h"
#include "runtime/blob.h"
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

typedef struct Header {
  const LProgram *p;
  Arena *arena;
  bool selftest;
  const char *model, *macro; // macro: the model's name in capitals
  StrBuf *out;
  Vec(const char *) names; // of run's parameters
} Header;

static const char *const c_types[DT_COUNT] = {
    [DT_F32] = "float",    [DT_F64] = "double",   [DT_F16] = "uint16_t", [DT_BF16] = "uint16_t", [DT_I8] = "int8_t",
    [DT_I16] = "int16_t",  [DT_I32] = "int32_t",  [DT_I64] = "int64_t",  [DT_U8] = "uint8_t",    [DT_U16] = "uint16_t",
    [DT_U32] = "uint32_t", [DT_U64] = "uint64_t", [DT_BOOL] = "uint8_t"};

static char *capitals(Arena *a, const char *s) {
  char *r = arena_strdup(a, s);
  for (char *c = r; *c; c++) *c = (char)toupper((unsigned char)*c);
  return r;
}

static const char *parameter(Header *h, const char *name) {
  const char *id = name_identifier(h->arena, name);
  for (size_t i = 0; i < h->names.len; i++)
    if (!strcmp(h->names.data[i], id)) {
      id = arena_printf(h->arena, "%s_", id);
      i = (size_t)-1;
    }
  vec_push(&h->names, id);
  return id;
}

// ---- sizes

static void print_c_dim(Header *h, Dim d) {
  static const char *const infix[] = {
      [DIM_ADD] = "+", [DIM_MUL] = "*", [DIM_FLOORDIV] = "/", [DIM_MOD] = "%", [DIM_EQ] = "==",
      [DIM_LT] = "<",  [DIM_LE] = "<=", [DIM_AND] = "&&",     [DIM_OR] = "||"};
  const Dim *operands;
  int n, symbol = dim_symbol_index(h->p->dims, d);
  if (dim_is_const(d)) {
    strbuf_printf(h->out, "%" PRId64, d);
    return;
  }
  if (symbol >= 0) {
    strbuf_printf(h->out, "(int64_t)(%s)", h->names.data[3 + symbol]);
    return;
  }
  DimOp op = dim_op(h->p->dims, d, &n, &operands);
  strbuf_putc(h->out, '(');
  if (op == DIM_NOT) strbuf_putc(h->out, '!');
  for (int i = 0; i < n; i++) {
    bool choice = op == DIM_MIN || op == DIM_MAX;
    if (choice && i + 1 < n) { // a < b ? a : (the least of b and the rest)
      print_c_dim(h, operands[i]);
      strbuf_puts(h->out, op == DIM_MIN ? " < " : " > ");
      print_c_dim(h, operands[i + 1]);
      strbuf_puts(h->out, " ? ");
      print_c_dim(h, operands[i]);
      strbuf_puts(h->out, " : ");
      CHECK(n == 2, "a choice of %d", n);
    } else {
      if (i && !choice) strbuf_printf(h->out, " %s ", infix[op]);
      print_c_dim(h, operands[i]);
    }
  }
  strbuf_putc(h->out, ')');
}

// For which the buffer has room, counts at their capacity.
static Dim elements(const LProgram *p, const LTensor *t) {
  Dim n = 1;
  for (int i = 0; i < t->rank; i++) n = dim_mul(p->dims, n, dim_capacity(p->dims, t->dims[i]));
  return n;
}

// The name of run's parameter for the count that d is; NULL: it is none.
static const char *count_name(const Header *h, Dim d) {
  const LProgram *p = h->p;
  for (size_t i = 0; i < p->counts.len; i++)
    if (p->counts.data[i].value == d) return h->names.data[h->names.len - p->counts.len + i];
  return NULL;
}

static void print_arguments(Header *h) {
  int n = dim_open_count(h->p->dims);
  for (int i = 0; i < n; i++)
    strbuf_printf(h->out, "%s%s%s", i ? ", " : "(", h->names.data[3 + i], i + 1 == n ? ")" : "");
}

static void print_size(Header *h, const char *tensor, const char *what, Dim d) {
  strbuf_printf(h->out, "#define %s_%s_%s", h->macro, tensor, what);
  if (!dim_is_const(d)) print_arguments(h);
  strbuf_putc(h->out, ' ');
  print_c_dim(h, d);
  strbuf_putc(h->out, '\n');
}

static void print_tensor(Header *h, const LTensor *t, const char *direction, const char *name) {
  const char *upper = capitals(h->arena, name);
  strbuf_printf(h->out, "\n/* %s: %s, %s[", name, direction, dtype_name(t->dtype));
  for (int i = 0; i < t->rank; i++) {
    if (i) strbuf_puts(h->out, ", ");
    const char *count = count_name(h, t->dims[i]);
    if (count)
      strbuf_puts(h->out, count);
    else
      dim_print(h->p->dims, t->dims[i], h->out);
  }
  strbuf_puts(h->out, "], row-major");
  for (int i = 0; i < t->rank; i++)
    if (count_name(h, t->dims[i])) strbuf_printf(h->out, "; %s is found by a run", count_name(h, t->dims[i]));
  for (int i = 0; i < t->rank; i++)
    if (dim_counts(h->p->dims, t->dims[i])) {
      strbuf_puts(h->out, ", sizes are the most that it can be");
      break;
    }
  strbuf_puts(h->out, " */\n");
  strbuf_printf(h->out, "#define %s_%s_RANK %d\n", h->macro, upper, t->rank);
  for (int i = 0; i < t->rank; i++)
    print_size(h, upper, arena_printf(h->arena, "DIM%d", i), dim_capacity(h->p->dims, t->dims[i]));
  Dim n = elements(h->p, t);
  print_size(h, upper, "ELEMENTS", n);
  print_size(h, upper, "BYTES", dim_mul(h->p->dims, n, (Dim)dtype_size(t->dtype)));
}

// ---- functions

static void print_dims(Header *h) {
  for (int i = 0; i < dim_open_count(h->p->dims); i++) strbuf_printf(h->out, ", int64_t %s", h->names.data[3 + i]);
}

static void print_run(Header *h, const char *name) {
  const LProgram *p = h->p;
  size_t first = 3 + (size_t)dim_open_count(p->dims);
  strbuf_printf(h->out, "int %s_%s(const %s *m, void *arena, size_t arena_bytes", h->model, name, h->model);
  print_dims(h);
  for (size_t i = 0; i < p->inputs.len; i++)
    strbuf_printf(h->out, ", const %s *%s", c_types[p->inputs.data[i].dtype], h->names.data[first + i]);
  for (size_t i = 0; i < p->outputs.len; i++)
    strbuf_printf(h->out, ", %s *%s", c_types[p->outputs.data[i].dtype], h->names.data[first + p->inputs.len + i]);
  for (size_t i = h->names.len - p->counts.len; i < h->names.len; i++)
    strbuf_printf(h->out, ", int64_t *%s", h->names.data[i]);
  strbuf_puts(h->out, ");\n");
}

static void print_functions(Header *h) {
  const char *m = h->model;
  strbuf_printf(h->out, "\ntypedef struct nncc_model %s;\n", m);
  strbuf_printf(h->out,
                "\n/* Opens the model: *m is then to be closed by %s_close. o may be NULL. Returns NNCC_OK or another "
                "status, and\n"
                " * then *m is NULL. Any thread; one open model serves any number of threads. */\n",
                m);
  strbuf_printf(h->out, "int %s_open(%s **m, const nncc_options *o);\n", m, m);
  strbuf_puts(h->out, "\n/* Bytes of arena that a run at these dimensions needs, 0 where it would refuse them. */\n");
  strbuf_printf(h->out, "size_t %s_arena_bytes(const %s *m", m, m);
  print_dims(h);
  strbuf_puts(h->out, ");\n");
  strbuf_printf(
      h->out,
      "\n/* Runs the model. The arena, aligned to %s_ARENA_ALIGN, is the caller's, one a concurrent run; its content "
      "means\n"
      " * nothing before or after. Inputs are only read; outputs do not overlap anything.%s Returns a status. */\n",
      h->macro,
      h->p->counts.len ? "\n * Into the counts behind the outputs it writes how many of their elements it found." : "");
  print_run(h, "run");
  strbuf_puts(h->out,
              "\n/* run in two steps, so that several runs are in flight, an arena each. Until wait has returned "
              "the run's status, the\n * arena, inputs and outputs are the run's. Options say how many compute "
              "at once (streams). Nothing is allocated. */\n");
  print_run(h, "submit");
  strbuf_printf(h->out, "int %s_wait(const %s *m, void *arena, size_t arena_bytes);\n", m, m);
  strbuf_printf(h->out,
                "\n/* Frees what open made, when no run is under way. NULL is allowed. */\nvoid %s_close(%s *m);\n", m,
                m);
  strbuf_printf(h->out, "\n/* A constant sentence about a status. */\nconst char *%s_strerror(int status);\n", m);
  if (h->selftest)
    strbuf_printf(
        h->out,
        "\n/* Opens the model, runs it on inputs of its own, compares the outputs with what they were when it was "
        "compiled,\n * closes it. NNCC_E_SELFTEST where they differ. Allocates what it needs. */\n"
        "int %s_selftest(void);\n",
        m);
  strbuf_printf(h->out,
                "\n/* Names, shapes, labels, and the functions above by generic pointers. */\nextern const "
                "nncc_model_info %s_info;\n",
                m);
}

static void print_body(Header *h) {
  const LProgram *p = h->p;
  static const char *const reserved[] = {"m", "arena", "arena_bytes"};
  for (int i = 0; i < 3; i++) vec_push(&h->names, reserved[i]);
  for (int i = 0; i < dim_open_count(p->dims); i++) parameter(h, dim_symbol_at(p->dims, i)->name);
  strbuf_printf(h->out, "\n#define %s_ARENA_ALIGN NNCC_ARENA_ALIGN\n", h->macro);
  for (int i = 0; i < dim_open_count(p->dims); i++) {
    const Symbol *s = dim_symbol_at(p->dims, i);
    strbuf_printf(h->out, "#define %s_%s_MAX INT64_C(%" PRId64 ")\n", h->macro,
                  capitals(h->arena, h->names.data[3 + i]), s->max);
  }
  size_t first = h->names.len;
  for (size_t i = 0; i < p->inputs.len; i++) parameter(h, p->inputs.data[i].name);
  for (size_t i = 0; i < p->outputs.len; i++) parameter(h, p->outputs.data[i].name);
  for (size_t i = 0; i < p->counts.len; i++) parameter(h, p->counts.data[i].name);
  for (size_t i = 0; i < p->inputs.len; i++) print_tensor(h, &p->inputs.data[i], "input", h->names.data[first + i]);
  first += p->inputs.len;
  for (size_t i = 0; i < p->outputs.len; i++) print_tensor(h, &p->outputs.data[i], "output", h->names.data[first + i]);
  print_functions(h);
}

void header_print(const LProgram *p, const char *model, bool selftest, StrBuf *out) {
  Header h = {.p = p, .selftest = selftest, .arena = arena_create(), .model = model, .out = out};
  h.macro = capitals(h.arena, model);
  strbuf_printf(
      out, "/* %s.h: the interface of a compiled model, generated by nncc. It needs no other file. C99 and C++. */\n\n",
      model);
  strbuf_write(out, nncc_rt_header, nncc_rt_header_size);
  strbuf_printf(out,
                "\n#ifndef NNCC_MODEL_%s_H\n#define NNCC_MODEL_%s_H\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n",
                model, model);
  print_body(&h);
  strbuf_puts(out, "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
  vec_free(&h.names);
  arena_destroy(h.arena);
}
