// Names of symbols: whatever a model is called, what it exports is a C identifier.
#include "codegen/internal.h"
#include <ctype.h>
#include <string.h>

static bool is_keyword(const char *s) {
  static const char words[] = " alignas alignof and and_eq asm auto bitand bitor bool break case catch char class "
                              "compl const const_cast constexpr "
                              "continue decltype default delete do double dynamic_cast else enum explicit export "
                              "extern false float for friend goto if "
                              "inline int long mutable namespace new noexcept not not_eq nullptr operator or or_eq "
                              "private protected public register "
                              "reinterpret_cast restrict return short signed sizeof static static_assert static_cast "
                              "struct switch template this "
                              "thread_local throw true try typedef typeid typename typeof union unsigned using virtual "
                              "void volatile wchar_t while xor "
                              "xor_eq main linux unix ";
  size_t n = strlen(s);
  for (const char *at = strstr(words, s); at; at = strstr(at + 1, s))
    if (at > words && at[-1] == ' ' && at[n] == ' ') return true;
  return false;
}

char *name_identifier(Arena *a, const char *name) {
  bool prefixed = !isalpha((unsigned char)*name); // also keeps away from names reserved to the implementation
  char *id = arena_printf(a, "%s%s", prefixed ? "m" : "", name);
  for (char *c = id; *c; c++)
    if (!isalnum((unsigned char)*c)) *c = '_';
  return is_keyword(id) ? arena_printf(a, "%s_", id) : id;
}

const char *name_kernel(Arena *a, const char *model, size_t unit, const LKernel *k) {
  if (!unit) return arena_printf(a, "%s_nncc_k_%s", model, k->name);
  return arena_printf(a, "%s_nncc_k%zu_%s", model, unit, k->name);
}
const char *name_layer(Arena *a, const char *model, size_t unit, size_t phase, const char *layer) {
  char *name = unit ? arena_printf(a, "%s.%zu.%zu.%s", model, unit, phase, layer)
                    : arena_printf(a, "%s.%zu.%s", model, phase, layer);
  for (char *c = name; *c; c++)
    if (!isalnum((unsigned char)*c) && !strchr("._-", *c)) *c = '_';
  return name;
}

const char *name_weights(Arena *a, const char *model) { return arena_printf(a, "%s_nncc_weights", model); }

const char *name_export(Arena *a, const char *model, int i) {
  static const char *const suffixes[] = {"open",  "arena_bytes", "run",  "submit",  "wait",
                                         "close", "strerror",    "info", "selftest"};
  return i < (int)(sizeof suffixes / sizeof *suffixes) ? arena_printf(a, "%s_%s", model, suffixes[i]) : NULL;
}
