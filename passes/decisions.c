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
  vec_free(&d->list);
  arena_destroy(d->arena);
  free(d);
}

void decisions_put(Decisions *d, const Decision *decision) {
  Decision copy = *decision;
  copy.layer = arena_strdup(d->arena, decision->layer);
  vec_push(&d->list, copy);
}

bool decisions_add(Decisions *d, const char *layer, const char *choice, StrBuf *why) {
  Decision new = {.layer = layer};
  const char *comma = strchr(choice, ',');
  char *first = xstrndup(choice, comma ? (size_t)(comma - choice) : strlen(choice));
  StrBuf unread = {0};
  bool factorized = strchr(first, ':') && compress_read_factorization(first, &new.factorize, &unread);
  new.integers = !strcmp(comma ? comma + 1 : choice, "int8");
  bool ok = comma ? factorized && new.integers : factorized || new.integers || !strcmp(choice, "f32");
  if (ok) decisions_put(d, &new);
  if (!ok) strbuf_printf(why, "f32, int8, what --factorize takes, or both with a comma, not `%s`", choice);
  strbuf_free(&unread);
  free(first);
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

void decisions_print(const Decision *d, StrBuf *out) {
  if (d->factorize.method) compress_print_factorization(&d->factorize, out);
  if (d->integers) strbuf_puts(out, d->factorize.method ? ",int8" : "int8");
  if (!d->factorize.method && !d->integers) strbuf_puts(out, "f32");
}
