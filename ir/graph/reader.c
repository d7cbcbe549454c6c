// Reads the text of a module (docs/IR.md): recursive descent over bytes, line by line statements. Every mistake becomes
// a diagnostic at its place; after one, reading goes on at the next line, so that several are reported.
#include "ir/core/check.h"
#include "ir/core/checked.h"
#include "ir/graph/infer.h"
#include "ir/graph/lexer.h"
#include <string.h>

typedef struct Reader {
  Lexer lex;
  Module *m;
  const char *dir, *side;
  WeightOpener open;
  void *user;
  uint64_t found;    // counts that nodes so far find
  ValueTable values; // by name, "%" and what follows
} Reader;

// ---- types

static bool read_dims(Reader *r, Dim *dims, int *rank) {
  *rank = 0;
  if (!lexer_expect(&r->lex, "[")) return false;
  while (!lexer_accept(&r->lex, "]")) {
    if (*rank && !lexer_expect(&r->lex, ",")) return false;
    if (*rank == MAX_RANK) return lexer_fail(&r->lex, "more than %d dimensions", MAX_RANK);
    if (!lexer_dim(&r->lex, r->m->dims, &dims[(*rank)++])) return false;
  }
  return true;
}

// {C16@1}
static bool read_layout(Reader *r, int rank, int *axis) {
  int64_t block, at;
  *axis = -1;
  if (!lexer_accept(&r->lex, "{")) return true;
  if (!lexer_expect(&r->lex, "C") || !lexer_int(&r->lex, &block) || !lexer_expect(&r->lex, "@") ||
      !lexer_int(&r->lex, &at) || !lexer_expect(&r->lex, "}"))
    return false;
  if (block != BLOCK) return lexer_fail(&r->lex, "blocks hold %d channels, not %lld", BLOCK, (long long)block);
  if (at < 0 || at >= rank) return lexer_fail(&r->lex, "there is no dimension %lld to block", (long long)at);
  *axis = (int)at;
  return true;
}

static bool read_dtype(Reader *r, DType *dtype) {
  char word[16];
  Span at = lexer_here(&r->lex);
  if (!lexer_word(&r->lex, word, sizeof word) || !dtype_from_name(word, dtype))
    return lexer_fail_at(&r->lex, at, "expected a type such as f32");
  return true;
}

static const Type *read_type(Reader *r) {
  DType dtype;
  Dim dims[MAX_RANK];
  int rank, axis;
  Span at = lexer_here(&r->lex);
  if (!read_dtype(r, &dtype) || !read_dims(r, dims, &rank) || !read_layout(r, rank, &axis)) return NULL;
  for (int i = 0; i < rank; i++)
    if (dim_is_const(dims[i]) && dims[i] < 0)
      return lexer_fail_at(&r->lex, at, "a dimension of %lld", (long long)dims[i]), NULL;
  const Type *t = type_get(r->m, dtype, rank, dims);
  if (type_elements(r->m, t) == DIM_INVALID) return lexer_fail_at(&r->lex, at, "a type of too many elements"), NULL;
  return axis < 0 ? t : type_blocked(r->m, t, axis);
}

// ---- attributes

typedef Vec(int64_t) Ints;
typedef Vec(double) Doubles;
typedef Vec(const char *) Strings;

static bool read_element(Reader *r, AttrKind kind, Ints *ints, Doubles *floats, Strings *strings) {
  int64_t i = 0;
  double f = 0;
  const char *s = NULL;
  bool ok = kind == ATTR_INTS      ? lexer_int(&r->lex, &i)
            : kind == ATTR_FLOATS  ? lexer_double(&r->lex, &f)
            : kind == ATTR_STRINGS ? lexer_string(&r->lex, r->m, &s)
                                   : lexer_dim(&r->lex, r->m->dims, &i);
  if (!ok) return false;
  if (kind == ATTR_FLOATS)
    vec_push(floats, f);
  else if (kind == ATTR_STRINGS)
    vec_push(strings, s);
  else
    vec_push(ints, i);
  return true;
}

