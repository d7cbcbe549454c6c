// module.py is the module for any model; what stands between two $ in it is filled in here.
#include "driver/emit_py.h"
#include "codegen/names.h"
#include "ir/core/check.h"
#include "ir/core/outfile.h"
#include "runtime/nncc.h"
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

__asm__(".section .rodata\n"
        "emit_py_template: .incbin \"module.py\"\n"
        ".byte 0\n"
        ".previous");
extern const char emit_py_template[] __attribute__((visibility("hidden")));

typedef struct Module {
  const LProgram *p;
  const char *path, *library;
  char **parameters, **results; // names as Python takes them
  StrBuf out;
} Module;

// ---- names

static bool is_taken(char *const *names, size_t n, const char *name) {
  for (size_t i = 0; i < n; i++)
    if (!strcmp(names[i], name)) return true;
  return false;
}

static bool is_keyword(const char *s) {
  static const char words[] =
      " False None True and as assert async await break class continue def del elif else except "
      "finally for from global if import in is lambda nonlocal not or pass raise return self "
      "try while with yield ";
  size_t n = strlen(s);
  for (const char *at = strstr(words, s); at; at = strstr(at + 1, s))
    if (at > words && at[-1] == ' ' && at[n] == ' ') return true;
  return false;
}

// An identifier that is not among the n before it. One that begins with '_' could not name a result.
static char *identifier(Arena *a, const char *name, char *const *before, size_t n) {
  char *id = arena_printf(a, "%s%s", isalpha((unsigned char)*name) ? "" : "m", name);
  for (char *c = id; *c; c++)
    if (!isalnum((unsigned char)*c)) *c = '_';
  while (is_keyword(id) || is_taken(before, n, id)) id = arena_printf(a, "%s_", id);
  return id;
}

static char **identifiers(Arena *a, const LTensor *tensors, size_t n) {
  char **names = arena_array(a, char *, n + 1);
  for (size_t i = 0; i < n; i++) names[i] = identifier(a, tensors[i].name, names, i);
  return names;
}

// ---- what is filled in

static void put_list(StrBuf *out, char *const *names, size_t n, bool tuple) {
  for (size_t i = 0; i < n; i++) strbuf_printf(out, "%s%s", i ? ", " : "", names[i]);
  if (tuple && n == 1) strbuf_putc(out, ',');
}

// A text in double quotes, as strbuf_quoted escapes it: Python reads it the same way.
static void put_dim(StrBuf *out, const LProgram *p, Dim d, bool quoted) {
  int symbol = dim_symbol_index(p->dims, d);
  const char *name = symbol >= 0 ? dim_symbol_at(p->dims, symbol)->name : "?";
  for (size_t i = 0; i < p->counts.len; i++)
    if (p->counts.data[i].value == d) name = p->counts.data[i].name;
  if (dim_is_const(d))
    strbuf_printf(out, "%" PRId64, d);
  else if (quoted)
    strbuf_quoted(out, name);
  else // within a text: what could end it is left out
    for (; *name; name++) strbuf_putc(out, isalnum((unsigned char)*name) ? *name : '_');
}

static const char *numpy_name(DType t) {
  static const char *const names[DT_COUNT] = {
      [DT_F32] = "float32", [DT_F64] = "float64", [DT_F16] = "float16", [DT_BF16] = "uint16", [DT_I8] = "int8",
      [DT_I16] = "int16",   [DT_I32] = "int32",   [DT_I64] = "int64",   [DT_U8] = "uint8",    [DT_U16] = "uint16",
      [DT_U32] = "uint32",  [DT_U64] = "uint64",  [DT_BOOL] = "bool"};
  return names[t];
}

static void put_shape(Module *m, const LTensor *t, bool quoted) {
  for (int i = 0; i < t->rank; i++) {
    if (i) strbuf_puts(&m->out, ", ");
    put_dim(&m->out, m->p, t->dims[i], quoted);
  }
}

static void put_tensors(Module *m, const LTensor *tensors, size_t n) {
  strbuf_putc(&m->out, '(');
  for (size_t i = 0; i < n; i++) {
    strbuf_putc(&m->out, '(');
    strbuf_quoted(&m->out, tensors[i].name);
    strbuf_printf(&m->out, ", \"%s\", (", numpy_name(tensors[i].dtype));
    put_shape(m, &tensors[i], true);
    strbuf_puts(&m->out, tensors[i].rank == 1 ? ",)), " : ")), ");
  }
  if (n) m->out.len -= 1 + (n > 1); // the last space, and the last comma where there are several
  if (n) m->out.s[m->out.len] = 0;
  strbuf_putc(&m->out, ')');
}

