// A drawing of a module for Graphviz: a box a node, with its layer path and parameters; edges carry types.
#include "ir/graph/internal.h"
#include <stdio.h>

// Within a DOT string; control bytes become spaces.
static void put_escaped(StrBuf *out, const char *s) {
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s;
    if (c == '"' || c == '\\') strbuf_putc(out, '\\');
    strbuf_putc(out, c < 0x20 || c == 0x7f ? ' ' : (char)c);
  }
}

static void put_type(Module *m, const Type *t, StrBuf *out) {
  StrBuf b = {0};
  type_print(m, t, &b);
  put_escaped(out, strbuf_str(&b));
  strbuf_free(&b);
}

static void put_attrs(Module *m, const Node *n, StrBuf *out) {
  for (int i = 0; i < op_info(n->op)->n_attrs; i++) {
    const AttrInfo *row = op_attr(n->op, i);
    if (attr_equal(&n->attrs[i], &row->fallback)) continue;
    StrBuf value = {0};
    attr_print(m, &n->attrs[i], &value);
    strbuf_printf(out, "\\n%s=", row->name);
    put_escaped(out, strbuf_str(&value));
    strbuf_free(&value);
  }
}

static void put_weights(Module *m, const Node *n, StrBuf *out) {
  for (int i = 0; i < n->n_operands; i++) {
    const Value *v = operand(n, i);
    if (!v || v->kind != VALUE_WEIGHT) continue;
    strbuf_puts(out, "\\n");
    put_escaped(out, v->weight->name);
    strbuf_putc(out, ' ');
    put_type(m, v->type, out);
  }
}

static void put_node(Module *m, const Node *n, StrBuf *out) {
  strbuf_printf(out, "  n%u [label=\"%s", n->id, op_info(n->op)->name);
  if (n->name) {
    strbuf_puts(out, " @");
    put_escaped(out, n->name);
  }
  put_attrs(m, n, out);
  put_weights(m, n, out);
  strbuf_puts(out, "\"];\n");
}

static void put_edge(Module *m, const Value *v, const char *to, StrBuf *out) {
  if (!v || v->kind == VALUE_WEIGHT) return;
  if (v->kind == VALUE_INPUT)
    strbuf_printf(out, "  in%d -> %s [label=\"", v->index, to);
  else
    strbuf_printf(out, "  n%u -> %s [label=\"", v->node->id, to);
  put_type(m, v->type, out);
  strbuf_puts(out, "\"];\n");
}

static void put_end(StrBuf *out, const char *kind, int index, const char *name) {
  strbuf_printf(out, "  %s%d [shape=ellipse, label=\"", kind, index);
  put_escaped(out, name);
  strbuf_puts(out, "\"];\n");
}

void graph_dot(Module *m, StrBuf *out) {
  char to[32];
  strbuf_puts(out, "digraph \"");
  put_escaped(out, m->name);
  strbuf_puts(out, "\" {\n  node [shape=box, fontname=\"monospace\"];\n  edge [fontname=\"monospace\"];\n");
  for (size_t i = 0; i < m->inputs.len; i++) put_end(out, "in", (int)i, m->inputs.data[i]->name);
  for (const Node *n = m->first; n; n = n->next) {
    put_node(m, n, out);
    snprintf(to, sizeof to, "n%u", n->id);
    for (int i = 0; i < n->n_operands; i++) put_edge(m, operand(n, i), to, out);
  }
  for (size_t i = 0; i < m->outputs.len; i++) {
    put_end(out, "out", (int)i, m->outputs.data[i].name);
    snprintf(to, sizeof to, "out%zu", i);
    put_edge(m, m->outputs.data[i].value, to, out);
  }
  strbuf_puts(out, "}\n");
}
