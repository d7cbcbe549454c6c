#include "frontend/sema.h"
#include <string.h>

static Val eval_list(Sema *s, const Expr *e) {
  Vec(Val) items = {0};
  for (const Expr *i = e->items; i && !s->stopped; i = i->next) vec_push(&items, eval(s, i));
  Val v = val_list(s, e->span, items.data, (int)items.len);
  vec_free(&items);
  return v;
}

static Val shape(Sema *s, Span at, const Type *t) {
  Val items[MAX_RANK];
  for (int i = 0; i < t->rank; i++) items[i] = val_int(t->dims[i]);
  return val_list(s, at, items, t->rank);
}

static Val eval_field(Sema *s, const Expr *e) {
  Val v = eval(s, e->of.value);
  if (v.kind == VAL_POISON) return v;
  const Name *name = e->of.name;
  if (strcmp(name->text, "shape"))
    sema_mistake(s, name->span, "there is no `.%s`; a tensor has `.shape`", name->text);
  else if (v.kind != VAL_TENSOR)
    sema_error(s, e->of.value->span, "only a tensor has `.shape`, not %s", val_describe(s, v));
  else
    return shape(s, e->span, v.tensor->type);
  return POISON;
}

static Val list_item(Sema *s, const Expr *e, Val list) {
  const Subscript *sub = e->of.subscripts;
  int64_t i;
  if (sub->is_slice || sub->next) {
    sema_error(s, sub->span, "a list takes one index");
    return POISON;
  }
  if (!val_to_int(s, eval(s, sub->begin), sub->span, "an index", &i)) return POISON;
  if (i >= -list.list.n && i < list.list.n) return list.list.items[i < 0 ? i + list.list.n : i];
  sema_error(s, sub->span, "index %lld is outside a list of %d", (long long)i, list.list.n);
  return POISON;
}

static Val eval_index(Sema *s, const Expr *e) {
  Val v = eval(s, e->of.value);
  if (v.kind == VAL_LIST) return list_item(s, e, v);
  if (v.kind == VAL_TENSOR) return tensor_index(s, e, v);
  if (v.kind != VAL_POISON) sema_error(s, e->of.value->span, "%s has no elements to index", val_describe(s, v));
  return POISON;
}

static Val eval_unary(Sema *s, const Expr *e) {
  Val a = eval(s, e->oper.a);
  return a.kind == VAL_TENSOR ? tensor_unary(s, e, a) : a.kind == VAL_POISON ? a : fold_unary(s, e, a);
}

// && and || look at their right side only where the left does not decide.
static Val combine(Sema *s, const Expr *e, Val a) {
  bool logical = e->oper.op == OPER_AND || e->oper.op == OPER_OR;
  if (logical && a.kind == VAL_BOOL && a.i == (e->oper.op == OPER_OR)) return a;
  Val b = eval(s, e->oper.b);
  if (a.kind == VAL_POISON || b.kind == VAL_POISON) return POISON;
  return a.kind == VAL_TENSOR || b.kind == VAL_TENSOR ? tensor_binary(s, e, a, b) : fold_binary(s, e, a, b);
}

// a + b + c + ... leans to the left: walked without recursion, however long it is.
static Val eval_binary(Sema *s, const Expr *e) {
  Vec(const Expr *) spine = {0};
  for (; e->kind == EXPR_BINARY; e = e->oper.a) vec_push(&spine, e);
  Val v = eval(s, e);
  while (spine.len) {
    e = vec_pop(&spine);
    v = sema_step(s, e->span, 1) ? combine(s, e, v) : POISON;
  }
  vec_free(&spine);
  return v;
}

static Val eval_ternary(Sema *s, const Expr *e) {
  bool cond;
  if (!val_to_bool(s, eval(s, e->ternary.cond), e->ternary.cond->span, "a condition", &cond)) return POISON;
  return eval(s, cond ? e->ternary.yes : e->ternary.no);
}

static Val dispatch(Sema *s, const Expr *e) {
  switch (e->kind) {
  case EXPR_INT: return val_int(e->integer);
  case EXPR_FLOAT: return val_float(e->real);
  case EXPR_BOOL: return val_bool(e->truth);
  case EXPR_STRING: return (Val){.kind = VAL_STRING, .s = e->text};
  case EXPR_NAME: return env_value(s, &(Name){e->text, e->span, NULL});
  case EXPR_LIST: return eval_list(s, e);
  case EXPR_CALL: return call_eval(s, e);
  case EXPR_INDEX: return eval_index(s, e);
  case EXPR_FIELD: return eval_field(s, e);
  case EXPR_UNARY: return eval_unary(s, e);
  case EXPR_BINARY: return eval_binary(s, e);
  case EXPR_TERNARY: return eval_ternary(s, e);
  }
  return POISON;
}

Val eval(Sema *s, const Expr *e) {
  if (!sema_step(s, e->span, 1)) return POISON;
  if (s->depth >= MAX_EVAL_DEPTH) {
    sema_error(s, e->span, "this nests too deeply");
    s->stopped = true;
    return POISON;
  }
  s->depth++;
  Val v = dispatch(s, e);
  s->depth--;
  return v;
}
