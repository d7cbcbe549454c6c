// Chains: a value with one reader that takes it as its first operand is written within the reader's statement. Names
// are given to what is left, the same again as soon as nobody needs what had it, so that repeated parts read alike.
#include "frontend/write/write.h"
#include "frontend/write/writer.h"
#include <string.h>

enum { LONGEST_CHAIN = 256 }; // of calls; whoever reads a statement goes down its chain by recursion

typedef struct Names {
  Vec(const char *) pool;   // in the order of preference
  Vec(const Value *) holds; // what each holds; NULL: it is free
  int *last;                // of values, by id: the number of the last node whose statement reads it
} Names;

// ---- chains

static bool joins_several(const Node *n) {
  return n->n_operands > 1 && op_info(n->op)->operands[0].kind == OPERAND_VARIADIC;
}

static bool is_activation(const Node *n) { return op_has(n->op, TRAIT_UNARY) && !operator_of(n); }

// An operator begins a statement, and an activation behind it ends that: what a residual block leaves is then a
// variable in its last turn as in the others.
static bool joins_reader(const Writer *w, const Value *v) {
  const Node *n = v->node, *reader = v->uses->user;
  if (operand(reader, 0) != v || operator_of(reader) || joins_several(reader)) return false;
  if (operator_of(n)) return is_activation(reader);
  const Value *x = operand(n, 0);
  return !(is_activation(n) && x && x->node && operator_of(x->node) && w->chained[x->id]);
}

// Whether an attribute of another node has the count of n, which must then be named.
static bool is_count_read(const Writer *w, const Node *n) {
  uint64_t own = dim_counts(w->m->dims, graph_count(n));
  for (const Node *other = n->next; own && other; other = other->next)
    for (int i = 0; i < op_info(other->op)->n_attrs; i++)
      for (int k = 0; other->attrs[i].kind == ATTR_DIMS && k < other->attrs[i].n; k++)
        if (dim_counts(w->m->dims, other->attrs[i].ints[k]) & own) return true;
  return false;
}

static void find_chains(Writer *w) {
  int *length = xcalloc(w->m->n_values + 1, sizeof *length);
  for (const Node *n = w->m->first; n; n = n->next) {
    const Value *v = n->results[0], *x = operand(n, 0);
    length[v->id] = 1 + (x && w->chained[x->id] ? length[x->id] : 0);
    bool one_reader = n->n_results == 1 && v->uses && v->uses->user && !v->uses->next && !w->given[v->id];
    w->chained[v->id] = one_reader && length[v->id] < LONGEST_CHAIN && joins_reader(w, v) && !is_count_read(w, n);
  }
  free(length);
}

// The node whose statement holds n.
static const Node *tail_of(const Writer *w, const Node *n) {
  while (w->chained[n->results[0]->id]) n = n->results[0]->uses->user;
  return n;
}

static bool put_chain(Writer *w, Statement *s, const Node *n) {
  Value *x = operand(n, 0);
  const char *oper = operator_of(n);
  if (oper) {
    bool chained = w->chained[n->results[0]->id];
    if (chained) put(w, s, "(");
    if (!put_operand(w, s, n, 0)) return false;
    put(w, s, "%s", oper);
    if (!put_operand(w, s, n, 1)) return false;
    if (chained) put(w, s, ")");
    return true;
  }
  if (!x || x->weight || joins_several(n)) return put_call(w, s, n, false);
  if (w->chained[x->id]) {
    if (!put_chain(w, s, x->node)) return false;
  } else if (op_info(n->op)->n_operands == 1 || op_info(n->op)->operands[1].kind >= OPERAND_WEIGHT)
    put(w, s, "%s", w->names[x->id]);
  else
    return put_call(w, s, n, false);
  put(w, s, " |> ");
  return put_call(w, s, n, true);
}

// ---- names

static void add_name(Names *names, const char *name, const Value *holds) {
  vec_push(&names->pool, name);
  vec_push(&names->holds, holds);
}

// Different names may be alike once they are clean.
static const char *new_name(Writer *w, Map *variables, const char *name) {
  const char *clean = name_clean(w->m->arena, name), *unique = intern(w->m->names, clean);
  for (int i = 2; map_get(variables, unique); i++)
    unique = intern(w->m->names, arena_printf(w->m->arena, "%s_%d", clean, i));
  map_set(variables, unique, w);
  return unique;
}

