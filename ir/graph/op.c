// The tables of ops.def. Rows of all ops stand in one array a kind; each op knows where its rows begin and how many.
#include "ir/graph/op.h"
#include "ir/core/check.h"
#include "ir/core/intern.h"
#include <math.h>
#include <string.h>

// N_OPERANDS_CONV2D, N_PARAMS_CONV2D, N_ATTRS_CONV2D
enum {
  COUNT_OPERANDS = 0
#define OP(ID, ...) , N_OPERANDS_##ID = 0
#define IN(...) +1
#define OPT(...) +1
#define VARIADIC(...) +1
#define WEIGHT(...) +1
#define WEIGHT_IF(...) +1
#define ATTR(...)
#define ARG(...)
#define IRATTR(...)
#include "ir/graph/ops.def"
};
enum {
  COUNT_PARAMS = 0
#define OP(ID, ...) , N_PARAMS_##ID = 0
#define IN(...)
#define OPT(...)
#define VARIADIC(...)
#define WEIGHT(...)
#define WEIGHT_IF(...)
#define ATTR(...) +1
#define ARG(...) +1
#define IRATTR(...) +1
#include "ir/graph/ops.def"
};
enum {
  COUNT_ATTRS = 0
#define OP(ID, ...) , N_ATTRS_##ID = 0
#define IN(...)
#define OPT(...)
#define VARIADIC(...)
#define WEIGHT(...)
#define WEIGHT_IF(...)
#define ATTR(...) +1
#define ARG(...)
#define IRATTR(...) +1
#include "ir/graph/ops.def"
};

// Where an op's rows begin: each OP names the next free number, each row takes one.
enum {
#define OP(ID, ...) FIRST_OPERAND_##ID, FIRST_OPERAND_RESET_##ID = FIRST_OPERAND_##ID - 1,
#define IN(ID, NAME, ...) OPERAND_ROW_##ID##_##NAME,
#define OPT IN
#define VARIADIC IN
#define WEIGHT IN
#define WEIGHT_IF IN
#define ATTR(...)
#define ARG(...)
#define IRATTR(...)
#include "ir/graph/ops.def"
};
enum {
#define OP(ID, ...) FIRST_PARAM_##ID, FIRST_PARAM_RESET_##ID = FIRST_PARAM_##ID - 1,
#define IN(...)
#define OPT(...)
#define VARIADIC(...)
#define WEIGHT(...)
#define WEIGHT_IF(...)
#define ATTR(ID, NAME, ...) PARAM_ROW_##ID##_##NAME,
#define ARG ATTR
#define IRATTR ATTR
#include "ir/graph/ops.def"
};

static const OperandInfo operand_rows[] = {
#define OP(...)
#define IN(ID, NAME) {#NAME, OPERAND_IN, NULL, NULL},
#define OPT(ID, NAME) {#NAME, OPERAND_OPT, NULL, NULL},
#define VARIADIC(ID, NAME) {#NAME, OPERAND_VARIADIC, NULL, NULL},
#define WEIGHT(ID, NAME, SUFFIX) {#NAME, OPERAND_WEIGHT, SUFFIX, NULL},
#define WEIGHT_IF(ID, NAME, SUFFIX, CONDITION) {#NAME, OPERAND_WEIGHT_IF, SUFFIX, #CONDITION},
#define ATTR(...)
#define ARG(...)
#define IRATTR(...)
#include "ir/graph/ops.def"
};

// A default expands to a form and its value; the form builds the Attr of the row's kind.
#define REQUIRED required, 0
#define NUMBER(V) number, V
#define FLAG(V) number, V
#define REAL(V) real, V
#define WORD(V) word, V
#define EMPTY empty, 0
#define LIST(...) list, __VA_ARGS__
#define FALLBACK(KIND, FORM, ...) FALLBACK_##FORM(KIND, __VA_ARGS__)
#define FALLBACK_required(KIND, V)                                                                                     \
  { .kind = ATTR_NONE }