static bool read_list(Reader *r, AttrKind kind, Attr *a) {
  Ints ints = {0};
  Doubles floats = {0};
  Strings strings = {0};
  bool ok = lexer_expect(&r->lex, "[");
  int n = 0;
  while (ok && !lexer_accept(&r->lex, "]")) {
    ok = (!n || lexer_expect(&r->lex, ",")) && (n < INT32_MAX || lexer_fail(&r->lex, "a list too long")) &&
         read_element(r, kind, &ints, &floats, &strings);
    n++;
  }
  *a = (Attr){.kind = kind, .n = n};
  if (kind == ATTR_FLOATS)
    a->floats = floats.data;
  else if (kind == ATTR_STRINGS)
    a->strings = strings.data;
  else
    a->ints = ints.data;
  if (ok) *a = attr_clone(r->m, *a);
  vec_free(&ints);
  vec_free(&floats);
  vec_free(&strings);
  return ok;
}

static bool read_bool(Reader *r, int64_t *v) {
  *v = lexer_accept(&r->lex, "true");
  return *v || lexer_accept(&r->lex, "false") || lexer_fail(&r->lex, "expected true or false");
}

static bool read_attr_value(Reader *r, AttrKind kind, Attr *a) {
  DType dtype;
  *a = (Attr){.kind = kind};
  switch (kind) {
  case ATTR_INT: return lexer_int(&r->lex, &a->i);
  case ATTR_FLOAT: return lexer_double(&r->lex, &a->f);
  case ATTR_BOOL: return read_bool(r, &a->i);
  case ATTR_ENUM:
  case ATTR_STRING: return lexer_string(&r->lex, r->m, &a->s);
  case ATTR_DTYPE:
    if (!read_dtype(r, &dtype)) return false;
    a->i = dtype;
    return true;
  default: return read_list(r, kind, a);
  }
}

static const AttrInfo *find_attr(Reader *r, OpKind op, const char *name, Span at) {
  const OpInfo *info = op_info(op);
  for (int i = 0; i < info->n_attrs; i++)
    if (!strcmp(op_attr(op, i)->name, name)) return op_attr(op, i);
  lexer_fail_at(&r->lex, at, "%s has no attribute `%s`", info->name, name);
  return NULL;
}

// {name=value, ...}
static bool read_attrs(Reader *r, OpKind op, Attr *attrs) {
  if (!lexer_accept(&r->lex, "{")) return true;
  for (bool first = true; !lexer_accept(&r->lex, "}"); first = false) {
    char name[64];
    if (!first && !lexer_expect(&r->lex, ",")) return false;
    Span at = lexer_here(&r->lex);
    if (!lexer_word(&r->lex, name, sizeof name)) return lexer_fail(&r->lex, "expected an attribute");
    const AttrInfo *row = find_attr(r, op, name, at);
    if (!row) return false;
    if (attrs[row->index].kind != ATTR_NONE) return lexer_fail_at(&r->lex, at, "`%s` is given twice", name);
    if (!lexer_expect(&r->lex, "=") || !read_attr_value(r, row->kind, &attrs[row->index])) return false;
  }
  return true;
}

// A meta entry's kind follows from its text: a list is of what its first element is.
static bool read_meta_value(Reader *r, Attr *a) {
  const char *s = lexer_peek(&r->lex);
  bool list = *s == '[';
  if (list) s += 1 + strspn(s + 1, " \t\r\n");
  size_t n = strspn(s, "+-0123456789.eEinfa");
  bool real = strcspn(s, ".einfa") < n;
  AttrKind kind = *s == '"' || *s == ']'                            ? (list ? ATTR_STRINGS : ATTR_STRING)
                  : !list && (*s == 't' || !strncmp(s, "false", 5)) ? ATTR_BOOL
                  : real                                            ? (list ? ATTR_FLOATS : ATTR_FLOAT)
                                                                    : (list ? ATTR_INTS : ATTR_INT);
  return read_attr_value(r, kind, a);
}

// ---- weights

