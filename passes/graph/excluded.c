#include "passes/graph/excluded.h"
#include <fnmatch.h>
#include <string.h>

static bool fits(const Node *n, const char *pattern) {
  return !fnmatch(pattern, op_info(n->op)->name, 0) || (n->name && !fnmatch(pattern, n->name, 0));
}

// Calls `each` with every pattern; stops, and returns true, when it says so.
static bool any_pattern(const char *patterns, bool (*each)(const char *pattern, const void *user), const void *user) {
  bool found = false;
  for (const char *s = patterns; s && *s && !found; s += strcspn(s, ","), s += *s == ',') {
    char *pattern = strndup(s, strcspn(s, ","));
    found = each(pattern, user);
    free(pattern);
  }
  return found;
}

static bool fits_node(const char *pattern, const void *user) { return fits(user, pattern); }

static bool is_unused(const char *pattern, const void *user) {
  const PassContext *c = user;
  for (const Node *n = c->module->first; n; n = n->next)
    if (fits(n, pattern)) return false;
  diag_error(c->diag, (Span){0}, "--exclude=%s fits no layer and no op of the network", pattern);
  return true;
}

bool excluded(const PassContext *c, const Node *n) { return any_pattern(c->options.exclude, fits_node, n); }
bool excluded_check(PassContext *c) { return !any_pattern(c->options.exclude, is_unused, c); }
