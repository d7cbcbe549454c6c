// Equality of two modules in structure, types, attributes and weights; the first difference is described.
#include "ir/graph/internal.h"
#include <math.h>
#include <string.h>

typedef struct Pair {
  Module *a, *b;
  StrBuf *difference;
  const Value **map; // the value of b that stands for the value of a with this id
} Pair;

__attribute__((format(printf, 2, 3))) static bool differ(Pair *p, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  if (p->difference) strbuf_vprintf(p->difference, fmt, ap);
  va_end(ap);
  return false;
}

static bool same_text(const char *a, const char *b) { return a && b ? !strcmp(a, b) : a == b; }

// ---- dimensions and types, across two tables

static bool same_dim(const Pair *p, Dim a, Dim b) {
  int n, k;
  const Dim *x, *y;
  if (a == DIM_INVALID || b == DIM_INVALID || dim_is_const(a) || dim_is_const(b)) return a == b;
  DimOp op = dim_op(p->a->dims, a, &n, &x);
  if (op != dim_op(p->b->dims, b, &k, &y) || n != k) return false;
  if (op == DIM_SYMBOL) return dim_symbol_index(p->a->dims, a) == dim_symbol_index(p->b->dims, b);
  for (int i = 0; i < n; i++)
    if (!same_dim(p, x[i], y[i])) return false;
  return true;
}

static bool same_type(const Pair *p, const Type *a, const Type *b) {
  if (a->dtype != b->dtype || a->rank != b->rank || a->blocked_axis != b->blocked_axis) return false;
  for (int i = 0; i < a->rank; i++)
    if (!same_dim(p, a->dims[i], b->dims[i])) return false;
  return true;
}

static bool match(Pair *p, const Value *a, const Value *b, const char *what) {
  p->map[a->id] = b;
  return same_type(p, a->type, b->type) ||
         differ(p, "%s: type %s against %s", what, type_str(p->a, a->type), type_str(p->b, b->type));
}

// ---- attributes

static bool same_attr(const Pair *p, const Attr *a, const Attr *b) {
  bool words = (a->kind == ATTR_ENUM || a->kind == ATTR_STRING) && (b->kind == ATTR_ENUM || b->kind == ATTR_STRING);
  if (words) return !strcmp(a->s, b->s); // a meta entry's text does not tell them apart
  if (a->kind >= ATTR_INTS && b->kind >= ATTR_INTS && !a->n && !b->n) return true;
  if (a->kind != ATTR_DIMS && a->kind != ATTR_PADDING) return attr_equal(a, b);
  if (a->kind != b->kind || a->n != b->n) return false;
  for (int i = 0; i < a->n; i++)
    if (!same_dim(p, a->ints[i], b->ints[i])) return false;
  return true;
}

// ---- lists

static bool same_symbols(Pair *p) {
  int n = dim_symbol_count(p->a->dims);
  if (n != dim_symbol_count(p->b->dims)) return differ(p, "another number of symbols");
  for (int i = 0; i < n; i++) {
    const Symbol *a = dim_symbol_at(p->a->dims, i), *b = dim_symbol_at(p->b->dims, i);
    bool same = !strcmp(a->name, b->name) && a->min == b->min && a->max == b->max && a->is_count == b->is_count;
    if (!same || (a->is_count && !same_dim(p, a->capacity, b->capacity)))
      return differ(p, "symbol %s against %s, or their ranges", a->name, b->name);
  }
  return true;
}

static bool same_assertions(Pair *p) {
  if (p->a->assertions.len != p->b->assertions.len)
    return differ(p, "%zu assertions against %zu", p->a->assertions.len, p->b->assertions.len);
  for (size_t i = 0; i < p->a->assertions.len; i++) {
    const Assertion *a = &p->a->assertions.data[i], *b = &p->b->assertions.data[i];
    if (strcmp(a->text, b->text) || !same_dim(p, a->condition, b->condition))
      return differ(p, "assertion \"%s\"", a->text);
  }
  return true;
}

static bool same_meta(Pair *p) {
  if (p->a->meta.len != p->b->meta.len) return differ(p, "another number of meta entries");
  for (size_t i = 0; i < p->a->meta.len; i++) {
    const MetaEntry *a = &p->a->meta.data[i], *b = &p->b->meta.data[i];
    if (strcmp(a->key, b->key) || !same_attr(p, &a->value, &b->value)) return differ(p, "meta entry %s", a->key);
  }
  return true;
}

