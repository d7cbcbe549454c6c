#include "frontend/lexer.h"
#include "frontend/write/writer.h"
#include <ctype.h>
#include <string.h>

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

static bool is_reserved(const char *name) {
  const char *word;
  int token;
  for (int i = 0; (word = lexer_reserved(i, &token)); i++)
    if (!strcmp(word, name)) return true;
  return false;
}

bool name_is_free(const char *name) {
  if (!*name || isdigit((unsigned char)*name) || is_reserved(name)) return false;
  for (const char *p = name; *p; p++)
    if (!is_word(*p)) return false;
  return true;
}

const char *name_clean(Arena *a, const char *name) {
  char *s = arena_printf(a, "%s%s", isdigit((unsigned char)*name) || !*name ? "v" : "", name);
  for (char *p = s; *p; p++)
    if (!is_word(*p)) *p = '_';
  return is_reserved(s) ? arena_printf(a, "%s_", s) : s;
}

// Segments of letters, digits, _ and -, joined by single dots.
const char *path_clean(Arena *a, const char *name) {
  char *s = arena_strdup(a, name), *to = s;
  for (const char *p = s; *p; p++) {
    bool dot = *p == '.' || *p == '/';
    if (dot && (to == s || to[-1] == '.')) continue;
    char c = *p;
    *to++ = dot ? '.' : is_word(c) || c == '-' ? c : '_';
  }
  while (to > s && to[-1] == '.') to--;
  *to = 0;
  return s;
}

// Exporters name a node by the modules around it, each with its whole path: /layer1/layer1.0/conv1/Conv is
// layer1.0.conv1. The last part is the op.
static const char *path_of_scopes(Arena *a, const char *name) {
  if (*name != '/') return path_clean(a, name);
  StrBuf b = {0};
  const char *part = name + 1, *slash;
  for (; (slash = strchr(part, '/')); part = slash + 1) {
    size_t n = (size_t)(slash - part);
    if (!strncmp(slash + 1, part, n) && slash[1 + n] == '.') continue;
    if (b.len) strbuf_putc(&b, '.');
    strbuf_write(&b, part, n);
  }
  const char *path = path_clean(a, strbuf_str(&b));
  strbuf_free(&b);
  return path;
}

// What is before the suffix in the name of one of its weights.
static const char *path_of_weights(Arena *a, const Node *n) {
  const OpInfo *op = op_info(n->op);
  for (int i = 0; i < n->n_operands && i < op->n_operands; i++) {
    const char *suffix = op->operands[i].suffix;
    const Value *v = operand(n, i);
    if (!suffix || !v || !v->weight) continue;
    const char *name = v->weight->name;
    size_t k = strcspn(suffix, "|"), size = strlen(name);
    if (size > k && !strncmp(name + size - k, suffix, k)) return path_clean(a, arena_strndup(a, name, size - k));
  }
  return "";
}

const char *path_unique(Writer *w, const char *path) {
  const char *unique = intern(w->m->names, path);
  for (int i = 2; map_get(&w->taken, unique); i++)
    unique = intern(w->m->names, arena_printf(w->m->arena, "%s_%d", path, i));
  map_set(&w->taken, unique, w);
  return unique;
}

const char *path_of_node(Writer *w, const Node *n) {
  Arena *a = w->m->arena;
  const char *path = path_of_weights(a, n);
  if (!*path && n->name) path = path_of_scopes(a, n->name);
  if (!*path) path = arena_printf(a, "%s%d", op_info(n->op)->name, ++w->counted);
  return path_unique(w, path);
}
