// The driver of shape inference: checks every node against its rows of ops.def, then calls the op's own function.
#include "ir/graph/infer.h"
#include "ir/core/check.h"
#include "ir/core/checked.h"
#include <inttypes.h>
#include <string.h>

enum { MAX_RESULTS = 4096, MAX_OPERANDS = 1 << 16, MAX_LIST = 1 << 16 };

// ---- functions by name: an op without one does not link

typedef bool (*WeightsFn)(Infer *in, const Attr *args, const Type **out);

#define OP(ID, NAME, ...) bool infer_##NAME(Infer *in);
#define IN(...)
#define OPT(...)
#define VARIADIC(...)
#define WEIGHT(ID, ...) bool weights_##ID(Infer *in, const Attr *args, const Type **out);
#define WEIGHT_IF WEIGHT
#define ATTR(...)
#define ARG(...)
#define IRATTR(...)
#include "ir/graph/ops.def"

InferFn infer_function(OpKind op) {
  static const InferFn functions[OP_COUNT] = {
#define OP(ID, NAME, ...) infer_##NAME,
#define IN(...)
#define OPT(...)
#define VARIADIC(...)
#define WEIGHT(...)
#define WEIGHT_IF(...)
#define ATTR(...)
#define ARG(...)
#define IRATTR(...)
#include "ir/graph/ops.def"
  };
  return functions[op];
}

