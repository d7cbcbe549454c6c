// The chosen model: its inputs with their symbolic dimensions, its body, its outputs.
#include "frontend/sema.h"
#include <stdlib.h>
#include <string.h>

// ---- --shape image=8,3,_,224

typedef struct Shape {
  int rank;               // -1: none given
  int64_t dims[MAX_RANK]; // 0: open
} Shape;

static bool bad_shape(Sema *s, const char *option, const char *why) {
  diag_error_file(s->diag, "--shape", "'%.60s': %s", option, why);
  return false;
}

int frontend_parse_shape(const char *option, int64_t *dims) {
  const char *p = strchr(option, '=') + 1;
  for (int rank = 0; rank < MAX_RANK; p++) {
    int64_t v = 0;
    char *end = (char *)p;
    if (*p == '_')
      end++;
    else
      v = strtoll(p, &end, 10);
    if (end == p || (*p != '_' && v < 1) || v >= DIM_SYMBOLIC) break;
    dims[rank++] = v;
    if (!*end) return rank;
    if (*end != ',') break;
    p = end;
  }
  return -1;
}

static bool parse_shape(Sema *s, const char *option, Shape *shape) {
  shape->rank = frontend_parse_shape(option, shape->dims);
  if (shape->rank >= 0) return true;
  return bad_shape(s, option, "a shape is a list of positive sizes, such as image=8,3,224,224");
}

static bool find_shape(Sema *s, const char *input, Shape *shape) {
  size_t n = strlen(input);
  shape->rank = -1;
  for (int i = 0; i < s->o->n_shapes; i++)
    if (!strncmp(s->o->shapes[i], input, n) && s->o->shapes[i][n] == '=' && !parse_shape(s, s->o->shapes[i], shape))
      return false;
  return true;
}

static bool check_shapes(Sema *s, const Item *model) {
  bool ok = true;
  for (int i = 0; i < s->o->n_shapes; i++) {
    const char *option = s->o->shapes[i];
    size_t n = strcspn(option, "=");
    const Param *p = model->params;
    while (p && (strncmp(p->name->text, option, n) || p->name->text[n])) p = p->next;
    if (!option[n])
      ok = bad_shape(s, option, "a shape is written input=sizes");
    else if (!p)
      ok = bad_shape(s, option, "the model has no such input");
  }
  return ok;
}

// ---- inputs

// `N` or `N<=32` of a name that is not bound yet.
static const Expr *new_symbol(Sema *s, const Expr *e, const Expr **max) {
  *max = NULL;
  if (e->kind == EXPR_BINARY && e->oper.op == OPER_LE) *max = e->oper.b, e = e->oper.a;
  bool known = e->kind != EXPR_NAME || env_find(s->frame, e->text) || map_get(&s->frame->file->globals, e->text);
  return known ? NULL : e;
}

static Dim symbol(Sema *s, const Expr *name, const Expr *max, int64_t fixed) {
  int64_t limit = INT64_MAX / 4;
  if (!strcmp(name->text, "_")) {
    sema_error(s, name->span, "an input's dimensions have names or sizes");
    return DIM_INVALID;
  }
  if (max && !val_to_int(s, eval(s, max), max->span, "the largest size", &limit)) return DIM_INVALID;
  if (limit < 1 || limit > INT64_MAX / 4 || fixed > limit) {
    if (fixed > limit)
      sema_error(s, max ? max->span : name->span, "--shape makes `%s` %lld, more than it may be", name->text,
                 (long long)fixed);
    else
      sema_error(s, max->span, "the largest size is positive");
    return DIM_INVALID;
  }
  Dim d = fixed ? fixed : dim_symbol(s->m->dims, name->text, limit);
  if (d == DIM_INVALID)
    sema_error(s, name->span, "a model has at most %d symbolic dimensions", MAX_OPEN);
  else
    env_bind(s, &(Name){name->text, name->span, NULL}, val_int(d), false);
  return d;
}

static Dim input_dim(Sema *s, const Expr *e, int64_t fixed) {
  const Expr *max, *name = new_symbol(s, e, &max);
  if (name) return symbol(s, name, max, fixed);
  if (max) {
    sema_error(s, e->span, "a range belongs where its dimension first appears, such as N<=32");
    return DIM_INVALID;
  }
  Val v = eval(s, e);
  if (v.kind == VAL_POISON) return DIM_INVALID;
  if (v.kind != VAL_INT || (dim_is_const(v.i) && v.i < 1))
    sema_error(s, e->span, "a dimension is a positive integer, not %s", val_describe(s, v));
  else if (fixed && v.i != fixed)
    sema_error(s, e->span, "--shape makes this dimension %lld", (long long)fixed);
  else
    return v.i;
  return DIM_INVALID;
}

