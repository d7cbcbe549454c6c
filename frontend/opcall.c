// A call of an op: its arguments go to the rows of ops.def, its weights are declared, its node is built.
#include "frontend/sema.h"
#include "ir/core/check.h"
#include "ir/graph/infer.h"
#include <string.h>

enum { MAX_ROWS = 32 };

typedef struct Slot {
  Val val;
  Span span;
  bool given;
} Slot;

typedef struct OpCall {
  Sema *s;
  OpKind kind;
  const OpInfo *op;
  const Call *call;
  Slot operands[MAX_ROWS], params[MAX_ROWS]; // by row
  Vec(Value *) variadic;
  Attr args[MAX_ROWS], attrs[MAX_ROWS]; // every parameter row; the stored ones
  Value *values[MAX_ROWS];              // by operand row
} OpCall;

// Optional operands behind the weights are set by passes only.
static int offered_operands(const OpInfo *op) {
  int n = 0;
  while (n < op->n_operands && op->operands[n].kind <= OPERAND_VARIADIC) n++;
  return n;
}

static bool is_offered(const AttrInfo *row) { return row->role != ROLE_IRATTR; }

// ---- arguments to rows

static bool add_variadic(OpCall *c, const ArgVal *a) {
  if (a->val.kind == VAL_TENSOR) {
    vec_push(&c->variadic, a->val.tensor);
    return true;
  }
  if (a->val.kind != VAL_LIST || (a->val.list.n && !a->val.list.tensors)) {
    sema_error(c->s, a->span, "%s takes tensors, or a list of them, not %s", c->op->name, val_describe(c->s, a->val));
    return false;
  }
  if (!sema_step(c->s, a->span, a->val.list.n)) return false;
  for (int i = 0; i < a->val.list.n; i++) {
    Val v = a->val.list.items[i];
    if (v.kind != VAL_TENSOR) {
      sema_error(c->s, a->span, "a list for %s holds tensors only, not %s", c->op->name, val_describe(c->s, v));
      return false;
    }
    vec_push(&c->variadic, v.tensor);
  }
  return true;
}

static int next_param(const OpCall *c) {
  int i = 0;
  while (i < c->op->n_params && (c->params[i].given || !is_offered(&c->op->params[i]))) i++;
  return i;
}

static bool positional(OpCall *c, const ArgVal *a) {
  Slot slot = {a->val, a->span, true};
  for (int i = 0, n = offered_operands(c->op); i < n; i++) {
    OperandKind kind = c->op->operands[i].kind;
    if (kind == OPERAND_VARIADIC && (a->val.kind == VAL_TENSOR || a->val.kind == VAL_LIST) && next_param(c) == 0)
      return add_variadic(c, a);
    if (kind == OPERAND_VARIADIC || c->operands[i].given || (kind == OPERAND_OPT && a->val.kind != VAL_TENSOR))
      continue;
    c->operands[i] = slot;
    return true;
  }
  int i = next_param(c);
  if (i < c->op->n_params) {
    c->params[i] = slot;
    return true;
  }
  sema_mistake(c->s, a->span, "too many arguments for %s", c->op->name);
  return false;
}

static bool unknown_argument(OpCall *c, const Name *name) {
  const char *known[2 * MAX_ROWS];
  int n = 0;
  for (int i = 0; i < offered_operands(c->op); i++) known[n++] = c->op->operands[i].name;
  for (int i = 0; i < c->op->n_params; i++)
    if (is_offered(&c->op->params[i])) known[n++] = c->op->params[i].name;
  const char *near = diag_nearest(name->text, known, n);
  StrBuf b = {0};
  for (int i = offered_operands(c->op); i < n && !near; i++)
    strbuf_printf(&b, "%s`%s`", b.len ? ", " : "; it has ", known[i]);
  if (near) strbuf_printf(&b, "; did you mean `%s`?", near);
  sema_mistake(c->s, name->span, "%s has no argument `%s`%s", c->op->name, name->text, strbuf_str(&b));
  strbuf_free(&b);
  return false;
}

static bool named(OpCall *c, const ArgVal *a) {
  Slot *slot = NULL;
  for (int i = 0, n = offered_operands(c->op); i < n; i++) {
    if (strcmp(c->op->operands[i].name, a->name->text)) continue;
    if (c->op->operands[i].kind == OPERAND_VARIADIC) return add_variadic(c, a);
    slot = &c->operands[i];
  }
  for (int i = 0; i < c->op->n_params; i++)
    if (is_offered(&c->op->params[i]) && !strcmp(c->op->params[i].name, a->name->text)) slot = &c->params[i];
  if (!slot) return unknown_argument(c, a->name);
  if (slot->given) {
    sema_mistake(c->s, a->name->span, "`%s` of %s is given twice", a->name->text, c->op->name);
    return false;
  }
  *slot = (Slot){a->val, a->span, true};
  return true;
}

// ---- tensors

// The type of numbers that stand for tensors: the other operands' of an elementwise op, whose operands share one but
// for a condition; DT_COUNT: each number's own.
static DType shared_type(const OpCall *c, int n) {
  if (strcmp(c->op->family, "elementwise")) return DT_COUNT;
  bool fraction = false;
  for (int i = op_has(c->kind, TRAIT_TERNARY); i < n; i++) {
    if (c->values[i]) return c->values[i]->type->dtype;
    fraction |= c->operands[i].given && c->operands[i].val.kind == VAL_FLOAT;
  }
  return fraction ? DT_F32 : DT_I64;
}

