// Dimensions as text: printing, and reading back what was printed.
//   or: and || and    and: not && not    not: !not | sum (== | <= | <) sum | sum
//   sum: [-]product (+ | -) ...    product: atom (* | // | %) ...    atom: INT | name | "name" | min(or, or) | (or)
#include "ir/core/dim.h"
#include <ctype.h>
#include <string.h>

// ---- printing

typedef enum Level { LEVEL_OR, LEVEL_AND, LEVEL_NOT, LEVEL_SUM, LEVEL_PRODUCT, LEVEL_ATOM } Level;

static void print(const DimTable *t, Dim d, Level need, StrBuf *out);

static bool is_plain_name(const char *s) {
  if (!isalpha((unsigned char)*s) && *s != '_') return false;
  if (!strcmp(s, "min") || !strcmp(s, "max")) return false;
  for (; *s; s++)
    if (!isalnum((unsigned char)*s) && *s != '_') return false;
  return true;
}

static void print_symbol(const DimTable *t, Dim d, StrBuf *out) {
  const char *name = dim_symbol_at(t, dim_symbol_index(t, d))->name;
  if (is_plain_name(name))
    strbuf_puts(out, name);
  else
    strbuf_quoted(out, name);
}

// A term of a sum without its sign; returns whether it is negative.
static bool is_negative(const DimTable *t, Dim d) {
  int n;
  const Dim *operands;
  DimOp op = dim_op(t, d, &n, &operands);
  return op == DIM_CONST ? d < 0 : op == DIM_MUL && dim_is_const(operands[0]) && operands[0] < 0;
}

static void print_term(const DimTable *t, Dim d, StrBuf *out) {
  int n;
  const Dim *operands;
  if (dim_op(t, d, &n, &operands) != DIM_MUL) return print(t, dim_is_const(d) && d < 0 ? -d : d, LEVEL_PRODUCT, out);
  bool first = true;
  for (int i = 0; i < n; i++) {
    if (i == 0 && operands[0] == -1) continue;
    if (!first) strbuf_putc(out, '*');
    print(t, i == 0 && dim_is_const(operands[0]) && operands[0] < 0 ? -operands[0] : operands[i], LEVEL_ATOM, out);
    first = false;
  }
}

static void print_sum(const DimTable *t, int n, const Dim *terms, StrBuf *out) {
  for (int i = 0; i < n; i++) {
    bool negative = is_negative(t, terms[i]);
    if (i)
      strbuf_puts(out, negative ? " - " : " + ");
    else if (negative)
      strbuf_putc(out, '-');
    print_term(t, terms[i], out);
  }
}

static void print_binary(const DimTable *t, const Dim *operands, const char *word, Level left, Level right,
                         StrBuf *out) {
  print(t, operands[0], left, out);
  strbuf_printf(out, " %s ", word);
  print(t, operands[1], right, out);
}

static Level level_of(const DimTable *t, Dim d, DimOp op) {
  switch (op) {
  case DIM_OR: return LEVEL_OR;
  case DIM_AND: return LEVEL_AND;
  case DIM_NOT:
  case DIM_EQ:
  case DIM_LT:
  case DIM_LE: return LEVEL_NOT;
  case DIM_ADD: return LEVEL_SUM;
  case DIM_MUL: return is_negative(t, d) ? LEVEL_SUM : LEVEL_PRODUCT;
  case DIM_FLOORDIV:
  case DIM_MOD: return LEVEL_PRODUCT;
  case DIM_CONST: return d < 0 ? LEVEL_SUM : LEVEL_ATOM;
  default: return LEVEL_ATOM;
  }
}

static void print(const DimTable *t, Dim d, Level need, StrBuf *out) {
  int n;
  const Dim *operands;
  DimOp op = dim_op(t, d, &n, &operands);
  bool parentheses = level_of(t, d, op) < need;
  if (parentheses) strbuf_putc(out, '(');
  switch (op) {
  case DIM_CONST: strbuf_printf(out, "%lld", (long long)d); break;
  case DIM_SYMBOL: print_symbol(t, d, out); break;
  case DIM_ADD: print_sum(t, n, operands, out); break;
  case DIM_MUL: print_sum(t, 1, &d, out); break;
  case DIM_FLOORDIV: print_binary(t, operands, "//", LEVEL_PRODUCT, LEVEL_ATOM, out); break;
  case DIM_MOD: print_binary(t, operands, "%", LEVEL_PRODUCT, LEVEL_ATOM, out); break;
  case DIM_MIN:
  case DIM_MAX:
    strbuf_puts(out, op == DIM_MIN ? "min(" : "max(");
    print(t, operands[0], LEVEL_OR, out);
    strbuf_puts(out, ", ");
    print(t, operands[1], LEVEL_OR, out);
    strbuf_putc(out, ')');
    break;
  case DIM_EQ: print_binary(t, operands, "==", LEVEL_SUM, LEVEL_SUM, out); break;
  case DIM_LT: print_binary(t, operands, "<", LEVEL_SUM, LEVEL_SUM, out); break;
  case DIM_LE: print_binary(t, operands, "<=", LEVEL_SUM, LEVEL_SUM, out); break;
  case DIM_AND: print_binary(t, operands, "&&", LEVEL_AND, LEVEL_NOT, out); break;
  case DIM_OR: print_binary(t, operands, "||", LEVEL_OR, LEVEL_AND, out); break;
  case DIM_NOT:
    strbuf_putc(out, '!');
    print(t, operands[0], LEVEL_ATOM, out);
    break;
  }
  if (parentheses) strbuf_putc(out, ')');
}