static const Type *input_type(Sema *s, const Param *p) {
  const TypeExpr *t = p->type;
  DType dtype;
  Dim dims[MAX_RANK];
  int rank = 0;
  Shape shape;
  if (!t || !t->dtype || p->fallback) {
    sema_error(s, p->name->span, "a model's input has a type, such as %s: f32[N, 3, 224, 224]%s", p->name->text,
               p->fallback ? ", and no default" : "");
    return NULL;
  }
  if (!dtype_from_name(t->dtype->text, &dtype)) {
    const char *names[DT_COUNT];
    for (int i = 0; i < DT_COUNT; i++) names[i] = dtype_name((DType)i);
    const char *near = diag_nearest(t->dtype->text, names, DT_COUNT);
    sema_error(s, t->dtype->span, "unknown type `%s`; %s%s%s", t->dtype->text, near ? "did you mean `" : "there are ",
               near ? near : dtype_list(), near ? "`?" : "");
    return NULL;
  }
  if (!find_shape(s, p->name->text, &shape)) return NULL;
  bool ok = true;
  for (const Expr *e = t->dims; e; e = e->next, rank++) {
    if (rank == MAX_RANK) {
      sema_error(s, e->span, "a tensor has at most %d dimensions", MAX_RANK);
      return NULL;
    }
    dims[rank] = input_dim(s, e, rank < shape.rank ? shape.dims[rank] : 0);
    ok &= dims[rank] != DIM_INVALID;
  }
  if (shape.rank >= 0 && shape.rank != rank) {
    sema_error(s, t->span, "--shape gives `%s` %d dimensions", p->name->text, shape.rank);
    return NULL;
  }
  const Type *type = ok ? type_get(s->m, dtype, rank, dims) : NULL;
  if (!type || type_elements(s->m, type) != DIM_INVALID) return type;
  sema_error(s, t->span, "this input is too large");
  return NULL;
}

static void add_order(Sema *s, const Param *p) {
  static const char *const orders[] = {"rgb", "bgr", "gray"};
  const Name *order = p->type->order;
  if (!order) return;
  for (int i = 0; i < 3; i++) {
    if (strcmp(orders[i], order->text)) continue;
    const char *key = arena_printf(s->m->arena, "order.%s", p->name->text);
    vec_push(&s->m->meta, (MetaEntry){key, {ATTR_STRING, 0, .s = intern(s->m->names, orders[i])}});
    return;
  }
  sema_error(s, order->span, "unknown channel order `%s`; there are rgb, bgr and gray", order->text);
}

static void add_input(Sema *s, const Param *p) {
  const Type *type = input_type(s, p);
  Val v = POISON;
  if (type) {
    v = (Val){.kind = VAL_TENSOR, .tensor = graph_input(s->m, p->name->text, type)};
    add_order(s, p);
  }
  env_bind(s, p->name, v, false);
}

// ---- outputs

static void add_outputs(Sema *s, const Item *model) {
  int n = 0;
  for (const Param *r = model->results; r; r = r->next) n++;
  Val *values = xcalloc((size_t)n, sizeof *values);
  block_results(s, model, values);
  n = 0;
  for (const Param *r = model->results; r; r = r->next) {
    Val v = values[n++];
    const Binding *b = env_find(s->frame, r->name->text);
    if (v.kind == VAL_TENSOR) {
      graph_output(s->m, r->name->text, v.tensor);
      if (!v.tensor->name) v.tensor->name = intern(s->m->names, r->name->text);
    } else if (v.kind != VAL_POISON) {
      sema_error(s, b->span, "a model's result is a tensor; `%s` is %s", r->name->text, val_describe(s, v));
    }
  }
  free(values);
}

static bool check_signature(Sema *s, const Item *model) {
  bool ok = true;
  for (const Param *r = model->results; r; r = r->next)
    for (const Param *p = model->params; p; p = p->next) {
      if (p->name->text != r->name->text) continue;
      sema_error(s, r->name->span, "the result `%s` needs a name of its own: an input has it", r->name->text);
      ok = false;
    }
  return ok;
}

bool model_expand(Sema *s, const Item *model) {
  int errors = diag_errors(s->diag);
  s->m->name = intern(s->m->names, model->name->text);
  block_enter(s, model, model->name->span);
  if (check_shapes(s, model) && check_signature(s, model)) {
    for (const Param *p = model->params; p; p = p->next) add_input(s, p);
    stmt_run(s, model->body);
    if (!s->stopped) add_outputs(s, model);
  }
  block_leave(s);
  return diag_errors(s->diag) == errors && !s->stopped;
}
