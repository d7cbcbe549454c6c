// A node as a call of the language: operands, attributes that are not their defaults, the arguments that its weights'
// shapes imply, its path.
#include "frontend/write/writer.h"
#include "ir/graph/infer.h"
#include "ir/graph/recurrent.h"
#include <math.h>
#include <string.h>

enum { CONSTANT_MOST = 4096, MAX_ROWS = 32 }; // elements that are written as numbers

static bool fail(Writer *w, const Node *n, const char *why) {
  diag_error(w->m->diag, n->span, "%s `%s` cannot be written in the language: %s", op_info(n->op)->name,
             n->name ? n->name : "", why);
  return false;
}

// ---- operands that are weights

static bool is_finite(Weight *w) {
  for (int64_t i = 0, n = weight_count(w); i < n; i++)
    if (!isfinite(weight_at(w, i))) return false;
  return true;
}

// Integers of the language stay below 2^62.
static bool is_writable(Weight *w) {
  DType stored;
  const void *data = weight_data(w, &stored);
  for (int64_t i = 0, n = weight_count(w); dtype_is_wide(stored) && i < n; i++) {
    int64_t v = dtype_load_int(stored, data, i);
    if (v >= INT64_C(1) << 62 || v <= -(INT64_C(1) << 62) || (v < 0 && stored == DT_U64)) return false;
  }
  return true;
}

static void put_element(Weight *w, StrBuf *b, int64_t i) {
  DType stored;
  const void *data = weight_data(w, &stored);
  if (dtype_is_float(w->type->dtype))
    put_number(b, weight_at(w, i));
  else
    strbuf_printf(b, "%lld", (long long)dtype_load_int(stored, data, i));
}

static void put_elements(Weight *w, StrBuf *b, int d, int64_t *at) {
  const Type *t = w->type;
  if (d == t->rank) {
    put_element(w, b, (*at)++);
    return;
  }
  strbuf_putc(b, '[');
  for (int64_t i = 0; i < t->dims[d]; i++) {
    if (i) strbuf_puts(b, ", ");
    put_elements(w, b, d + 1, at);
  }
  strbuf_putc(b, ']');
}

static void put_constant(Writer *w, Statement *s, Weight *v) {
  StrBuf b = {0};
  int64_t at = 0;
  put_elements(v, &b, 0, &at);
  put(w, s, "constant(%s%s%s)", strbuf_str(&b),
      v->type->dtype == DT_F32 ? "" : ", dtype=", v->type->dtype == DT_F32 ? "" : dtype_name(v->type->dtype));
  strbuf_free(&b);
}

// A number beside a tensor of its type.
static bool is_number(const Node *n, int i) {
  const Value *v = operand(n, i);
  if (v->type->rank || strcmp(op_info(n->op)->family, "elementwise") || (op_has(n->op, TRAIT_TERNARY) && !i))
    return false;
  for (int k = 0; k < n->n_operands; k++)
    if (k != i && operand(n, k) && !operand(n, k)->weight && operand(n, k)->type->dtype == v->type->dtype)
      return isfinite(weight_at(v->weight, 0));
  return false;
}

static bool put_weight(Writer *w, Statement *s, const Node *n, int i) {
  Weight *v = operand(n, i)->weight;
  DType t = v->type->dtype;
  int64_t count = weight_count(v);
  bool few = count <= (t == DT_F32 ? 16 : CONSTANT_MOST);
  if (few && !is_writable(v)) return fail(w, n, "one of its operands holds an integer of 2^62 or more");
  if (is_number(n, i)) {
    StrBuf b = {0};
    put_element(v, &b, 0);
    put(w, s, "%s", strbuf_str(&b));
    strbuf_free(&b);
    return true;
  }
  if (few && is_finite(v)) return put_constant(w, s, v), true;
  if (t != DT_F32) return fail(w, n, "one of its operands is a large constant that is not of f32");
  StrBuf b = {0};
  for (int d = 0; d < v->type->rank; d++) strbuf_printf(&b, "%s%lld", d ? ", " : "", (long long)v->type->dims[d]);
  put(w, s, "parameter([%s])", strbuf_str(&b));
  strbuf_free(&b);
  const char *path = path_clean(w->m->arena, v->name), *unique = path_unique(w, *path ? path : "constant");
  vec_push(&w->out->weights, (WrittenWeight){unique, v});
  put_path(w, s, unique);
  return true;
}