void dim_print(const DimTable *t, Dim d, StrBuf *out) {
  if (d == DIM_INVALID)
    strbuf_putc(out, '?');
  else
    print(t, d, LEVEL_OR, out);
}

// ---- reading

typedef struct Text {
  DimTable *t;
  const char *s;
  int depth;
} Text;

enum { MAX_DEPTH = 1024 }; // what the largest expression that dim.c makes can need

static Dim read_or(Text *p);

static bool accept(Text *p, const char *word) {
  while (*p->s == ' ' || *p->s == '\t') p->s++;
  size_t n = strlen(word);
  if (strncmp(p->s, word, n)) return false;
  p->s += n;
  return true;
}

static Dim find_symbol(DimTable *t, const char *name) {
  for (int i = 0; i < dim_symbol_count(t); i++)
    if (!strcmp(dim_symbol_at(t, i)->name, name)) return dim_symbol(t, name, 0);
  return DIM_INVALID;
}

static Dim read_int(Text *p) {
  int64_t v = 0;
  for (; isdigit((unsigned char)*p->s); p->s++)
    if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *p->s - '0', &v)) return DIM_INVALID;
  return dim_is_const(v) ? v : DIM_INVALID;
}

static Dim read_quoted(Text *p) {
  StrBuf name = {0};
  bool ok = strbuf_unquote(&name, &p->s);
  Dim d = ok ? find_symbol(p->t, strbuf_str(&name)) : DIM_INVALID;
  strbuf_free(&name);
  return d;
}

static Dim read_choice(Text *p, bool is_min) {
  Dim a = accept(p, "(") ? read_or(p) : DIM_INVALID;
  Dim b = accept(p, ",") ? read_or(p) : DIM_INVALID;
  if (!accept(p, ")")) return DIM_INVALID;
  return is_min ? dim_min(p->t, a, b) : dim_max(p->t, a, b);
}

static Dim read_name(Text *p) {
  char name[256];
  size_t n = 0;
  while (isalnum((unsigned char)p->s[n]) || p->s[n] == '_') n++;
  if (!n || n >= sizeof name) return DIM_INVALID;
  memcpy(name, p->s, n);
  name[n] = 0;
  p->s += n;
  if (!strcmp(name, "min") || !strcmp(name, "max")) return read_choice(p, name[1] == 'i');
  return find_symbol(p->t, name);
}

static Dim read_atom(Text *p) {
  if (accept(p, "(")) {
    Dim d = read_or(p);
    return accept(p, ")") ? d : DIM_INVALID;
  }
  if (isdigit((unsigned char)*p->s)) return read_int(p);
  return *p->s == '"' ? read_quoted(p) : read_name(p);
}

static Dim read_product(Text *p) {
  Dim d = read_atom(p);
  while (d != DIM_INVALID) {
    if (accept(p, "*"))
      d = dim_mul(p->t, d, read_atom(p));
    else if (accept(p, "//"))
      d = dim_floordiv(p->t, d, read_atom(p));
    else if (accept(p, "%"))
      d = dim_mod(p->t, d, read_atom(p));
    else
      break;
  }
  return d;
}

static Dim read_sum(Text *p) {
  Dim d = accept(p, "-") ? dim_sub(p->t, 0, read_product(p)) : read_product(p);
  while (d != DIM_INVALID) {
    if (accept(p, "+"))
      d = dim_add(p->t, d, read_product(p));
    else if (accept(p, "-"))
      d = dim_sub(p->t, d, read_product(p));
    else
      break;
  }
  return d;
}

static Dim read_not(Text *p) {
  if (accept(p, "!")) {
    if (++p->depth > MAX_DEPTH) return DIM_INVALID;
    Dim d = dim_not(p->t, read_not(p));
    p->depth--;
    return d;
  }
  Dim d = read_sum(p);
  if (accept(p, "==")) return dim_eq(p->t, d, read_sum(p));
  if (accept(p, "<=")) return dim_le(p->t, d, read_sum(p));
  if (accept(p, "<")) return dim_lt(p->t, d, read_sum(p));
  return d;
}

static Dim read_and(Text *p) {
  Dim d = read_not(p);
  while (d != DIM_INVALID && accept(p, "&&")) d = dim_and(p->t, d, read_not(p));
  return d;
}

static Dim read_or(Text *p) {
  if (++p->depth > MAX_DEPTH) return DIM_INVALID;
  Dim d = read_and(p);
  while (d != DIM_INVALID && accept(p, "||")) d = dim_or(p->t, d, read_and(p));
  p->depth--;
  return d;
}

Dim dim_parse(DimTable *t, const char **s) {
  Text p = {.t = t, .s = *s};
  Dim d = read_or(&p);
  *s = p.s;
  return d;
}
