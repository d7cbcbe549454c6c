// The table of ops as Markdown, for docs/LANGUAGE.md: signature, weights, meaning.
#include "ir/graph/op.h"
#include <inttypes.h>
#include <string.h>

static void put_list(const AttrInfo *row, StrBuf *out) {
  const Attr *a = &row->fallback;
  bool same = a->n > 0 && a->kind != ATTR_FLOATS;
  for (int i = 1; same && i < a->n; i++) same = a->ints[i] == a->ints[0];
  if (same)
    strbuf_printf(out, "%" PRId64, a->ints[0]);
  else
    strbuf_puts(out, "[]");
}

static void put_default(const AttrInfo *row, StrBuf *out) {
  switch (row->fallback.kind) {
  case ATTR_NONE: return;
  case ATTR_INT: strbuf_printf(out, "=%" PRId64, row->fallback.i); return;
  case ATTR_BOOL: strbuf_puts(out, row->fallback.i ? "=true" : "=false"); return;
  case ATTR_DTYPE: strbuf_printf(out, "=%s", dtype_name((DType)row->fallback.i)); return;
  case ATTR_FLOAT:
    strbuf_putc(out, '=');
    strbuf_double(out, row->fallback.f);
    return;
  case ATTR_ENUM:
  case ATTR_STRING:
    strbuf_putc(out, '=');
    strbuf_quoted(out, row->fallback.s);
    return;
  default: strbuf_putc(out, '='); put_list(row, out);
  }
}

static void put_signature(const OpInfo *info, StrBuf *out) {
  int shown = 0;
  strbuf_printf(out, "`%s(", info->name);
  for (int i = 0; i < info->n_operands; i++) {
    const OperandInfo *row = &info->operands[i];
    bool internal = !strcmp(row->name, "residual"); // passes alone give it
    if (row->kind == OPERAND_WEIGHT || row->kind == OPERAND_WEIGHT_IF || internal) continue;
    strbuf_printf(out, "%s%s%s", shown++ ? ", " : "", row->name,
                  row->kind == OPERAND_OPT        ? "=..."
                  : row->kind == OPERAND_VARIADIC ? "..."
                                                  : "");
  }
  for (int i = 0; i < info->n_params; i++) {
    const AttrInfo *row = &info->params[i];
    if (row->role == ROLE_IRATTR) continue;
    strbuf_printf(out, "%s%s", shown++ ? ", " : "", row->name);
    put_default(row, out);
  }
  strbuf_puts(out, ")`");
}

// '|' would end a Markdown cell.
static void put_cell(StrBuf *out, const char *s) {
  for (; *s; s++) {
    if (*s == '|') strbuf_putc(out, '\\');
    strbuf_putc(out, *s);
  }
}

static void put_weights(const OpInfo *info, StrBuf *out) {
  int shown = 0;
  for (int i = 0; i < info->n_operands; i++) {
    const OperandInfo *row = &info->operands[i];
    if (row->kind != OPERAND_WEIGHT && row->kind != OPERAND_WEIGHT_IF) continue;
    strbuf_puts(out, shown++ ? ", " : "");
    if (*row->suffix) {
      strbuf_putc(out, '`');
      put_cell(out, row->suffix);
      strbuf_putc(out, '`');
    } else {
      strbuf_puts(out, "the path itself");
    }
  }
}

void op_table_markdown(StrBuf *out) {
  strbuf_puts(out, "| op | weights | meaning |\n|---|---|---|\n");
  for (int i = 0; i < OP_COUNT; i++) {
    const OpInfo *info = op_info((OpKind)i);
    if (info->traits & TRAIT_INTERNAL) continue;
    strbuf_puts(out, "| ");
    put_signature(info, out);
    strbuf_puts(out, " | ");
    put_weights(info, out);
    strbuf_puts(out, " | ");
    put_cell(out, info->help);
    strbuf_puts(out, " |\n");
  }
}