static void make_pool(Writer *w, Names *names) {
  Map variables = {0};
  map_set(&variables, intern(w->m->names, "i"), w); // of loops
  for (int i = 0; i < dim_symbol_count(w->m->dims); i++)
    map_set(&variables, intern(w->m->names, dim_symbol_at(w->m->dims, i)->name), w);
  for (size_t i = 0; i < w->m->inputs.len; i++) {
    Value *v = w->m->inputs.data[i];
    add_name(names, w->names[v->id] = new_name(w, &variables, v->name), v);
  }
  for (size_t i = 0; i < w->m->outputs.len; i++) {
    const Output *o = &w->m->outputs.data[i];
    w->outputs[i] = new_name(w, &variables, o->name);
    if (!w->given[o->value->id]) w->given[o->value->id] = w->outputs[i];
  }
  for (const char *p = "xyzabcdefghjklmnopqrstuvw"; *p; p++) {
    const char *name = intern_n(w->m->names, p, 1);
    if (!map_get(&variables, name)) add_name(names, name, NULL);
  }
  map_free(&variables);
}

// The inputs' own names are not given to other values.
static const char *take_name(Writer *w, Names *names, const Value *v) {
  for (size_t i = w->m->inputs.len; i < names->pool.len; i++) {
    if (names->holds.data[i]) continue;
    names->holds.data[i] = v;
    return names->pool.data[i];
  }
  const char *name = arena_printf(w->m->arena, "x%zu_", names->pool.len);
  add_name(names, name, v);
  return name;
}

static void release_names(Names *names, int at) {
  for (size_t i = 0; i < names->holds.len; i++)
    if (names->holds.data[i] && names->last[names->holds.data[i]->id] <= at) names->holds.data[i] = NULL;
}

// ---- statements

static void find_last_readers(Writer *w, Names *names) {
  int k = 0, *number = xcalloc(w->m->n_nodes + 1, sizeof *number);
  for (const Node *n = w->m->first; n; n = n->next) number[n->id] = k++;
  names->last = xmalloc(sizeof *names->last * (w->m->n_values + 1));
  for (uint32_t i = 0; i < w->m->n_values; i++) names->last[i] = -1;
  for (const Node *n = w->m->first; n; n = n->next) {
    int tail = number[tail_of(w, n)->id];
    for (int i = 0; i < n->n_operands; i++) {
      const Value *v = operand(n, i);
      if (v && names->last[v->id] < tail) names->last[v->id] = tail;
    }
  }
  for (size_t i = 0; i < w->m->outputs.len; i++) names->last[w->m->outputs.data[i].value->id] = k;
  free(number);
}

static bool put_node(Writer *w, Names *names, const Node *n, int number) {
  if (w->chained[n->results[0]->id]) return true;
  Statement body = {0}, s = {0};
  bool ok = put_chain(w, &body, n);
  release_names(names, number);
  for (int i = 0; ok && i < n->n_results; i++) {
    const Value *v = n->results[i];
    const char *name = w->given[v->id];
    w->names[v->id] = name ? name : take_name(w, names, v);
    put(w, &s, "%s%s", i ? ", " : "", w->names[v->id]);
  }
  put(w, &s, " = ");
  for (size_t i = 0; i < body.pieces.len; i++) vec_push(&s.pieces, body.pieces.data[i]);
  vec_free(&body.pieces);
  vec_push(&w->statements, s);
  return ok;
}

// let nms_count = x.shape[0], where x has just been bound
static void put_count(Writer *w, const Node *n) {
  Dim count = graph_count(n);
  for (int i = 0; i < n->n_results; i++)
    for (int d = 0; d < n->results[i]->type->rank; d++) {
      if (n->results[i]->type->dims[d] != count) continue;
      Statement s = {0};
      const char *name = dim_symbol_at(w->m->dims, dim_symbol_index(w->m->dims, count))->name;
      put(w, &s, "let %s = %s.shape[%d]", name, w->names[n->results[i]->id], d);
      vec_push(&w->statements, s);
      return;
    }
}

static bool put_nodes(Writer *w) {
  Names names = {0};
  bool ok = true;
  int number = 0;
  make_pool(w, &names);
  find_chains(w);
  find_last_readers(w, &names);
  for (const Node *n = w->m->first; n; n = n->next) {
    ok = put_node(w, &names, n, number++) && ok;
    if (is_count_read(w, n)) put_count(w, n);
  }
  vec_free(&names.pool);
  vec_free(&names.holds);
  free(names.last);
  return ok;
}