bool put_operand(Writer *w, Statement *s, const Node *n, int i) {
  const Value *v = operand(n, i);
  if (v->weight) return put_weight(w, s, n, i);
  put(w, s, "%s", w->names[v->id]);
  return true;
}

const char *operator_of(const Node *n) {
  switch (n->op) {
  case OP_ADD: return " + ";
  case OP_SUB: return " - ";
  case OP_MUL: return " * ";
  case OP_DIV: return " / ";
  default: return NULL;
  }
}

// ---- arguments

static int row_of(const OpInfo *op, const char *name) {
  int i = 0;
  while (i < op->n_params && strcmp(op->params[i].name, name)) i++;
  return i;
}

static void set_int(const OpInfo *op, Attr *args, const char *name, int64_t v) {
  int i = row_of(op, name);
  if (i < op->n_params) args[i] = (Attr){.kind = ATTR_INT, .i = v};
}

static bool ends_with(const char *s, const char *end) {
  size_t size = strlen(s), n = strlen(end);
  return size >= n && !strcmp(s + size - n, end);
}

// Which of its ways to name its weights fits those that it has; by their names, else by which are there.
static Attr names_of(Writer *w, const Node *n, const AttrInfo *row, const Attr *args) {
  const OpInfo *op = op_info(n->op);
  Attr by_presence = row->fallback, name = row->fallback;
  for (const char *choice = row->choices; *choice; choice += strspn(choice, "|")) {
    size_t k = strcspn(choice, "|");
    name.s = intern_n(w->m->names, choice, k);
    Attr trial[MAX_ROWS];
    memcpy(trial, args, sizeof *args * (size_t)op->n_params);
    trial[row - op->params] = name;
    bool fits = true, named = true;
    for (int i = 0; i < n->n_operands && i < op->n_operands; i++) {
      const Value *v = operand(n, i);
      const char *suffix = infer_weight_suffix(w->m->arena, n->op, i, trial);
      if (op->operands[i].kind < OPERAND_WEIGHT) continue;
      fits &= (suffix != NULL) == (v != NULL);
      named &= !suffix || (v && v->weight && ends_with(v->weight->name, suffix));
    }
    choice += k;
    if (fits && named) return name;
    if (fits) by_presence = name;
  }
  return by_presence;
}

// What shaped its weights; that which says whether one is there is known from the operands alone.
static void arguments_of(Writer *w, const Node *n, Attr *args) {
  const OpInfo *op = op_info(n->op);
  for (int i = 0; i < op->n_params; i++)
    args[i] = op->params[i].index >= 0 ? n->attrs[op->params[i].index] : op->params[i].fallback;
  bool stated[MAX_ROWS] = {false};
  for (int i = 0; i < op->n_operands; i++) {
    const OperandInfo *row = &op->operands[i];
    int at = row->kind == OPERAND_WEIGHT_IF ? row_of(op, row->condition) : op->n_params;
    if (at == op->n_params) continue;
    bool there = operand(n, i) != NULL || (stated[at] && args[at].i);
    args[at] = (Attr){.kind = ATTR_BOOL, .i = there};
    stated[at] = true;
  }
  int names = row_of(op, "names");
  if (names < op->n_params) args[names] = names_of(w, n, &op->params[names], args);
  switch (n->op) {
  case OP_CONV2D:
  case OP_CONV3D:
  case OP_CONV_TRANSPOSE2D:
  case OP_CONV_TRANSPOSE3D: {
    const Type *t = operand(n, IN_CONV2D_weight)->type; // the same operand of all
    bool transposed = n->op == OP_CONV_TRANSPOSE2D || n->op == OP_CONV_TRANSPOSE3D;
    set_int(op, args, "channels", transposed ? t->dims[1] * args[row_of(op, "groups")].i : t->dims[0]);
    int sides = t->rank - 2;
    const Dim *kernel = arena_memdup(w->m->arena, &t->dims[2], (size_t)sides * sizeof *kernel);
    args[row_of(op, "kernel")] = (Attr){ATTR_INTS, sides, .ints = kernel};
    break;
  }
  case OP_PATCH_EMBED:
    set_int(op, args, "dim", operand(n, IN_PATCH_EMBED_weight)->type->dims[0]);
    set_int(op, args, "patch", operand(n, IN_PATCH_EMBED_weight)->type->dims[2]);
    break;
  case OP_LINEAR: set_int(op, args, "features", operand(n, IN_LINEAR_weight)->type->dims[0]); break;
  case OP_LSTM:
  case OP_GRU:
  case OP_RNN:
    set_int(op, args, "hidden_size", operand(n, recurrent_cell(n->op)->weights + STATE_WEIGHT)->type->dims[1]);
    break;
  case OP_PRELU: set_int(op, args, "num_parameters", operand(n, IN_PRELU_weight)->type->dims[0]); break;
  default: break;
  }
}