static void put_lines(Module *m, const LTensor *tensors, char *const *names, size_t n) {
  for (size_t i = 0; i < n; i++) {
    strbuf_printf(&m->out, "%s    %s: %s[", m->out.s[m->out.len - 1] == '\n' ? "" : "\n", names[i],
                  numpy_name(tensors[i].dtype));
    put_shape(m, &tensors[i], false);
    strbuf_putc(&m->out, ']');
  }
}

static void put_dims(Module *m) {
  int n = dim_open_count(m->p->dims);
  strbuf_putc(&m->out, '{');
  for (int i = 0; i < n; i++) {
    const Symbol *s = dim_symbol_at(m->p->dims, i);
    if (i) strbuf_puts(&m->out, ", ");
    strbuf_quoted(&m->out, s->name);
    strbuf_printf(&m->out, ": (%" PRId64 ", %" PRId64 ")", s->min, s->max);
  }
  strbuf_putc(&m->out, '}');
}

static void put_counts(Module *m) {
  size_t n = m->p->counts.len;
  strbuf_putc(&m->out, '(');
  for (size_t i = 0; i < n; i++) {
    if (i) strbuf_puts(&m->out, ", ");
    strbuf_quoted(&m->out, m->p->counts.data[i].name);
  }
  strbuf_puts(&m->out, n == 1 ? ",)" : ")");
}

static void put_module_name(Module *m, Arena *a) {
  const char *slash = strrchr(m->path, '/'), *name = slash ? slash + 1 : m->path;
  strbuf_puts(&m->out, identifier(a, arena_printf(a, "%.*s", (int)strcspn(name, "."), name), NULL, 0));
}

static bool is(const char *key, size_t n, const char *name) { return strlen(name) == n && !strncmp(key, name, n); }

static void fill(Module *m, Arena *a, const char *key, size_t n, const char *model) {
  const LProgram *p = m->p;
  size_t ins = p->inputs.len, outs = p->outputs.len;
  StrBuf *out = &m->out;
  if (is(key, n, "MODEL"))
    strbuf_puts(out, model);
  else if (is(key, n, "MODULE"))
    put_module_name(m, a);
  else if (is(key, n, "LIBRARY"))
    strbuf_quoted(out, m->library);
  else if (is(key, n, "RESULTS"))
    put_list(out, m->results, outs, false);
  else if (is(key, n, "PARAMETERS"))
    put_list(out, m->parameters, ins, false);
  else if (is(key, n, "ARGUMENTS"))
    put_list(out, m->parameters, ins, true);
  else if (is(key, n, "COMMA"))
    strbuf_puts(out, ins ? ", " : "");
  else if (is(key, n, "INPUTS"))
    put_tensors(m, p->inputs.data, ins);
  else if (is(key, n, "OUTPUTS"))
    put_tensors(m, p->outputs.data, outs);
  else if (is(key, n, "DIMS"))
    put_dims(m);
  else if (is(key, n, "COUNTS"))
    put_counts(m);
  else if (is(key, n, "ABI"))
    strbuf_printf(out, "%d", NNCC_ABI_VERSION);
  else if (is(key, n, "ALIGN"))
    strbuf_printf(out, "%d", NNCC_ARENA_ALIGN);
  else if (is(key, n, "TENSORS"))
    put_lines(m, p->inputs.data, m->parameters, ins), put_lines(m, p->outputs.data, m->results, outs);
  else if (is(key, n, "RESULT_NAMES")) {
    strbuf_putc(out, '"');
    for (size_t i = 0; i < outs; i++) strbuf_printf(out, "%s%s", i ? " " : "", m->results[i]);
    strbuf_putc(out, '"');
  } else
    UNREACHABLE("module.py asks for $%.*s$", (int)n, key);
}

bool emit_py(const LProgram *p, const char *path, const char *library, Diag *d) {
  Arena *a = arena_create();
  const char *slash = strrchr(library, '/'), *model = name_identifier(a, p->name);
  Module m = {.p = p, .path = path, .library = slash ? slash + 1 : library};
  m.parameters = identifiers(a, p->inputs.data, p->inputs.len);
  m.results = identifiers(a, p->outputs.data, p->outputs.len);
  for (const char *s = emit_py_template; *s;) {
    size_t n = strcspn(s, "$");
    strbuf_write(&m.out, s, n);
    s += n;
    if (!*s) break;
    size_t key = strcspn(s + 1, "$");
    fill(&m, a, s + 1, key, model);
    s += key + 2;
  }
  bool ok = outfile_write(path, m.out.s, m.out.len, d);
  strbuf_free(&m.out);
  arena_destroy(a);
  return ok;
}