static bool check_blob(Reader *r, Weight *w, int rank, const Dim *dims, Span at) {
  bool same = rank == w->type->rank && (!rank || !memcmp(dims, w->type->dims, sizeof *dims * (size_t)rank));
  if (same && w->blob->size >= (size_t)weight_count(w) * dtype_size(w->stored)) return true;
  if (same) return lexer_fail_at(&r->lex, at, "the data of `%s` ends early", w->name);
  const Type *found = type_get(r->m, w->stored, rank, dims);
  return lexer_fail_at(&r->lex, at, "`%s` is %s, but its data is %s", w->name, type_str(r->m, w->type),
                       type_str(r->m, found));
}

// Without an opener the data stays unknown.
static bool open_weight(Reader *r, Weight *w, const char *file, const char *key, Span at) {
  Dim dims[MAX_RANK];
  int rank = 0, errors = diag_errors(r->m->diag);
  if (!r->open) return true;
  w->blob = r->open(r->user, r->m->diag, r->dir, file, key, &w->stored, &rank, dims);
  if (w->blob) return check_blob(r, w, rank, dims, at);
  if (diag_errors(r->m->diag) == errors) lexer_fail_at(&r->lex, at, "no data for `%s`", w->name);
  r->lex.failed = true;
  return false;
}

static bool read_number(Reader *r, DType t, void *data, int64_t i) {
  double v;
  if (t == DT_I64) return lexer_int(&r->lex, (int64_t *)data + i);
  if (t == DT_U64) return lexer_unsigned(&r->lex, (uint64_t *)data + i);
  if (!lexer_double(&r->lex, &v)) return false;
  dtype_store(t, data, i, v);
  return true;
}

static bool read_dense(Reader *r, Weight *w) {
  int64_t n = weight_count(w);
  if (n > DENSE_MAX) return lexer_fail(&r->lex, "at most %d elements stand in the text", DENSE_MAX);
  w->source = WEIGHT_DENSE;
  w->blob = blob_malloc((size_t)n * dtype_size(w->stored));
  void *data = (void *)w->blob->data;
  if (!lexer_expect(&r->lex, "[")) return false;
  for (int64_t i = 0; i < n; i++)
    if ((i && !lexer_expect(&r->lex, ",")) || !read_number(r, w->stored, data, i)) return false;
  return lexer_expect(&r->lex, "]");
}

static bool read_file(Reader *r, Weight *w, Span at) {
  w->source = WEIGHT_FILE;
  return lexer_expect(&r->lex, "(") && lexer_string(&r->lex, r->m, &w->file) && lexer_expect(&r->lex, ",") &&
         lexer_string(&r->lex, r->m, &w->key) && lexer_expect(&r->lex, ")") && open_weight(r, w, w->file, w->key, at);
}

static bool read_side(Reader *r, Weight *w, Span at) {
  const char *key;
  w->source = WEIGHT_DENSE;
  return lexer_expect(&r->lex, "(") && lexer_string(&r->lex, r->m, &key) && lexer_expect(&r->lex, ")") &&
         open_weight(r, w, r->side, key, at);
}

static bool read_made(Reader *r, Weight *w) {
  int64_t seed;
  if (weight_count(w) > WEIGHT_MADE_MAX) return lexer_fail(&r->lex, "more than 2^30 elements");
  if (!lexer_expect(&r->lex, "(")) return false;
  if (w->source == WEIGHT_SPLAT) return lexer_double(&r->lex, &w->splat) && lexer_expect(&r->lex, ")");
  if (!lexer_int(&r->lex, &seed) || !lexer_expect(&r->lex, ",") || !lexer_int(&r->lex, &w->fan_in)) return false;
  w->seed = (uint64_t)seed;
  return lexer_expect(&r->lex, ")");
}

static bool read_source(Reader *r, Weight *w) {
  char word[16];
  Span at = lexer_here(&r->lex);
  if (!lexer_word(&r->lex, word, sizeof word)) word[0] = 0;
  if (!strcmp(word, "missing")) return true;
  if (!strcmp(word, "file")) return read_file(r, w, at);
  if (!strcmp(word, "side")) return read_side(r, w, at);
  if (!strcmp(word, "dense")) return read_dense(r, w);
  bool splat = !strcmp(word, "splat");
  if (!splat && strcmp(word, "init"))
    return lexer_fail_at(&r->lex, at, "expected file, splat, dense, side, init or missing");
  w->source = splat ? WEIGHT_SPLAT : WEIGHT_INIT;
  return read_made(r, w);
}

