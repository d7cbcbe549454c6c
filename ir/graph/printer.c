// The text of a module, as docs/IR.md describes it and reader.c reads it.
#include "ir/core/check.h"
#include "ir/graph/internal.h"
#include <inttypes.h>
#include <string.h>

typedef struct Printer {
  Module *m;
  StrBuf *out;
  const PrintOptions *options;
  const char **names; // by value id; NULL: by number
  uint32_t *numbers;
} Printer;

// ---- names

static void put_name(StrBuf *out, char sigil, const char *name, bool digits_allowed) {
  bool plain = *name, digits = true;
  for (const char *s = name; *s; s++) {
    plain = plain && is_name_byte(*s);
    digits = digits && *s >= '0' && *s <= '9';
  }
  if (sigil) strbuf_putc(out, sigil);
  if (plain && (digits_allowed || !digits))
    strbuf_puts(out, name);
  else
    strbuf_quoted(out, name);
}

// The names given so far: a set of interned strings, by address.
typedef struct Taken {
  const char **slots;
  size_t cap; // a power of two, at least twice the number of values
} Taken;

static bool take(Taken *t, const char *name) {
  size_t at = hash_bytes(&name, sizeof name, 0) & (t->cap - 1);
  for (; t->slots[at]; at = (at + 1) & (t->cap - 1))
    if (t->slots[at] == name) return false;
  t->slots[at] = name;
  return true;
}

// A result keeps its name where no input and no earlier result has it; the others are numbered.
static void choose_names(Printer *p) {
  Module *m = p->m;
  Taken taken = {.cap = 16};
  uint32_t next = 0;
  while (taken.cap < 2 * (size_t)m->n_values) taken.cap *= 2;
  taken.slots = xcalloc(taken.cap, sizeof *taken.slots);
  for (size_t i = 0; i < m->inputs.len; i++) {
    const Value *v = m->inputs.data[i];
    take(&taken, p->names[v->id] = v->name);
  }
  for (Node *n = m->first; n; n = n->next)
    for (int i = 0; i < n->n_results; i++) {
      const Value *v = n->results[i];
      if (v->name && take(&taken, v->name))
        p->names[v->id] = v->name;
      else
        p->numbers[v->id] = next++;
    }
  free(taken.slots);
}

static void put_value(Printer *p, const Value *v) {
  if (!v)
    strbuf_putc(p->out, '_');
  else if (v->kind == VALUE_WEIGHT)
    put_name(p->out, '@', v->weight->name, true);
  else if (p->names[v->id])
    put_name(p->out, '%', p->names[v->id], false);
  else
    strbuf_printf(p->out, "%%%" PRIu32, p->numbers[v->id]);
}

// ---- attributes

static void put_element(const Module *m, const Attr *a, int i, StrBuf *out) {
  switch (a->kind) {
  case ATTR_INTS: strbuf_printf(out, "%" PRId64, a->ints[i]); break;
  case ATTR_DIMS:
  case ATTR_PADDING: dim_print(m->dims, a->ints[i], out); break;
  case ATTR_FLOATS: strbuf_double(out, a->floats[i]); break;
  case ATTR_STRINGS: strbuf_quoted(out, a->strings[i]); break;
  default: UNREACHABLE("an attribute of kind %d is no list", a->kind);
  }
}

void attr_print(const Module *m, const Attr *a, StrBuf *out) {
  switch (a->kind) {
  case ATTR_NONE: strbuf_putc(out, '_'); break;
  case ATTR_INT: strbuf_printf(out, "%" PRId64, a->i); break;
  case ATTR_FLOAT: strbuf_double(out, a->f); break;
  case ATTR_BOOL: strbuf_puts(out, a->i ? "true" : "false"); break;
  case ATTR_DTYPE: strbuf_puts(out, dtype_name((DType)a->i)); break;
  case ATTR_ENUM:
  case ATTR_STRING: strbuf_quoted(out, a->s); break;
  default:
    strbuf_putc(out, '[');
    for (int i = 0; i < a->n; i++) {
      if (i) strbuf_puts(out, ", ");
      put_element(m, a, i, out);
    }
    strbuf_putc(out, ']');
  }
}

static void put_attrs(Printer *p, const Node *n) {
  const OpInfo *info = op_info(n->op);
  int shown = 0;
  for (int i = 0; i < info->n_attrs; i++) {
    const AttrInfo *row = op_attr(n->op, i);
    if (attr_equal(&n->attrs[i], &row->fallback)) continue;
    strbuf_printf(p->out, "%s%s=", shown++ ? ", " : " {", row->name);
    attr_print(p->m, &n->attrs[i], p->out);
  }
  if (shown) strbuf_putc(p->out, '}');
}

// ---- the table of weights

static void put_dense(Weight *w, StrBuf *out) {
  const void *data = weight_data(w, NULL);
  CHECK(data, "weight %s has no data", w->name);
  strbuf_puts(out, "dense[");
  for (int64_t i = 0, n = weight_count(w); i < n; i++) {
    if (i) strbuf_puts(out, ", ");
    if (w->stored == DT_U64)
      strbuf_printf(out, "%" PRIu64, ((const uint64_t *)data)[i]);
    else if (!dtype_is_float(w->stored))
      strbuf_printf(out, "%" PRId64, dtype_load_int(w->stored, data, i));
    else if (w->stored == DT_F64)
      strbuf_double(out, dtype_load(w->stored, data, i));
    else
      strbuf_float(out, (float)dtype_load(w->stored, data, i));
  }
  strbuf_putc(out, ']');
}