static bool take_weights(Writer *w, const Node *n, const Attr *args, const char *path) {
  for (int i = 0; i < n->n_operands && i < op_info(n->op)->n_operands; i++) {
    Value *v = operand(n, i);
    const char *suffix = v ? infer_weight_suffix(w->m->arena, n->op, i, args) : NULL;
    if (!suffix) continue;
    if (!v->weight) return fail(w, n, "its weights are not constants");
    vec_push(&w->out->weights, (WrittenWeight){arena_printf(w->m->arena, "%s%s", path, suffix), v->weight});
  }
  return true;
}

static bool is_weight_row(const OperandInfo *row) { return row->kind >= OPERAND_WEIGHT; }

// Tensors and arguments by position, then by name.
static bool put_arguments(Writer *w, Statement *s, const Node *n, bool piped, const Attr *args) {
  const OpInfo *op = op_info(n->op);
  bool first = true;
  int positional = 0; // of the parameters
  for (int named = 0; named < 2; named++) {
    for (int i = piped; i < n->n_operands; i++) {
      const OperandInfo *row = &op->operands[i < op->n_operands ? i : op->n_operands - 1];
      if (is_weight_row(row) || !operand(n, i) || (row->kind == OPERAND_OPT) != named) continue;
      if (i > 0 && named && is_weight_row(&op->operands[i - 1])) return fail(w, n, "passes gave it an operand more");
      put(w, s, "%s%s%s", first ? "" : ", ", named ? row->name : "", named ? "=" : "");
      if (!put_operand(w, s, n, i)) return false;
      first = false;
    }
    for (int i = positional; i < op->n_params; i++) {
      const AttrInfo *row = &op->params[i];
      if (!named && (row->fallback.kind != ATTR_NONE || n->op == OP_CONCAT)) break;
      positional += !named;
      if (row->fallback.kind != ATTR_NONE && attr_equal(&row->fallback, &args[i])) continue;
      if (op_has(n->op, TRAIT_COUNTED) && row->index == op_count_attr(n->op)) continue; // a run finds it
      if (row->role == ROLE_IRATTR) return fail(w, n, "passes gave it an attribute more");
      StrBuf b = {0};
      put_attr(w, row, &args[i], &b);
      put(w, s, "%s%s%s%s", first ? "" : ", ", named ? row->name : "", named ? "=" : "", strbuf_str(&b));
      strbuf_free(&b);
      first = false;
    }
  }
  return true;
}

bool put_call(Writer *w, Statement *s, const Node *n, bool piped) {
  const OpInfo *op = op_info(n->op);
  if (op->traits & TRAIT_INTERNAL) return fail(w, n, "only passes make this op");
  Attr args[MAX_ROWS];
  arguments_of(w, n, args);
  bool weighted = false;
  for (int i = 0; i < op->n_operands; i++) weighted |= is_weight_row(&op->operands[i]) && operand(n, i);
  const char *path = weighted ? path_of_node(w, n) : NULL;
  if (path && !take_weights(w, n, args, path)) return false;
  put(w, s, "%s(", op->name);
  size_t before = s->pieces.len;
  if (!put_arguments(w, s, n, piped, args)) return false;
  if (piped && s->pieces.len == before)
    s->pieces.data[before - 1].text = op->name;
  else
    put(w, s, ")");
  if (path) put_path(w, s, path);
  return true;
}