static WeightsFn weights_function(OpKind op) {
#define OP(...)
#define IN(...)
#define OPT(...)
#define VARIADIC(...)
#define WEIGHT(ID, ...)                                                                                                \
  if (op == OP_##ID) return weights_##ID;
#define WEIGHT_IF WEIGHT
#define ATTR(...)
#define ARG(...)
#define IRATTR(...)
#include "ir/graph/ops.def"
  return NULL;
}

bool infer_fail(Infer *in, const char *fmt, ...) {
  StrBuf b = {0};
  va_list ap;
  va_start(ap, fmt);
  strbuf_vprintf(&b, fmt, ap);
  va_end(ap);
  diag_error(in->m->diag, in->span, "%s", strbuf_str(&b));
  strbuf_free(&b);
  return false;
}

void infer_result(Infer *in, const Type *t) {
  bool full = (in->n_results & (in->n_results - 1)) == 0; // the room doubles at each power of two
  if (full) {
    const Type **grown = arena_array(in->m->arena, const Type *, in->n_results ? 2 * in->n_results : 1);
    if (in->n_results) memcpy(grown, in->results, sizeof *grown * (size_t)in->n_results);
    in->results = grown;
  }
  in->results[in->n_results++] = t;
}

// ---- rows

static bool check_operands(Infer *in) {
  const OpInfo *info = op_info(in->op);
  bool variadic = info->n_operands && info->operands[info->n_operands - 1].kind == OPERAND_VARIADIC;
  if (in->n_operands > (variadic ? MAX_OPERANDS : info->n_operands))
    return infer_fail(in, "%s takes at most %d operands, not %d", info->name,
                      variadic ? MAX_OPERANDS : info->n_operands, in->n_operands);
  for (int i = 0; i < info->n_operands || i < in->n_operands; i++) {
    const OperandInfo *row = &info->operands[i < info->n_operands ? i : info->n_operands - 1];
    bool optional = row->kind == OPERAND_OPT || row->kind == OPERAND_WEIGHT_IF;
    if (!optional && (i >= in->n_operands || !in->operands[i]))
      return infer_fail(in, "%s needs its operand `%s`", info->name, row->name);
    if (i < in->n_operands && in->operands[i] && type_elements(in->m, in->operands[i]->type) == 0)
      return infer_fail(in, "%s: its operand `%s` has no elements", info->name, row->name);
  }
  return true;
}

// Whether `word` is one of "a|b|c".
static bool is_choice(const char *choices, const char *word) {
  size_t n = strlen(word);
  for (const char *p = choices; p; p = strchr(p, '|'), p = p ? p + 1 : NULL)
    if (!strncmp(p, word, n) && (p[n] == '|' || !p[n])) return true;
  return false;
}

static bool is_list(AttrKind kind) { return kind >= ATTR_INTS; }

static bool check_attr(Infer *in, const AttrInfo *row, const Attr *a) {
  const char *op = op_info(in->op)->name;
  if (a->kind == ATTR_NONE) return infer_fail(in, "%s needs `%s`", op, row->name);
  if (a->kind != row->kind) return infer_fail(in, "%s: `%s` is of another kind", op, row->name);
  if (row->kind == ATTR_ENUM && !is_choice(row->choices, a->s))
    return infer_fail(in, "%s: `%s` is \"%s\"; it can be %s", op, row->name, a->s, row->choices);
  if (row->kind == ATTR_DTYPE && (a->i < 0 || a->i >= DT_COUNT))
    return infer_fail(in, "%s: `%s` is no type", op, row->name);
  if (!is_list(row->kind)) return true;
  bool left_out = a->n == 0 && row->fallback.kind != ATTR_NONE && row->fallback.n == 0;
  if (a->n < 0 || a->n > MAX_LIST || (row->length && a->n != row->length && !left_out))
    return infer_fail(in, "%s: `%s` has %d elements, it needs %d", op, row->name, a->n, row->length);
  return true;
}

static bool check_attrs(Infer *in) {
  const OpInfo *info = op_info(in->op);
  for (int i = 0; i < info->n_attrs; i++)
    if (!check_attr(in, op_attr(in->op, i), &in->attrs[i])) return false;
  return true;
}

bool infer_run(Infer *in) {
  if (!check_operands(in) || !check_attrs(in) || !infer_function(in->op)(in)) return false;
  CHECK(in->n_results >= 1, "inference of %s gave no result", op_info(in->op)->name);
  return true;
}

// ---- weights

// The alternative of "a|b|c" that the argument `names` chooses; the whole where there is only one.
static const char *choose_suffix(const OpInfo *info, const OperandInfo *row, const Attr *args, size_t *n) {
  const char *suffix = row->suffix;
  for (int i = 0; i < info->n_params && strchr(suffix, '|'); i++) {
    if (strcmp(info->params[i].name, "names")) continue;
    const char *choice = info->params[i].choices;
    size_t length = strlen(args[i].s);
    for (; strncmp(choice, args[i].s, length) || (choice[length] && choice[length] != '|');
         choice = strchr(choice, '|') + 1)
      suffix = strchr(suffix, '|') + 1;
    break;
  }
  *n = strcspn(suffix, "|");
  return suffix;
}

static const Attr *argument(const OpInfo *info, const Attr *args, const char *name) {
  for (int i = 0; i < info->n_params; i++)
    if (!strcmp(info->params[i].name, name)) return &args[i];
  UNREACHABLE("%s has no argument %s", info->name, name);
}

const char *infer_weight_suffix(Arena *a, OpKind op, int operand, const Attr *args) {
  const OpInfo *info = op_info(op);
  const OperandInfo *row = &info->operands[operand];
  if (row->kind != OPERAND_WEIGHT && row->kind != OPERAND_WEIGHT_IF) return NULL;
  size_t n;
  const char *suffix = choose_suffix(info, row, args, &n), *number = memchr(suffix, '#', n);
  bool alternatives = strchr(row->suffix, '|') != NULL;
  if (alternatives && !n) return NULL;
  bool always = row->kind == OPERAND_WEIGHT || !strcmp(row->condition, "always");
  if (!always && !argument(info, args, row->condition)->i) return NULL;
  if (!number) return arena_strndup(a, suffix, n);
  return arena_printf(a, "%.*s%" PRId64 "%.*s", (int)(number - suffix), suffix, argument(info, args, "layer")->i,
                      (int)(suffix + n - number - 1), number + 1);
}

bool infer_weights(Infer *in, const Attr *args, const Type **out) {
  const OpInfo *info = op_info(in->op);
  for (int i = 0; i < info->n_operands; i++) out[i] = NULL;
  WeightsFn weights = weights_function(in->op);
  if (!weights) return true;
  for (int i = 0; i < info->n_params; i++)
    if (!check_attr(in, &info->params[i], &args[i])) return false;
  if (in->n_operands < 1 || !in->operands[0])
    return infer_fail(in, "%s needs its operand `%s`", info->name, info->operands[0].name);
  if (!weights(in, args, out)) return false;
  for (int i = 0; i < info->n_operands; i++) {
    if (!out[i] || !infer_weight_suffix(in->m->arena, in->op, i, args))
      out[i] = NULL;
    else if (type_elements(in->m, out[i]) == DIM_INVALID)
      return infer_fail(in, "%s: its `%s` would be too large", info->name, info->operands[i].name);
  }
  return true;
}