static void put_source(Weight *w, StrBuf *out) {
  char key[17];
  switch (w->source) {
  case WEIGHT_MISSING: strbuf_puts(out, "missing"); break;
  case WEIGHT_FILE:
    strbuf_puts(out, "file(");
    strbuf_quoted(out, w->file);
    strbuf_puts(out, ", ");
    strbuf_quoted(out, w->key);
    strbuf_putc(out, ')');
    break;
  case WEIGHT_SPLAT:
    strbuf_puts(out, "splat(");
    strbuf_double(out, w->splat);
    strbuf_putc(out, ')');
    break;
  case WEIGHT_INIT: strbuf_printf(out, "init(%" PRId64 ", %" PRId64 ")", (int64_t)w->seed, w->fan_in); break;
  case WEIGHT_DENSE:
    if (!side_needed(w)) {
      put_dense(w, out);
      break;
    }
    side_key(w, key);
    strbuf_printf(out, "side(\"%s\")", key);
  }
}

static void put_weight(Printer *p, Weight *w) {
  strbuf_puts(p->out, "weight ");
  put_value(p, w->value);
  strbuf_puts(p->out, " : ");
  type_print(p->m, w->type, p->out);
  strbuf_puts(p->out, " = ");
  put_source(w, p->out);
  strbuf_putc(p->out, '\n');
}

// ---- lines

static void put_header(Printer *p) {
  Module *m = p->m;
  strbuf_puts(p->out, "module ");
  put_name(p->out, 0, m->name, true);
  strbuf_putc(p->out, '\n');
  for (int i = 0; i < dim_symbol_count(m->dims); i++) {
    const Symbol *s = dim_symbol_at(m->dims, i);
    strbuf_puts(p->out, s->is_count ? "count " : "symbol ");
    dim_print(m->dims, dim_symbol(m->dims, s->name, 0), p->out);
    if (s->is_count) {
      strbuf_puts(p->out, " <= ");
      dim_print(m->dims, s->capacity, p->out);
    } else if (s->max < INT64_MAX / 4)
      strbuf_printf(p->out, " <= %" PRId64, s->max);
    strbuf_putc(p->out, '\n');
  }
  for (size_t i = 0; i < m->assertions.len; i++) {
    strbuf_puts(p->out, "assert ");
    strbuf_quoted(p->out, m->assertions.data[i].text);
    strbuf_puts(p->out, " : ");
    dim_print(m->dims, m->assertions.data[i].condition, p->out);
    strbuf_putc(p->out, '\n');
  }
}

static void put_weights(Printer *p) {
  Module *m = p->m;
  const char *side = p->options->side_file, *slash = side ? strrchr(side, '/') : NULL;
  bool needed = false;
  for (size_t i = 0; i < m->weights.len; i++) needed = needed || side_needed(m->weights.data[i]);
  if (side && needed) { // the reader looks for it beside the text
    strbuf_puts(p->out, "side ");
    strbuf_quoted(p->out, slash ? slash + 1 : side);
    strbuf_putc(p->out, '\n');
    side_write(m, side);
  }
  for (size_t i = 0; i < m->weights.len; i++) put_weight(p, m->weights.data[i]);
}

static void put_meta_and_inputs(Printer *p) {
  Module *m = p->m;
  for (size_t i = 0; i < m->meta.len; i++) {
    strbuf_puts(p->out, "meta ");
    put_name(p->out, 0, m->meta.data[i].key, true);
    strbuf_puts(p->out, " = ");
    attr_print(m, &m->meta.data[i].value, p->out);
    strbuf_putc(p->out, '\n');
  }
  for (size_t i = 0; i < m->inputs.len; i++) {
    strbuf_puts(p->out, "input ");
    put_value(p, m->inputs.data[i]);
    strbuf_puts(p->out, " : ");
    type_print(m, m->inputs.data[i]->type, p->out);
    strbuf_putc(p->out, '\n');
  }
}

static void put_node(Printer *p, const Node *n) {
  int n_operands = n->n_operands;
  while (n_operands && !operand(n, n_operands - 1)) n_operands--;
  for (int i = 0; i < n->n_results; i++) {
    if (i) strbuf_puts(p->out, ", ");
    put_value(p, n->results[i]);
  }
  strbuf_printf(p->out, " = %s", op_info(n->op)->name);
  for (int i = 0; i < n_operands; i++) {
    strbuf_puts(p->out, i ? ", " : " ");
    put_value(p, operand(n, i));
  }
  put_attrs(p, n);
  for (int i = 0; i < n->n_results; i++) {
    strbuf_puts(p->out, i ? ", " : " : ");
    type_print(p->m, n->results[i]->type, p->out);
  }
  if (n->name) {
    strbuf_putc(p->out, ' ');
    put_name(p->out, '@', n->name, true);
  }
  if (p->options->spans && n->span.file) {
    int line, column;
    diag_position(p->m->diag, n->span, &line, &column);
    strbuf_printf(p->out, "  # %s:%d:%d", diag_source_name(p->m->diag, n->span.file), line, column);
  }
  strbuf_putc(p->out, '\n');
}

void graph_print(Module *m, StrBuf *out, const PrintOptions *o) {
  static const PrintOptions plain = {0};
  Printer p = {.m = m, .out = out, .options = o ? o : &plain};
  p.names = xcalloc(m->n_values + 1, sizeof *p.names);
  p.numbers = xcalloc(m->n_values + 1, sizeof *p.numbers);
  choose_names(&p);
  put_header(&p);
  put_weights(&p);
  put_meta_and_inputs(&p);
  for (const Node *n = m->first; n; n = n->next) put_node(&p, n);
  for (size_t i = 0; i < m->outputs.len; i++) {
    strbuf_puts(out, "output ");
    put_name(out, 0, m->outputs.data[i].name, true);
    strbuf_puts(out, " = ");
    put_value(&p, m->outputs.data[i].value);
    strbuf_putc(out, '\n');
  }
  free(p.names);
  free(p.numbers);
}
