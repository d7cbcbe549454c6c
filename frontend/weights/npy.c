// npy: "\x93NUMPY", version, header length, a Python dict literal {'descr': '<f4', 'fortran_order': False, 'shape': (3,
// 4)}. Versions 1 to 3 differ in the length's width (and the text's encoding, which plain types do not need).
#include "frontend/weights/formats.h"
#include <string.h>

typedef struct Cursor {
  const char *s, *end;
} Cursor;

static bool accept(Cursor *c, char want) {
  while (c->s < c->end && (*c->s == ' ' || *c->s == '\n')) c->s++;
  if (c->s == c->end || *c->s != want) return false;
  c->s++;
  return true;
}

// A string without escapes; *n bytes long, NULL when there is none.
static const char *quoted(Cursor *c, size_t *n) {
  char quote = accept(c, '\'') ? '\'' : accept(c, '"') ? '"' : 0;
  const char *begin = c->s;
  while (quote && c->s < c->end && *c->s != quote) c->s++;
  if (!quote || c->s == c->end) return NULL;
  *n = (size_t)(c->s++ - begin);
  return begin;
}

static bool accept_word(Cursor *c, const char *word) {
  size_t n = strlen(word);
  if (!accept(c, *word)) return false;
  if ((size_t)(c->end - c->s) < n - 1 || memcmp(c->s, word + 1, n - 1)) return false;
  c->s += n - 1;
  return true;
}

static bool number(Cursor *c, int64_t *v) {
  int digits = 0;
  for (*v = 0; c->s < c->end && *c->s >= '0' && *c->s <= '9'; c->s++, digits++)
    if (!checked_mul(*v, 10, v) || !checked_add(*v, *c->s - '0', v)) return false;
  return digits > 0;
}

static bool shape(Cursor *c, ArchiveEntry *e) {
  if (!accept(c, '(')) return false;
  for (e->rank = 0; !accept(c, ')'); e->rank++) {
    if (e->rank == MAX_RANK) return false;
    accept(c, ' ');
    if (!number(c, &e->dims[e->rank])) return false;
    if (!accept(c, ',') && (c->s == c->end || *c->s != ')')) return false;
  }
  return true;
}

const char *npy_code(DType t) {
  static const char *const codes[DT_COUNT] = {
      [DT_F32] = "<f4", [DT_F64] = "<f8", [DT_F16] = "<f2", [DT_I8] = "|i1",  [DT_I16] = "<i2", [DT_I32] = "<i4",
      [DT_I64] = "<i8", [DT_U8] = "|u1",  [DT_U16] = "<u2", [DT_U32] = "<u4", [DT_U64] = "<u8", [DT_BOOL] = "|b1"};
  return codes[t];
}

static void set_dtype(ArchiveEntry *e, const char *descr, size_t n, Arena *arena) {
  for (int t = 0; t < DT_COUNT; t++) {
    const char *code = npy_code((DType)t);
    if (n != 3 || !code || memcmp(descr + 1, code + 1, 2)) continue;
    e->big_endian = *code == '<' && *descr == '>';
    if (*descr != *code && !e->big_endian) continue;
    e->dtype = (DType)t;
    return;
  }
  e->unsupported = arena_strndup(arena, descr, n < 40 ? n : 40);
}

// The first dimension is the fastest. Products that overflow are of a shape that does not fit.
static void set_fortran(ArchiveEntry *e) {
  int64_t step = 1;
  e->strided = archive_elements(e) > 0;
  for (int i = 0; e->strided && i < e->rank; i++) {
    e->strides[i] = step;
    step *= e->dims[i];
  }
}

const char *npy_header(const uint8_t *p, size_t n, ArchiveEntry *e, Arena *arena) {
  if (n < 12 || memcmp(p, "\x93NUMPY", 6)) return "is not in npy format";
  if (p[6] < 1 || p[6] > 3) return "has an npy version that is not known";
  size_t start = p[6] == 1 ? 10 : 12, length = p[6] == 1 ? load_u16(p + 8) : load_u32(p + 8);
  if (length > NPY_HEADER_MAX - start || length > n - start) return "has an npy header that is cut short or too long";
  e->skip = start + length;
  Cursor c = {(const char *)p + start, (const char *)p + e->skip};
  int seen = 0;
  bool fortran = false;
  if (!accept(&c, '{')) return "has a damaged npy header";
  while (!accept(&c, '}')) {
    size_t key_length, descr_length;
    const char *key = quoted(&c, &key_length), *descr;
    if (!key || !accept(&c, ':')) return "has a damaged npy header";
    if (key_length == 5 && !memcmp(key, "descr", 5)) {
      if (!(descr = quoted(&c, &descr_length))) return "holds records, not plain numbers";
      set_dtype(e, descr, descr_length, arena);
      seen |= 1;
    } else if (key_length == 13 && !memcmp(key, "fortran_order", 13)) {
      fortran = accept_word(&c, "True");
      if (!fortran && !accept_word(&c, "False")) return "has a damaged npy header";
      seen |= 2;
    } else if (key_length == 5 && !memcmp(key, "shape", 5)) {
      if (!shape(&c, e)) return "has a shape that cannot be read";
      seen |= 4;
    } else {
      return "has a damaged npy header";
    }
    accept(&c, ',');
  }
  if (seen != 7) return "has an npy header without descr, fortran_order or shape";
  if (fortran && e->rank > 1) set_fortran(e);
  if (!e->unsupported && !archive_fits(e)) return "is shorter than its shape says";
  return NULL;
}

bool npy_read(Archive *a, Diag *d) {
  ArchiveEntry e = {.name = "", .stored = a->file->size, .size = a->file->size};
  const char *problem = npy_header(a->file->data, a->file->size, &e, a->arena);
  if (problem) return archive_fail(a, d, "%s", problem);
  vec_push(&a->entries, e);
  return true;
}
