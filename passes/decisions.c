#include "passes/decisions.h"
#include <string.h>

Decisions *decisions_create(void) {
  Decisions *d = xcalloc(1, sizeof *d);
  d->arena = arena_create();
  d->observer = OBSERVE_MSE;
  return d;
}

void decisions_destroy(Decisions *d) {
  if (!d) return;
  calibration_destroy(d->calibration);
  calibration_destroy(d->moments);
  vec_free(&d->list);
  arena_destroy(d->arena);
  free(d);
}

void decisions_put(Decisions *d, const Decision *decision) {
  Decision copy = *decision;
  copy.layer = arena_strdup(d->arena, decision->layer);
  vec_push(&d->list, copy);
}

// What a layer is computed with.
static const struct {
  const char *name;
  QuantizeMethod integers;
  DType precision;
} numbers[] = {{"f32", QUANTIZE_NONE, DT_F32},
               {"bf16", QUANTIZE_NONE, DT_BF16},
               {"f16", QUANTIZE_NONE, DT_F16},
               {"int8", QUANTIZE_STATIC, DT_F32},
               {"int8,dynamic", QUANTIZE_DYNAMIC, DT_F32}};

static bool read_numbers(const char *text, Decision *d) {
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (!strcmp(text, numbers[i].name))
      return d->integers = numbers[i].integers, d->precision = numbers[i].precision, true;
  return false;
}

static const char *name_of_numbers(const Decision *d) {
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (d->integers == numbers[i].integers && d->precision == numbers[i].precision) return numbers[i].name;
  return "f32";
}

bool decisions_add(Decisions *d, const char *layer, const char *choice, StrBuf *why) {
  Decision new = {.layer = layer};
  bool ok = read_numbers(choice, &new);
  if (!ok) {
    size_t n = strcspn(choice, ",");
    char *first = xstrndup(choice, n);
    StrBuf unread = {0};
    ok = compress_read_factorization(first, &new.factorize, &unread) &&
         (!choice[n] || (read_numbers(choice + n + 1, &new) && (new.integers || new.precision != DT_F32)));
    strbuf_free(&unread);
    free(first);
  }
  if (ok) decisions_put(d, &new);
  if (!ok)
    strbuf_printf(why, "f32, bf16, f16, int8 or int8,dynamic, what --factorize takes, or both with a comma, not `%s`",
                  choice);
  return ok;
}

bool decisions_holds_for(const Decision *d, const char *layer) {
  size_t n = strlen(d->layer);
  return !strncmp(d->layer, layer, n) && (!layer[n] || layer[n] == '.');
}

const Decision *decisions_find(const Decisions *d, const char *layer) {
  const Decision *best = NULL;
  for (size_t i = 0; i < d->list.len; i++) {
    const Decision *one = &d->list.data[i];
    if (decisions_holds_for(one, layer) && (!best || strlen(one->layer) > strlen(best->layer))) best = one;
  }
  return best;
}

const Decision *decisions_of(const Decisions *d, const char *layer) {
  static const Decision f32 = {.precision = DT_F32};
  const Decision *found = d ? decisions_find(d, layer) : NULL;
  return found || !d ? found : &f32;
}

void decisions_print(const Decision *d, StrBuf *out) {
  bool plain = !d->integers && d->precision == DT_F32;
  if (d->factorize.method) compress_print_factorization(&d->factorize, out);
  if (d->factorize.method && !plain) strbuf_puts(out, ",");
  if (!d->factorize.method || !plain) strbuf_puts(out, name_of_numbers(d));
}