static bool read_weight(Reader *r) {
  const char *name;
  Span at = lexer_here(&r->lex);
  if (!lexer_expect(&r->lex, "@") || !lexer_name(&r->lex, r->m, &name) || !lexer_expect(&r->lex, ":")) return false;
  Span type_at = lexer_here(&r->lex);
  const Type *t = read_type(r);
  if (!t || !lexer_expect(&r->lex, "=")) return false;
  if (graph_find_weight(r->m, name)) return lexer_fail_at(&r->lex, at, "a second weight `%s`", name);
  if (!dim_is_const(type_elements(r->m, t)) || t->blocked_axis >= 0)
    return lexer_fail_at(&r->lex, type_at, "a weight is row-major and of known dimensions");
  return read_source(r, graph_weight(r->m, name, t, WEIGHT_MISSING));
}

// ---- nodes

typedef Vec(Value *) Values;

static bool read_value(Reader *r, Value **v) {
  const char *name;
  Span at = lexer_here(&r->lex);
  *v = NULL;
  if (lexer_accept(&r->lex, "@")) {
    if (!lexer_name(&r->lex, r->m, &name)) return false;
    Weight *w = graph_find_weight(r->m, name);
    if (!w) return lexer_fail_at(&r->lex, at, "no weight `%s`", name);
    *v = w->value;
    return true;
  }
  if (!lexer_value_name(&r->lex, r->m, &name)) return false;
  *v = value_table_find(&r->values, name);
  return *v || lexer_fail_at(&r->lex, at, "no value `%s` before this", name + is_number(name));
}

// Operands up to what cannot be one.
static bool read_operands(Reader *r, Values *operands) {
  for (bool first = true;; first = false) {
    char c = *lexer_peek(&r->lex);
    if (first && c != '%' && c != '@' && c != '_') return true;
    Value *v = NULL;
    if (!lexer_accept(&r->lex, "_") && !read_value(r, &v)) return false;
    vec_push(operands, v);
    if (!lexer_accept(&r->lex, ",")) return true;
  }
}

static bool same_dims(const Type *a, const Type *b) {
  return a->dtype == b->dtype && a->rank == b->rank &&
         (!a->rank || !memcmp(a->dims, b->dims, sizeof *a->dims * (size_t)a->rank));
}

// The written types agree with the inferred ones and add the layout.
static bool read_result_types(Reader *r, Node *n, int count) {
  if (!lexer_expect(&r->lex, ":")) return false;
  if (count != n->n_results)
    return lexer_fail_at(&r->lex, n->span, "%s has %d results, not %d", op_info(n->op)->name, n->n_results, count);
  for (int i = 0; i < count; i++) {
    if (i && !lexer_expect(&r->lex, ",")) return false;
    Span at = lexer_here(&r->lex);
    const Type *t = read_type(r);
    if (!t) return false;
    if (!same_dims(t, n->results[i]->type))
      return lexer_fail_at(&r->lex, at, "%s gives %s, not %s", op_info(n->op)->name,
                           type_str(r->m, n->results[i]->type), type_str(r->m, t));
    n->results[i]->type = t;
  }
  return true;
}

static bool define(Reader *r, const char *name, Value *v, Span at) {
  if (!value_table_add(&r->values, name, v))
    return lexer_fail_at(&r->lex, at, "a second value `%s`", name + is_number(name));
  v->name = is_number(name) ? NULL : name;
  return true;
}

typedef Vec(const char *) Names;

static bool read_op(Reader *r, OpKind *op) {
  char word[64];
  Span at = lexer_here(&r->lex);
  if (!lexer_word(&r->lex, word, sizeof word)) return lexer_fail(&r->lex, "expected an op");
  if (op_from_name(word, op)) return true;
  const char *names[OP_COUNT];
  for (int i = 0; i < OP_COUNT; i++) names[i] = op_info((OpKind)i)->name;
  const char *near = diag_nearest(word, names, OP_COUNT);
  return near ? lexer_fail_at(&r->lex, at, "unknown op `%s`; did you mean `%s`?", word, near)
              : lexer_fail_at(&r->lex, at, "unknown op `%s`", word);
}