// Numbers become tensors beside another operand.
static bool take_scalars(OpCall *c, int n) {
  DType shared = shared_type(c, n);
  bool any_tensor = false;
  for (int i = 0; i < n; i++) any_tensor |= c->values[i] != NULL;
  for (int i = 0; i < n; i++) {
    Slot *slot = &c->operands[i];
    if (!slot->given || c->values[i]) continue;
    if (!val_is_number(slot->val) || !any_tensor) {
      sema_error(c->s, slot->span, "`%s` of %s is a tensor, not %s", c->op->operands[i].name, c->op->name,
                 val_describe(c->s, slot->val));
      return false;
    }
    DType own = slot->val.kind == VAL_FLOAT ? DT_F32 : DT_I64, dtype = shared == DT_COUNT ? own : shared;
    if (!(c->values[i] = tensor_number(c->s, slot->val, dtype, slot->span))) return false;
  }
  return true;
}

static bool take_operands(OpCall *c) {
  int n = offered_operands(c->op);
  for (int i = 0; i < n; i++)
    if (c->operands[i].given && c->operands[i].val.kind == VAL_TENSOR) c->values[i] = c->operands[i].val.tensor;
  if (!take_scalars(c, n)) return false;
  for (int i = 0; i < n; i++) {
    OperandKind kind = c->op->operands[i].kind;
    bool missing = kind == OPERAND_VARIADIC ? !c->variadic.len : kind == OPERAND_IN && !c->values[i];
    if (!missing) continue;
    sema_mistake(c->s, c->call->name->span, "%s needs its operand `%s`", c->op->name, c->op->operands[i].name);
    return false;
  }
  return true;
}

// ---- attributes

static bool take_params(OpCall *c) {
  bool ok = true;
  int same = -1;
  for (int i = 0; i < c->op->n_params; i++) {
    const AttrInfo *row = &c->op->params[i];
    const Slot *slot = &c->params[i];
    c->args[i] = row->fallback;
    if (slot->given && row->kind == ATTR_PADDING && attr_is_same(slot->val))
      same = i;
    else if (slot->given)
      ok &= attr_from_val(c->s, c->op, row, slot->val, slot->span, &c->args[i]);
    else if (row->fallback.kind == ATTR_NONE) {
      sema_mistake(c->s, c->call->name->span, "%s needs its argument `%s`", c->op->name, row->name);
      ok = false;
    }
  }
  if (ok && same >= 0) ok = attr_same(c->s, c->op, c->args, c->values[0], &c->args[same], c->params[same].span);
  for (int i = 0; i < c->op->n_params; i++)
    if (c->op->params[i].index >= 0) c->attrs[c->op->params[i].index] = c->args[i];
  return ok;
}

// ---- weights

static bool declare_weights(OpCall *c, const char **path) {
  Sema *s = c->s;
  const Suffix *suffix = &c->call->suffix;
  const Type *types[MAX_ROWS] = {0};
  Infer in = {.m = s->m,
              .op = c->kind,
              .n_operands = c->op->n_operands,
              .operands = c->values,
              .attrs = c->attrs,
              .span = c->call->name->span};
  if (!infer_weights(&in, c->args, types)) {
    sema_chain(s);
    return false;
  }
  bool weighted = false;
  for (int i = 0; i < c->op->n_operands; i++) weighted |= types[i] != NULL;
  if (!suffix->path) {
    if (weighted)
      sema_mistake(s, c->call->name->span, "%s has weights and needs a path: %s(...) @name", c->op->name, c->op->name);
    else if (suffix->tied)
      sema_error(s, suffix->span, "%s has no weights to tie", c->op->name);
    return !weighted && !suffix->tied;
  }
  if (!(*path = path_eval(s, suffix))) return false;
  for (int i = 0; i < c->op->n_operands; i++) {
    const char *name = types[i] ? infer_weight_suffix(s->arena, c->kind, i, c->args) : NULL;
    if (!name) continue;
    name = arena_printf(s->arena, "%s%s", *path, name);
    if (!(c->values[i] = path_weight(s, c->call->name->span, name, types[i], suffix->tied))) return false;
  }
  return true;
}

static Val build(OpCall *c) {
  bool is_variadic = c->variadic.len != 0;
  const char *path = NULL;
  if (!take_params(c) || !declare_weights(c, &path)) return POISON;
  NodeSpec spec = {.op = c->kind,
                   .n_operands = is_variadic ? (int)c->variadic.len : c->op->n_operands,
                   .operands = is_variadic ? c->variadic.data : c->values,
                   .attrs = c->attrs,
                   .name = path,
                   .span = c->call->name->span};
  Node *n = sema_node(c->s, &spec);
  return n ? val_results(c->s, n, c->kind == OP_SPLIT || c->kind == OP_CHUNK) : POISON;
}

Val opcall(Sema *s, OpKind kind, const Call *call, const Args *args) {
  OpCall c = {.s = s, .kind = kind, .op = op_info(kind), .call = call};
  CHECK(c.op->n_operands <= MAX_ROWS && c.op->n_params <= MAX_ROWS, "%s has too many rows", c.op->name);
  bool ok = true, poisoned = false;
  for (size_t i = 0; i < args->len; i++) poisoned |= args->data[i].val.kind == VAL_POISON;
  for (size_t i = 0; i < args->len && !poisoned; i++) {
    const ArgVal *a = &args->data[i];
    ok &= a->name ? named(&c, a) : positional(&c, a);
  }
  Val v = ok && !poisoned && take_operands(&c) ? build(&c) : POISON;
  vec_free(&c.variadic);
  return v;
}