#define FALLBACK_number(KIND, V)                                                                                       \
  { .kind = ATTR_##KIND, .i = V }
#define FALLBACK_real(KIND, V)                                                                                         \
  { .kind = ATTR_##KIND, .f = V }
#define FALLBACK_word(KIND, V)                                                                                         \
  { .kind = ATTR_##KIND, .s = V }
#define FALLBACK_empty(KIND, V)                                                                                        \
  { .kind = ATTR_##KIND }
// clang-format off
#define FALLBACK_list(KIND, ...)                                                                                       \
  {.kind = ATTR_##KIND,                                                                                                \
   .n = sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t),                                                      \
   .ints = (const int64_t[]){__VA_ARGS__}}
// clang-format on
#define PARAM(NAME, ROLE, KIND, LENGTH, CHOICES, INDEX, ...)                                                           \
  {#NAME, ROLE, ATTR_##KIND, LENGTH, FALLBACK(KIND, __VA_ARGS__), CHOICES, INDEX},

static const AttrInfo param_rows[] = {
#define OP(...)
#define IN(...)
#define OPT(...)
#define VARIADIC(...)
#define WEIGHT(...)
#define WEIGHT_IF(...)
#define ATTR(ID, NAME, KIND, LENGTH, DEFAULT, CHOICES)                                                                 \
  PARAM(NAME, ROLE_ATTR, KIND, LENGTH, CHOICES, ATTR_##ID##_##NAME, DEFAULT)
#define ARG(ID, NAME, KIND, LENGTH, DEFAULT, CHOICES) PARAM(NAME, ROLE_ARG, KIND, LENGTH, CHOICES, -1, DEFAULT)
#define IRATTR(ID, NAME, KIND, LENGTH, DEFAULT, CHOICES)                                                               \
  PARAM(NAME, ROLE_IRATTR, KIND, LENGTH, CHOICES, ATTR_##ID##_##NAME, DEFAULT)
#include "ir/graph/ops.def"
};

static const OpInfo infos[OP_COUNT] = {
// clang-format off
#define OP(ID, NAME, FAMILY, TRAITS, HELP)                                                                             \
  {#NAME, #ID, #FAMILY, HELP, TRAITS, N_OPERANDS_##ID, operand_rows + FIRST_OPERAND_##ID,                              \
   N_PARAMS_##ID, param_rows + FIRST_PARAM_##ID, N_ATTRS_##ID},
// clang-format on
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

const OpInfo *op_info(OpKind op) { return &infos[op]; }

bool op_from_name(const char *name, OpKind *op) {
  for (int i = 0; i < OP_COUNT; i++) {
    if (*infos[i].name != *name || strcmp(infos[i].name, name)) continue; // names of models are looked up here, too
    *op = (OpKind)i;
    return true;
  }
  return false;
}

bool op_is_elementwise(OpKind op) { return (op_info(op)->traits & (TRAIT_UNARY | TRAIT_BINARY | TRAIT_TERNARY)) != 0; }

int op_count_attr(OpKind op) {
  const OpInfo *info = &infos[op];
  for (int i = 0; i < info->n_params; i++)
    if (!strcmp(info->params[i].name, "count")) return info->params[i].index;
  UNREACHABLE("%s has no attribute `count`", info->name);
}

bool op_has(OpKind op, unsigned traits) { return (infos[op].traits & traits) == traits; }

const AttrInfo *op_attr(OpKind op, int index) {
  const OpInfo *info = &infos[op];
  for (int i = 0; i < info->n_params; i++)
    if (info->params[i].index == index) return &info->params[i];
  return NULL;
}

static bool equal_strings(const Attr *a, const Attr *b) {
  for (int i = 0; i < a->n; i++)
    if (strcmp(a->strings[i], b->strings[i])) return false;
  return true;
}

bool attr_equal(const Attr *a, const Attr *b) {
  if (a->kind != b->kind || a->n != b->n) return false;
  switch (a->kind) {
  case ATTR_NONE: return true;
  case ATTR_INT:
  case ATTR_BOOL:
  case ATTR_DTYPE: return a->i == b->i;
  case ATTR_FLOAT: return !memcmp(&a->f, &b->f, sizeof a->f);
  case ATTR_ENUM:
  case ATTR_STRING: return !strcmp(a->s, b->s);
  case ATTR_INTS:
  case ATTR_DIMS:
  case ATTR_PADDING: return a->n == 0 || !memcmp(a->ints, b->ints, sizeof *a->ints * (size_t)a->n);
  case ATTR_FLOATS: return a->n == 0 || !memcmp(a->floats, b->floats, sizeof *a->floats * (size_t)a->n);
  case ATTR_STRINGS: return equal_strings(a, b);
  }
  return false;
}

uint64_t attr_hash(const Attr *a) {
  uint64_t h = (uint64_t)a->kind << 32 | (uint32_t)a->n;
  switch (a->kind) {
  case ATTR_NONE: return h;
  case ATTR_INT:
  case ATTR_BOOL:
  case ATTR_DTYPE: return hash_bytes(&a->i, sizeof a->i, h);
  case ATTR_FLOAT: return hash_bytes(&a->f, sizeof a->f, h);
  case ATTR_ENUM:
  case ATTR_STRING: return hash_bytes(a->s, strlen(a->s), h);
  case ATTR_INTS:
  case ATTR_DIMS:
  case ATTR_PADDING: return hash_bytes(a->ints, sizeof *a->ints * (size_t)a->n, h);
  case ATTR_FLOATS: return hash_bytes(a->floats, sizeof *a->floats * (size_t)a->n, h);
  case ATTR_STRINGS:
    for (int i = 0; i < a->n; i++) h = hash_bytes(a->strings[i], strlen(a->strings[i]) + 1, h);
    return h;
  }
  return h;
}