static bool check_counts(Reader *r, const Node *n) {
  uint64_t own = dim_counts(r->m->dims, graph_count(n));
  if (own & r->found) return lexer_fail_at(&r->lex, n->span, "a second node finds this count");
  r->found |= own;
  return !(graph_counts(r->m, n) & ~r->found) || lexer_fail_at(&r->lex, n->span, "no node before this finds its count");
}

static bool read_definition(Reader *r, const Names *names, Values *operands, Span at) {
  OpKind op;
  Attr attrs[32] = {{0}};
  if (!read_op(r, &op)) return false;
  CHECK(op_info(op)->n_attrs <= 32, "%s has too many attributes", op_info(op)->name);
  if (!read_operands(r, operands) || !read_attrs(r, op, attrs)) return false;
  at.end = lexer_end(&r->lex);
  NodeSpec spec = {op, (int)operands->len, operands->data, attrs, NULL, at};
  Node *n = graph_node(r->m, &spec);
  if (!n) return r->lex.failed = true, false;
  if (!check_counts(r, n) || !read_result_types(r, n, (int)names->len)) return false;
  for (size_t i = 0; i < names->len; i++)
    if (!define(r, names->data[i], n->results[i], at)) return false;
  return !lexer_accept(&r->lex, "@") || lexer_name(&r->lex, r->m, &n->name);
}

// %a, %b = op operands {attributes} : types @path
static bool read_node(Reader *r) {
  Names names = {0};
  Values operands = {0};
  Span at = lexer_here(&r->lex);
  bool ok = true;
  do {
    const char *name = NULL;
    ok = lexer_value_name(&r->lex, r->m, &name);
    if (ok) vec_push(&names, name);
  } while (ok && lexer_accept(&r->lex, ","));
  ok = ok && lexer_expect(&r->lex, "=") && read_definition(r, &names, &operands, at);
  vec_free(&names);
  vec_free(&operands);
  return ok;
}

// ---- statements

static bool read_symbol(Reader *r) {
  const char *name;
  int64_t max = INT64_MAX / 4;
  Span at = lexer_here(&r->lex);
  if (!lexer_name(&r->lex, r->m, &name)) return false;
  if (lexer_accept(&r->lex, "<=") && !lexer_int(&r->lex, &max)) return false;
  int known = dim_symbol_count(r->m->dims);
  if (max < 1) return lexer_fail_at(&r->lex, at, "`%s` would have no value", name);
  if (known > dim_open_count(r->m->dims)) return lexer_fail_at(&r->lex, at, "symbols stand before counts");
  if (dim_symbol(r->m->dims, name, max) == DIM_INVALID)
    return lexer_fail_at(&r->lex, at, "more than %d symbols", MAX_OPEN);
  return dim_symbol_count(r->m->dims) > known || lexer_fail_at(&r->lex, at, "a second symbol `%s`", name);
}

// count NAME <= CAPACITY
static bool read_count(Reader *r) {
  const char *name;
  Dim capacity;
  Span at = lexer_here(&r->lex);
  if (!lexer_name(&r->lex, r->m, &name) || !lexer_expect(&r->lex, "<=") || !lexer_dim(&r->lex, r->m->dims, &capacity))
    return false;
  if (dim_counts(r->m->dims, capacity)) return lexer_fail_at(&r->lex, at, "the capacity of `%s` has a count", name);
  Dim d = dim_count(r->m->dims, name, capacity);
  if (d == DIM_INVALID) return lexer_fail_at(&r->lex, at, "more than %d counts", MAX_COUNTS);
  bool renamed = strcmp(dim_symbol_at(r->m->dims, dim_symbol_index(r->m->dims, d))->name, name) != 0;
  return !renamed || lexer_fail_at(&r->lex, at, "a second symbol `%s`", name);
}

static bool read_assert(Reader *r) {
  Assertion a = {.span = lexer_here(&r->lex)};
  if (!lexer_string(&r->lex, r->m, &a.text) || !lexer_expect(&r->lex, ":") ||
      !lexer_dim(&r->lex, r->m->dims, &a.condition))
    return false;
  vec_push(&r->m->assertions, a);
  return true;
}