// An output that is an input, or one value under a second name.
static bool put_aliases(Writer *w) {
  for (size_t i = 0; i < w->m->outputs.len; i++) {
    const Output *o = &w->m->outputs.data[i];
    const char *have = w->names[o->value->id];
    if (!have) {
      diag_error(w->m->diag, (Span){0}, "the output `%s` is a constant, which cannot be written in the language",
                 o->name);
      return false;
    }
    if (!strcmp(have, w->outputs[i])) continue;
    Statement s = {0};
    put(w, &s, "%s = %s", w->outputs[i], have);
    vec_push(&w->statements, s);
  }
  return true;
}

// ---- the model around them

static void put_input(Writer *w, StrBuf *b, const Value *v, bool *shown) {
  const Type *t = v->type;
  strbuf_printf(b, "%s: %s[", w->names[v->id], dtype_name(t->dtype));
  for (int d = 0; d < t->rank; d++) {
    if (d) strbuf_puts(b, ", ");
    dim_print(w->m->dims, t->dims[d], b);
    int k = dim_symbol_index(w->m->dims, t->dims[d]);
    if (k < 0 || shown[k]) continue;
    shown[k] = true;
    const Symbol *s = dim_symbol_at(w->m->dims, k);
    if (s->max < INT64_MAX / 4) strbuf_printf(b, "<=%lld", (long long)s->max);
  }
  strbuf_putc(b, ']');
  const MetaEntry *order = module_meta(w->m, arena_printf(w->m->arena, "order.%s", v->name));
  if (order) strbuf_printf(b, " %s", order->value.s);
}

static void put_head(Writer *w, StrBuf *b, const char *weights_file) {
  bool shown[MAX_SYMBOLS] = {false};
  strbuf_printf(b, "nn 1\n\nmodel %s(", name_clean(w->m->arena, w->m->name ? w->m->name : "model"));
  for (size_t i = 0; i < w->m->inputs.len; i++) {
    if (i) strbuf_puts(b, ", ");
    put_input(w, b, w->m->inputs.data[i], shown);
  }
  strbuf_puts(b, ") -> ");
  for (size_t i = 0; i < w->m->outputs.len; i++) strbuf_printf(b, "%s%s", i ? ", " : "", w->outputs[i]);
  strbuf_puts(b, " {\n");
  if (!w->out->weights.len) return;
  strbuf_puts(b, "  weights ");
  strbuf_quoted(b, weights_file);
  strbuf_putc(b, '\n');
}

static void put_meta(Writer *w, StrBuf *b) {
  static const AttrInfo any = {.kind = ATTR_INTS};
  bool begun = false;
  for (size_t i = 0; i < w->m->meta.len; i++) {
    const MetaEntry *e = &w->m->meta.data[i];
    if (!name_is_free(e->key)) continue; // an input's order, which stands there
    strbuf_printf(b, "%s%s = ", begun ? "\n    " : "  meta {\n    ", e->key);
    put_attr(w, &any, &e->value, b);
    begun = true;
  }
  if (begun) strbuf_puts(b, "\n  }\n");
}

bool write_module(Module *m, const char *weights_file, Written *out) {
  *out = (Written){0};
  Writer w = {.m = m,
              .out = out,
              .names = xcalloc(m->n_values + 1, sizeof *w.names),
              .given = xcalloc(m->n_values + 1, sizeof *w.given),
              .chained = xcalloc(m->n_values + 1, sizeof *w.chained),
              .outputs = xcalloc(m->outputs.len + 1, sizeof *w.outputs)};
  bool ok = put_nodes(&w) && put_aliases(&w);
  if (ok) {
    put_head(&w, &out->text, weights_file);
    put_statements(&w, &out->text);
    put_meta(&w, &out->text);
    strbuf_puts(&out->text, "}\n");
  }
  for (size_t i = 0; i < w.statements.len; i++) vec_free(&w.statements.data[i].pieces);
  vec_free(&w.statements);
  map_free(&w.taken);
  free(w.names);
  free(w.given);
  free(w.chained);
  free(w.outputs);
  return ok;
}

void write_free(Written *w) {
  strbuf_free(&w->text);
  vec_free(&w->weights);
}
