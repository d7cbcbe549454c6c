#include "frontend/sema.h"

Val val_int(Dim i) { return (Val){.kind = VAL_INT, .i = i}; }
Val val_float(double f) { return (Val){.kind = VAL_FLOAT, .f = f}; }
Val val_bool(Dim i) { return (Val){.kind = VAL_BOOL, .i = i}; }

Val val_list(Sema *s, Span at, const Val *items, int n) {
  enum { MAX_LIST_DEPTH = 64 };
  Val v = {.kind = VAL_LIST, .list = {.n = n, .depth = 1}};
  for (int i = 0; i < n; i++) {
    if (items[i].kind == VAL_POISON) return POISON;
    if (items[i].kind == VAL_LIST && items[i].list.depth >= v.list.depth)
      v.list.depth = (short)(items[i].list.depth + 1);
    v.list.tensors |= val_has_tensor(items[i]);
  }
  if (v.list.depth > MAX_LIST_DEPTH) {
    sema_error(s, at, "lists nest deeper than %d", MAX_LIST_DEPTH);
    return POISON;
  }
  if (n) v.list.items = arena_memdup(s->arena, items, sizeof(Val) * (size_t)n);
  return v;
}

Val val_results(Sema *s, const Node *n, bool as_list) {
  if (n->n_results == 1 && !as_list) return (Val){.kind = VAL_TENSOR, .tensor = result(n)};
  Val *items = arena_array(s->arena, Val, n->n_results);
  for (int i = 0; i < n->n_results; i++) items[i] = (Val){.kind = VAL_TENSOR, .tensor = n->results[i]};
  return (Val){.kind = VAL_LIST, .list = {items, n->n_results, 1, true}};
}

bool val_is_number(Val v) { return v.kind == VAL_INT || v.kind == VAL_FLOAT; }

bool val_has_tensor(Val v) { return v.kind == VAL_TENSOR || (v.kind == VAL_LIST && v.list.tensors); }

static void put_dim(Sema *s, StrBuf *b, const char *kind, Dim d) {
  strbuf_printf(b, "the %s ", kind);
  dim_print(s->m->dims, d, b);
}

const char *val_describe(Sema *s, Val v) {
  StrBuf b = {0};
  switch (v.kind) {
  case VAL_POISON: strbuf_puts(&b, "an error"); break;
  case VAL_INT: put_dim(s, &b, dim_is_const(v.i) ? "integer" : "dimension", v.i); break;
  case VAL_FLOAT: strbuf_printf(&b, "the number %g", v.f); break;
  case VAL_BOOL:
    if (dim_is_const(v.i))
      strbuf_puts(&b, v.i ? "true" : "false");
    else
      put_dim(s, &b, "condition", v.i);
    break;
  case VAL_STRING: strbuf_printf(&b, "the string \"%.40s\"", v.s); break;
  case VAL_DTYPE: strbuf_printf(&b, "the type %s", dtype_name(v.dtype)); break;
  case VAL_LIST: strbuf_printf(&b, "a list of %d", v.list.n); break;
  case VAL_CALLABLE:
    strbuf_printf(&b, "the %s `%s`", v.callable.kind == CALLABLE_BLOCK ? "block" : "op", env_callable_name(v.callable));
    break;
  case VAL_TENSOR: strbuf_printf(&b, "a tensor %s", type_str(s->m, v.tensor->type)); break;
  }
  const char *text = arena_strndup(s->arena, strbuf_str(&b), b.len);
  strbuf_free(&b);
  return text;
}

static bool mismatch(Sema *s, Val v, Span at, const char *what, const char *wanted) {
  if (v.kind == VAL_INT || v.kind == VAL_BOOL)
    if (!dim_is_const(v.i)) {
      sema_error(s, at, "%s must be known when the model is compiled, but %s is open until run time; --shape fixes it",
                 what, val_describe(s, v));
      return false;
    }
  if (v.kind != VAL_POISON) sema_error(s, at, "%s is %s, not %s", what, wanted, val_describe(s, v));
  return false;
}

bool val_to_int(Sema *s, Val v, Span at, const char *what, int64_t *i) {
  if (v.kind != VAL_INT || !dim_is_const(v.i)) return mismatch(s, v, at, what, "an integer");
  *i = v.i;
  return true;
}

bool val_to_double(Sema *s, Val v, Span at, const char *what, double *f) {
  if (v.kind == VAL_FLOAT)
    *f = v.f;
  else if (v.kind == VAL_INT && dim_is_const(v.i))
    *f = (double)v.i;
  else
    return mismatch(s, v, at, what, "a number");
  return true;
}

bool val_to_bool(Sema *s, Val v, Span at, const char *what, bool *b) {
  if (v.kind != VAL_BOOL || !dim_is_const(v.i)) return mismatch(s, v, at, what, "true or false");
  *b = v.i != 0;
  return true;
}