enum { MAX_ENTRIES = 4096 }; // of outputs and of meta entries, which are searched one by one

static bool read_meta(Reader *r) {
  MetaEntry e;
  Span at = lexer_here(&r->lex);
  if (!lexer_name(&r->lex, r->m, &e.key) || !lexer_expect(&r->lex, "=") || !read_meta_value(r, &e.value)) return false;
  if (module_meta(r->m, e.key)) return lexer_fail_at(&r->lex, at, "a second meta entry `%s`", e.key);
  if (r->m->meta.len == MAX_ENTRIES) return lexer_fail_at(&r->lex, at, "more than %d meta entries", MAX_ENTRIES);
  vec_push(&r->m->meta, e);
  return true;
}

static bool read_input(Reader *r) {
  const char *name;
  Span at = lexer_here(&r->lex);
  if (!lexer_value_name(&r->lex, r->m, &name) || !lexer_expect(&r->lex, ":")) return false;
  const Type *t = read_type(r);
  if (!t) return false;
  if (is_number(name)) return lexer_fail_at(&r->lex, at, "an input's name of digits must be quoted");
  if (dim_counts(r->m->dims, type_elements(r->m, t)))
    return lexer_fail_at(&r->lex, at, "an input's dimensions are known before a run");
  return define(r, name, graph_input(r->m, name, t), at);
}

static bool read_output(Reader *r) {
  const char *name;
  Value *v;
  Span at = lexer_here(&r->lex);
  if (!lexer_name(&r->lex, r->m, &name) || !lexer_expect(&r->lex, "=") || !read_value(r, &v)) return false;
  for (size_t i = 0; i < r->m->outputs.len; i++)
    if (r->m->outputs.data[i].name == name) return lexer_fail_at(&r->lex, at, "a second output `%s`", name);
  if (r->m->outputs.len == MAX_ENTRIES) return lexer_fail_at(&r->lex, at, "more than %d outputs", MAX_ENTRIES);
  graph_output(r->m, name, v);
  return true;
}

// A module may be without one.
static bool read_module_name(Reader *r) {
  bool quoted = *lexer_peek(&r->lex) == '"';
  return quoted ? lexer_string(&r->lex, r->m, &r->m->name) : lexer_name(&r->lex, r->m, &r->m->name);
}

static bool read_statement(Reader *r) {
  char word[16];
  Span at = lexer_here(&r->lex);
  if (*lexer_peek(&r->lex) == '%') return read_node(r);
  if (!lexer_word(&r->lex, word, sizeof word)) word[0] = 0;
  if (!strcmp(word, "module")) return read_module_name(r);
  if (!strcmp(word, "symbol")) return read_symbol(r);
  if (!strcmp(word, "count")) return read_count(r);
  if (!strcmp(word, "assert")) return read_assert(r);
  if (!strcmp(word, "side")) return lexer_string(&r->lex, r->m, &r->side);
  if (!strcmp(word, "weight")) return read_weight(r);
  if (!strcmp(word, "meta")) return read_meta(r);
  if (!strcmp(word, "input")) return read_input(r);
  if (!strcmp(word, "output")) return read_output(r);
  return lexer_fail_at(&r->lex, at,
                       "expected module, symbol, count, assert, side, weight, meta, input, output or %%value = ...");
}

Module *graph_read(Diag *diag, const char *name, const char *text, size_t size, const char *dir, WeightOpener open,
                   void *user) {
  Reader r = {.m = module_create(diag), .dir = dir, .side = "", .open = open, .user = user};
  lexer_open(&r.lex, diag, name, text, size);
  while (!lexer_at_end(&r.lex))
    if (!read_statement(&r)) lexer_skip_line(&r.lex);
  if (!r.lex.failed && !r.m->outputs.len) lexer_fail(&r.lex, "the module has no output");
  value_table_free(&r.values);
  bool failed = r.lex.failed;
  lexer_close(&r.lex);
  if (!failed) return r.m;
  module_destroy(r.m);
  return NULL;
}
