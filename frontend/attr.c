// Arguments of ops as attributes.
#include "frontend/sema.h"
#include <string.h>

static bool refuse(Sema *s, const OpInfo *op, const AttrInfo *row, Val v, Span at, const char *wanted) {
  if (v.kind != VAL_POISON)
    sema_error(s, at, "`%s` of %s is %s, not %s", row->name, op->name, wanted, val_describe(s, v));
  return false;
}

// The values of a list, or a lone number as often as the row's length says.
static bool spread(Sema *s, const OpInfo *op, const AttrInfo *row, Val v, Span at, const Val **items, int *n) {
  if (v.kind == VAL_LIST) {
    *items = v.list.items;
    *n = v.list.n;
    if (!row->length || *n == row->length) return true;
    sema_error(s, at, "`%s` of %s has %d elements, not %d", row->name, op->name, row->length, *n);
    return false;
  }
  *n = row->length ? row->length : 1;
  Val *copies = arena_array(s->arena, Val, *n);
  for (int i = 0; i < *n; i++) copies[i] = v;
  *items = copies;
  return true;
}

static const char *label(Sema *s, const OpInfo *op, const AttrInfo *row, bool element) {
  return arena_printf(s->arena, "%s`%s` of %s", element ? "an element of " : "", row->name, op->name);
}

static bool dimension(Sema *s, const OpInfo *op, const AttrInfo *row, Val v, Span at, Dim *out) {
  if (v.kind != VAL_INT) return refuse(s, op, row, v, at, "made of integers");
  *out = v.i;
  return true;
}

static bool list(Sema *s, const OpInfo *op, const AttrInfo *row, Val v, Span at, Attr *out) {
  const Val *items;
  int n;
  if (!spread(s, op, row, v, at, &items, &n)) return false;
  const char *what = label(s, op, row, v.kind == VAL_LIST);
  int64_t *ints = arena_array(s->arena, int64_t, n + 1);
  double *floats = arena_array(s->arena, double, n + 1);
  const char **strings = arena_array(s->arena, const char *, n + 1);
  for (int i = 0; i < n; i++) {
    bool ok = true;
    if (row->kind == ATTR_INTS)
      ok = val_to_int(s, items[i], at, what, &ints[i]);
    else if (row->kind == ATTR_DIMS)
      ok = dimension(s, op, row, items[i], at, &ints[i]);
    else if (row->kind == ATTR_FLOATS)
      ok = val_to_double(s, items[i], at, what, &floats[i]);
    else if (items[i].kind == VAL_STRING)
      strings[i] = items[i].s;
    else
      ok = refuse(s, op, row, items[i], at, "made of strings");
    if (!ok) return false;
  }
  *out = (Attr){.kind = row->kind, .n = n};
  if (row->kind == ATTR_FLOATS)
    out->floats = floats;
  else if (row->kind == ATTR_STRINGS)
    out->strings = strings;
  else
    out->ints = ints;
  return true;
}

// n, [h, w] or [top, left, bottom, right].
static bool padding(Sema *s, const OpInfo *op, const AttrInfo *row, Val v, Span at, Attr *out) {
  int64_t *sides = arena_array(s->arena, int64_t, 4);
  *out = (Attr){.kind = ATTR_PADDING, .n = 4, .ints = sides};
  if (v.kind == VAL_STRING && !strcmp(v.s, "valid")) return true;
  if (v.kind == VAL_STRING) {
    sema_error(s, at, "`%s` of %s is a number, a list, \"same\" or \"valid\", not \"%.40s\"", row->name, op->name, v.s);
    return false;
  }
  int n = v.kind == VAL_LIST ? v.list.n : 1;
  if (n != 1 && n != 2 && n != 4) {
    sema_error(s, at, "`%s` of %s is n, [h, w] or [top, left, bottom, right], not a list of %d", row->name, op->name,
               n);
    return false;
  }
  for (int i = 0; i < 4; i++)
    if (!dimension(s, op, row, v.kind == VAL_LIST ? v.list.items[i % n] : v, at, &sides[i])) return false;
  return true;
}

