// Cases of shape inference as one node in the text form, with the types that it reads and gives.
#pragma once
#include "tests/unit/unit.h"

typedef struct Case {
  const char *values; // declarations: "x f32[2]; @w f32[3]"
  const char *node;   // what follows "%result = "; the types after its colon are the expected ones
} Case;

// "x f32[2]; @w f32[3]" as input and weight lines, with the symbols N, H and W.
static inline void declare(StrBuf *out, const char *values) {
  strbuf_puts(out, "symbol N <= 64\nsymbol H <= 4096\nsymbol W <= 4096\n");
  while (*values) {
    size_t name = strcspn(values, " "), type = strcspn(values + name, ";");
    bool weight = *values == '@';
    strbuf_puts(out, weight ? "weight " : "input %");
    strbuf_write(out, values, name);
    strbuf_puts(out, " :");
    strbuf_write(out, values + name, type);
    strbuf_puts(out, weight ? " = splat(1.0)\n" : "\n");
    values += name + type;
    values += strspn(values, "; ");
  }
}

static inline void check(const Case *cases, size_t n) {
  for (size_t i = 0; i < n; i++) {
    StrBuf text = {0};
    declare(&text, cases[i].values);
    strbuf_printf(&text, "%%result = %s\noutput result = %%result\n", cases[i].node);
    Module *m = unit_read(strbuf_str(&text));
    unit_verify(m);
    unit_round_trip(m);
    strbuf_free(&text);
    unit_drop(m);
  }
}

static inline void check_refused(const char *values, const char *node, const char *expected) {
  StrBuf text = {0};
  declare(&text, values);
  strbuf_printf(&text, "%%result = %s : f32[1]\noutput result = %%result\n", node);
  unit_refused(strbuf_str(&text), expected);
  strbuf_free(&text);
}

#define CHECK_CASES(...)                                                                                               \
  static const Case cases[] = {__VA_ARGS__};                                                                           \
  (void)state;                                                                                                         \
  check(cases, sizeof cases / sizeof *cases)
