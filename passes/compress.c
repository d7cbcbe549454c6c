#include "passes/compress.h"
#include <stdlib.h>
#include <string.h>

typedef struct Method {
  const char *name, *number; // what the number is
  int method;
  double min, max;
} Method;

static const Method factorizations[] = {{"spatial", "ERROR", FACTORIZE_SPATIAL, 0.0001, 0.99},
                                        {"channel", "ERROR", FACTORIZE_CHANNEL, 0.0001, 0.99},
                                        {"tucker2", "ERROR", FACTORIZE_TUCKER2, 0.0001, 0.99}};
static const Method prunings[] = {{"structured", "FRACTION", PRUNE_STRUCTURED, 0, 0.95},
                                  {"magnitude", "FRACTION", PRUNE_MAGNITUDE, 0, 1},
                                  {"magnitude-per-layer", "FRACTION", PRUNE_MAGNITUDE_PER_LAYER, 0, 1}};

static bool expected(const char *option, const Method *methods, int n, const char *text, StrBuf *why) {
  strbuf_printf(why, "%s takes ", option);
  for (int i = 0; i < n; i++)
    strbuf_printf(why, "%s%s:%s", !i ? "" : i + 1 < n ? ", " : " or ", methods[i].name, methods[i].number);
  strbuf_printf(why, ", not `%s`", text);
  return false;
}

static const Method *read(const char *option, const Method *methods, int n, const char *text, double *number,
                          StrBuf *why) {
  size_t length = strcspn(text, ":");
  const Method *found = NULL;
  for (int i = 0; i < n; i++)
    if (strlen(methods[i].name) == length && !strncmp(methods[i].name, text, length)) found = &methods[i];
  if (!found || text[length] != ':') return expected(option, methods, n, text, why), NULL;
  const char *digits = text + length + 1;
  char *end;
  *number = strtod(digits, &end);
  if (end != digits && !*end && *number >= found->min && *number <= found->max) return found;
  strbuf_printf(why, "%s=%s:%s takes a number from %g to %g, not `%s`", option, found->name, found->number, found->min,
                found->max, digits);
  return NULL;
}

bool compress_read_factorization(const char *text, Factorization *f, StrBuf *why) {
  int n = sizeof factorizations / sizeof *factorizations;
  const Method *m = read("--factorize", factorizations, n, text, &f->error, why);
  if (m) f->method = (FactorizeMethod)m->method;
  return m;
}

void compress_print_factorization(const Factorization *f, StrBuf *out) {
  for (size_t i = 0; i < sizeof factorizations / sizeof *factorizations; i++)
    if (factorizations[i].method == (int)f->method) strbuf_printf(out, "%s:%g", factorizations[i].name, f->error);
}

bool compress_read_pruning(const char *text, Pruning *p, StrBuf *why) {
  int n = sizeof prunings / sizeof *prunings;
  const Method *m = read("--prune", prunings, n, text, &p->fraction, why);
  if (m) p->method = (PruneMethod)m->method;
  return m;
}

bool compress_read_quantization(const char *text, Quantization *q, StrBuf *why) {
  if (!strcmp(text, "int8,static")) return q->method = QUANTIZE_STATIC, true;
  if (!strcmp(text, "int8,dynamic")) return q->method = QUANTIZE_DYNAMIC, true;
  strbuf_printf(why, "--quantize takes int8,static or int8,dynamic, not `%s`", text);
  return false;
}

bool compress_read_precision(const char *text, DType *stored, StrBuf *why) {
  DType t;
  if (dtype_from_name(text, &t) && (t == DT_F32 || dtype_is_half(t))) return *stored = t, true;
  strbuf_printf(why, "--precision takes f32, bf16 or f16, not `%s`", text);
  return false;
}