static bool choice(Sema *s, const OpInfo *op, const AttrInfo *row, Val v, Span at, Attr *out) {
  if (v.kind != VAL_STRING) return refuse(s, op, row, v, at, "a string");
  enum { MOST = 16 };
  char *words = arena_strdup(s->arena, row->choices), *rest = words;
  const char *choices[MOST];
  int n = 0;
  for (char *w; n < MOST && (w = strsep(&rest, "|")); n++) choices[n] = w;
  *out = (Attr){.kind = ATTR_ENUM, .s = v.s};
  for (int i = 0; i < n; i++)
    if (!strcmp(choices[i], v.s)) return true;
  StrBuf b = {0};
  for (int i = 0; i < n; i++) strbuf_printf(&b, "%s\"%s\"", i == 0 ? "" : i == n - 1 ? " or " : ", ", choices[i]);
  const char *near = diag_nearest(v.s, choices, n);
  sema_error(s, at, "`%s` of %s is %s, not \"%.40s\"%s%s%s", row->name, op->name, strbuf_str(&b), v.s,
             near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
  strbuf_free(&b);
  return false;
}

bool attr_from_val(Sema *s, const OpInfo *op, const AttrInfo *row, Val v, Span at, Attr *out) {
  const char *what = label(s, op, row, false);
  bool truth = false;
  *out = (Attr){.kind = row->kind};
  switch (row->kind) {
  case ATTR_INT: return val_to_int(s, v, at, what, &out->i);
  case ATTR_FLOAT: return val_to_double(s, v, at, what, &out->f);
  case ATTR_BOOL: {
    bool ok = val_to_bool(s, v, at, what, &truth);
    out->i = truth;
    return ok;
  }
  case ATTR_ENUM: return choice(s, op, row, v, at, out);
  case ATTR_STRING: out->s = v.kind == VAL_STRING ? v.s : NULL; return out->s || refuse(s, op, row, v, at, "a string");
  case ATTR_DTYPE:
    out->i = v.kind == VAL_DTYPE ? v.dtype : 0;
    return v.kind == VAL_DTYPE || refuse(s, op, row, v, at, "a type such as f32");
  case ATTR_PADDING: return padding(s, op, row, v, at, out);
  case ATTR_INTS:
  case ATTR_DIMS:
  case ATTR_FLOATS:
  case ATTR_STRINGS: return list(s, op, row, v, at, out);
  case ATTR_NONE: break;
  }
  return false;
}

// ---- padding="same"

bool attr_is_same(Val v) { return v.kind == VAL_STRING && !strcmp(v.s, "same"); }

static const Attr *find(const OpInfo *op, const Attr *args, const char *name) {
  for (int i = 0; i < op->n_params; i++)
    if (!strcmp(op->params[i].name, name) && args[i].n == 2) return &args[i];
  return NULL;
}

// ONNX's SAME_UPPER: ceil(size / stride) windows, an odd element of padding at the end.
bool attr_same(Sema *s, const OpInfo *op, const Attr *args, const Value *x, Attr *out, Span at) {
  DimTable *t = s->m->dims;
  const Attr *kernel = find(op, args, "kernel"), *stride = find(op, args, "stride"),
             *dilation = find(op, args, "dilation");
  if (!stride) stride = kernel;
  int64_t *sides = arena_array(s->arena, int64_t, 4);
  *out = (Attr){.kind = ATTR_PADDING, .n = 4, .ints = sides};
  if (!kernel || x->type->rank != 4) return true; // shape inference says what is wrong
  for (int k = 0; k < 2; k++) {
    int64_t step = stride->ints[k], gap = dilation ? dilation->ints[k] : 1;
    if (step < 1 || gap < 1) return true; // likewise
    Dim size = x->type->dims[2 + k];
    Dim windows = dim_floordiv(t, dim_add(t, size, step - 1), step);
    Dim span = dim_add(t, dim_mul(t, dim_sub(t, windows, 1), step),
                       dim_add(t, dim_mul(t, dim_sub(t, kernel->ints[k], 1), gap), 1));
    Dim total = dim_max(t, dim_sub(t, span, size), 0);
    sides[k] = dim_floordiv(t, total, 2);
    sides[k + 2] = dim_sub(t, total, sides[k]);
    if (sides[k] != DIM_INVALID && sides[k + 2] != DIM_INVALID) continue;
    sema_error(s, at, "the padding of %s is too large", op->name);
    return false;
  }
  return true;
}