// What is known to be equal without looking at the elements.
static bool same_source(const Weight *a, const Weight *b) {
  if (a->source != b->source) return false;
  if (a->blob && a->blob == b->blob) return true;
  switch (a->source) {
  case WEIGHT_MISSING: return true;
  case WEIGHT_FILE: return same_text(a->file, b->file) && same_text(a->key, b->key);
  case WEIGHT_SPLAT: return a->splat == b->splat;
  case WEIGHT_INIT: return a->seed == b->seed && a->fan_in == b->fan_in;
  case WEIGHT_DENSE: return false;
  }
  return false;
}

// A text keeps that an element is NaN, not which of them.
static bool same_elements(Weight *a, Weight *b) {
  bool same = weight_hash(a) == weight_hash(b);
  if (same || !dtype_is_float(a->type->dtype)) return same;
  same = true;
  for (int64_t i = 0, n = weight_count(a); same && i < n; i++) {
    double x = weight_at(a, i), y = weight_at(b, i);
    same = (isnan(x) && isnan(y)) || (x == y && signbit(x) == signbit(y));
  }
  weight_drop_cache(a), weight_drop_cache(b);
  return same;
}

static bool same_weight(Pair *p, Weight *a, Weight *b) {
  if (strcmp(a->name, b->name)) return differ(p, "weight %s against %s", a->name, b->name);
  if (!match(p, a->value, b->value, a->name)) return false;
  if (same_source(a, b)) return true;
  bool missing = a->source == WEIGHT_MISSING || b->source == WEIGHT_MISSING;
  return (!missing && same_elements(a, b)) || differ(p, "weight %s: its elements", a->name);
}

static bool same_inputs_and_weights(Pair *p) {
  if (p->a->inputs.len != p->b->inputs.len) return differ(p, "another number of inputs");
  for (size_t i = 0; i < p->a->inputs.len; i++) {
    const Value *a = p->a->inputs.data[i], *b = p->b->inputs.data[i];
    if (!same_text(a->name, b->name)) return differ(p, "input %s against %s", a->name, b->name);
    if (!match(p, a, b, a->name)) return false;
  }
  if (p->a->weights.len != p->b->weights.len)
    return differ(p, "%zu weights against %zu", p->a->weights.len, p->b->weights.len);
  for (size_t i = 0; i < p->a->weights.len; i++)
    if (!same_weight(p, p->a->weights.data[i], p->b->weights.data[i])) return false;
  return true;
}

static bool same_value(const Pair *p, const Value *a, const Value *b) { return a && b ? p->map[a->id] == b : a == b; }

static bool same_node(Pair *p, const Node *a, const Node *b) {
  const OpInfo *info = op_info(a->op);
  const char *what = a->name ? a->name : info->name;
  if (a->op != b->op) return differ(p, "%s: op %s against %s", what, info->name, op_info(b->op)->name);
  if (!same_text(a->name, b->name)) return differ(p, "layer %s against %s", what, b->name ? b->name : "none");
  for (int i = 0; i < a->n_operands || i < b->n_operands; i++)
    if (!same_value(p, operand(a, i), operand(b, i))) return differ(p, "%s: operand %d", what, i);
  for (int i = 0; i < info->n_attrs; i++)
    if (!same_attr(p, &a->attrs[i], &b->attrs[i])) return differ(p, "%s: attribute %s", what, op_attr(a->op, i)->name);
  if (a->n_results != b->n_results) return differ(p, "%s: another number of results", what);
  for (int i = 0; i < a->n_results; i++)
    if (!match(p, a->results[i], b->results[i], what)) return false;
  return true;
}

static bool same_nodes_and_outputs(Pair *p) {
  const Node *a = p->a->first, *b = p->b->first;
  for (; a && b; a = a->next, b = b->next)
    if (!same_node(p, a, b)) return false;
  if (a || b) return differ(p, "another number of nodes");
  if (p->a->outputs.len != p->b->outputs.len) return differ(p, "another number of outputs");
  for (size_t i = 0; i < p->a->outputs.len; i++) {
    const Output *x = &p->a->outputs.data[i], *y = &p->b->outputs.data[i];
    if (!same_text(x->name, y->name) || !same_value(p, x->value, y->value)) return differ(p, "output %s", x->name);
  }
  return true;
}

bool graph_equal(Module *a, Module *b, StrBuf *difference) {
  Pair p = {a, b, difference, xcalloc(a->n_values + 1, sizeof *p.map)};
  bool equal = (same_text(a->name, b->name) || differ(&p, "module %s against %s", a->name, b->name)) &&
               same_symbols(&p) && same_assertions(&p) && same_meta(&p) && same_inputs_and_weights(&p) &&
               same_nodes_and_outputs(&p);
  free(p.map);
  return equal;
}
