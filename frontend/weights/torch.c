// Tensors are calls of functions of torch._utils, whose arguments its source documents; everything else beside them
// (epochs, optimizers' settings, objects of any class) is skipped, for nothing of it is ever made.
#include "frontend/weights/torch.h"
#include "frontend/weights/formats.h"
#include <string.h>

enum { DEPTH_MAX = 64, VALUES_MAX = 1 << 18, KEYS_MAX = 1 << 12, KEY_MAX = 1 << 12, NAMES_MAX = 1 << 26 };

typedef struct Torch {
  Archive *a;
  Diag *diag;
  const TorchStorages *storages;
  bool big_endian;
  StrBuf name;  // of the value that is looked at
  int values;   // looked at so far: what refers to itself, or to one thing many times, must end
  size_t names; // bytes of all entries' names: one long name may stand before many
} Torch;

// ---- looking at values

static bool is_text(const Pickled *v, const char *text) { return v->kind == PICKLED_TEXT && !strcmp(v->text, text); }
static bool is_global(const Pickled *v, const char *name) {
  return v->kind == PICKLED_GLOBAL && !strcmp(v->text, name);
}
static bool is_call(const Pickled *v) { return v->kind == PICKLED_CALL && v->arguments->kind == PICKLED_LIST; }

// Item `i` of a list if it is of that kind, else NULL.
static const Pickled *item(const Pickled *list, uint32_t i, PickledKind kind) {
  return list->kind == PICKLED_LIST && i < list->n && list->items[i]->kind == kind ? list->items[i] : NULL;
}

// Among the first keys, where all that is asked for stands: one dict may be looked at many times.
static const Pickled *lookup(const Pickled *pairs, const char *key) {
  for (uint32_t i = 0; i + 1 < pairs->n && i < 2 * KEYS_MAX; i += 2)
    if (is_text(pairs->items[i], key)) return pairs->items[i + 1];
  return NULL;
}

// ---- element types

typedef struct Element {
  const char *storage, *name; // torch.FloatStorage, torch.float32
  DType dtype;
} Element;

static const Element elements[] = {
    {"FloatStorage", "float32", DT_F32},
    {"DoubleStorage", "float64", DT_F64},
    {"HalfStorage", "float16", DT_F16},
    {"BFloat16Storage", "bfloat16", DT_BF16},
    {"LongStorage", "int64", DT_I64},
    {"IntStorage", "int32", DT_I32},
    {"ShortStorage", "int16", DT_I16},
    {"CharStorage", "int8", DT_I8},
    {"ByteStorage", "uint8", DT_U8},
    {"BoolStorage", "bool", DT_BOOL},
    {NULL, "uint16", DT_U16},
    {NULL, "uint32", DT_U32},
    {NULL, "uint64", DT_U64},
};

// The last word of torch.FloatStorage, torch.cuda.FloatStorage, torch.float32.
static const char *last_word(const Pickled *global) {
  const char *dot = strrchr(global->text, '.');
  return dot ? dot + 1 : global->text;
}

static const Element *element_of(const Pickled *global) {
  const char *word = last_word(global);
  for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
    if (!strcmp(word, elements[i].name) || (elements[i].storage && !strcmp(word, elements[i].storage)))
      return &elements[i];
  return NULL;
}

// ("storage", class, key, device, number of elements)
bool torch_storage_of(const Pickled *persistent, const char **key, size_t *width) {
  const Pickled *id = persistent->identity, *word = item(id, 0, PICKLED_TEXT), *type = item(id, 1, PICKLED_GLOBAL),
                *k = item(id, 2, PICKLED_TEXT);
  if (!word || !is_text(word, "storage") || !type || !k) return false;
  const Element *e = element_of(type);
  *key = k->text;
  *width = e ? dtype_size(e->dtype) : !strncmp(last_word(type), "Complex", 7) ? 8 : 1; // untyped ones count bytes
  if (!strcmp(last_word(type), "ComplexDoubleStorage")) *width = 16;
  return true;
}

// ---- tensors

// The function that makes a tensor, and its arguments; parameters and subclasses hold a tensor within. False: v is
// none.
static bool find_maker(const Pickled *v, const char **function, const Pickled **arguments) {
  static const char utils[] = "torch._utils._rebuild_";
  for (int depth = 0; depth < DEPTH_MAX && is_call(v) && v->callee->kind == PICKLED_GLOBAL; depth++) {
    *function = v->callee->text;
    *arguments = v->arguments;
    if (is_global(v->callee, "torch._tensor._rebuild_from_type_v2")) { // (function, type, arguments, state)
      const Pickled *made = item(v->arguments, 0, PICKLED_GLOBAL);
      *arguments = item(v->arguments, 2, PICKLED_LIST);
      if (!made || !*arguments) return false;
      *function = made->text;
    }
    if (strncmp(*function, utils, sizeof utils - 1)) return false;
    *function += sizeof utils - 1;
    if (strcmp(*function, "parameter") && strcmp(*function, "parameter_with_state")) return true;
    v = item(*arguments, 0, PICKLED_CALL); // (tensor, ...)
    if (!v) return false;
  }
  return false;
}

static int by_key(const void *a, const void *b) {
  return strcmp(((const TorchStorage *)a)->key, ((const TorchStorage *)b)->key);
}

static bool read_dims(const Pickled *list, int64_t *out) {
  for (uint32_t i = 0; i < list->n; i++) {
    if (list->items[i]->kind != PICKLED_INT || list->items[i]->number < 0) return false;
    out[i] = list->items[i]->number;
  }
  return true;
}

static bool is_row_major(const ArchiveEntry *e) {
  int64_t step = 1;
  for (int i = e->rank - 1; i >= 0; i--) {
    if (e->dims[i] != 1 && e->strides[i] != step) return false;
    step *= e->dims[i];
  }
  return true;
}

// Whether two elements may be the same place: they are not where each dimension steps over all of the smaller ones.
static bool overlaps(const ArchiveEntry *e) {
  bool done[MAX_RANK] = {false};
  for (int64_t reach = 0;;) {
    int least = -1;
    for (int i = 0; i < e->rank; i++)
      if (!done[i] && e->dims[i] > 1 && (least < 0 || e->strides[i] < e->strides[least])) least = i;
    if (least < 0) return false;
    if (e->strides[least] <= reach) return true;
    reach += (e->dims[least] - 1) * e->strides[least];
    done[least] = true;
  }
}

static void set_element(Torch *t, ArchiveEntry *e, const Pickled *type) {
  const Element *element = element_of(type);
  if (element)
    e->dtype = element->dtype;
  else
    e->unsupported = arena_strdup(t->a->arena, last_word(type));
}

static bool place(Torch *t, ArchiveEntry *e, const char *key, int64_t offset) {
  TorchStorage *s = t->storages->len ? bsearch(&(TorchStorage){.key = key}, t->storages->data, t->storages->len,
                                               sizeof *t->storages->data, by_key)
                                     : NULL;
  if (!s) return archive_fail(t->a, t->diag, "entry `%s` lies in storage `%s`, which is missing", e->name, key);
  e->deflated = s->deflated;
  e->offset = s->offset, e->stored = s->stored, e->size = s->size;
  if (e->unsupported) return true;
  int64_t skip;
  bool fits = checked_mul(offset, (int64_t)dtype_size(e->dtype), &skip);
  e->skip = fits ? (size_t)skip : 0;
  e->strided = true;
  if (!fits || !archive_fits(e)) return archive_fail(t->a, t->diag, "entry `%s` lies outside its storage", e->name);
  e->strided = archive_elements(e) && !is_row_major(e);
  if (e->strided && overlaps(e)) e->unsupported = "overlapping";
  e->big_endian = t->big_endian && dtype_size(e->dtype) > 1;
  return true;
}

// (storage, offset, size, stride, ...); of version 3 also the type, at place 6.
static bool add_dense(Torch *t, ArchiveEntry *e, const Pickled *arguments, bool typed) {
  const Pickled *storage = item(arguments, 0, PICKLED_PERSISTENT), *offset = item(arguments, 1, PICKLED_INT),
                *size = item(arguments, 2, PICKLED_LIST), *stride = item(arguments, 3, PICKLED_LIST), *type;
  const char *key;
  size_t width;
  bool whole = storage && torch_storage_of(storage, &key, &width) && offset && offset->number >= 0 && size && stride &&
               size->n == stride->n;
  type = typed ? item(arguments, 6, PICKLED_GLOBAL) : whole ? item(storage->identity, 1, PICKLED_GLOBAL) : NULL;
  if (whole && size->n > MAX_RANK)
    return archive_fail(t->a, t->diag, "entry `%s` has more than %d dimensions", e->name, MAX_RANK);
  if (!whole || !type || !read_dims(size, e->dims) || !read_dims(stride, e->strides))
    return archive_fail(t->a, t->diag, "entry `%s` is a tensor whose storage, offset, size or stride is none", e->name);
  e->rank = (int)size->n;
  set_element(t, e, type);
  const Pickled *view = item(storage->identity, 5, PICKLED_LIST), *start = view ? item(view, 1, PICKLED_INT) : NULL;
  int64_t at = offset->number;
  if (start && (start->number < 0 || !checked_add(at, start->number, &at))) at = INT64_MAX; // lies outside then
  if (!place(t, e, key, at)) return false;
  vec_push(&t->a->entries, *e);
  return true;
}

static bool add_tensor(Torch *t, const char *function, const Pickled *arguments) {
  if ((t->names += t->name.len) > NAMES_MAX)
    return archive_fail(t->a, t->diag, "has names of more than %d bytes", NAMES_MAX);
  ArchiveEntry e = {.name = arena_strdup(t->a->arena, strbuf_str(&t->name))};
  bool typed = !strcmp(function, "tensor_v3");
  if (typed || !strcmp(function, "tensor") || !strcmp(function, "tensor_v2")) return add_dense(t, &e, arguments, typed);
  e.unsupported = arena_strdup(t->a->arena, function); // sparse_tensor, qtensor, ...
  vec_push(&t->a->entries, e);
  return true;
}

// ---- what holds them

static bool walk(Torch *t, const Pickled *v, int depth);

static bool count(Torch *t) {
  return ++t->values <= VALUES_MAX || archive_fail(t->a, t->diag, "holds more than %d values", VALUES_MAX);
}

static bool walk_member(Torch *t, const Pickled *key, const Pickled *v, int depth) {
  size_t before = t->name.len;
  if (!count(t)) return false;
  if (key->kind != PICKLED_TEXT && key->kind != PICKLED_INT) return true;
  if (key->n > KEY_MAX) return true; // no layer is called so
  if (before) strbuf_putc(&t->name, '.');
  if (key->kind == PICKLED_TEXT)
    strbuf_puts(&t->name, key->text);
  else
    strbuf_printf(&t->name, "%lld", (long long)key->number);
  bool ok = walk(t, v, depth);
  t->name.len = before;
  if (t->name.s) t->name.s[before] = 0;
  return ok;
}

static bool walk_pairs(Torch *t, const Pickled *pairs, int depth) {
  for (uint32_t i = 0; i + 1 < pairs->n; i += 2)
    if (!walk_member(t, pairs->items[i], pairs->items[i + 1], depth)) return false;
  return true;
}

// OrderedDict as Python 2 makes it, of a list of pairs.
static bool walk_listed(Torch *t, const Pickled *list, int depth) {
  for (uint32_t i = 0; i < list->n; i++) {
    const Pickled *pair = list->items[i];
    bool whole = pair->kind == PICKLED_LIST && pair->n == 2;
    if (!(whole ? walk_member(t, pair->items[0], pair->items[1], depth) : count(t))) return false;
  }
  return true;
}

static bool is_module(const Pickled *v) {
  return v->kind == PICKLED_CALL && v->state && v->state->kind == PICKLED_DICT && lookup(v->state, "_modules") &&
         lookup(v->state, "_parameters");
}

// A torch.nn.Module as a whole: its names are those of its state_dict().
static bool walk_module(Torch *t, const Pickled *state, int depth) {
  static const char *const parts[] = {"_parameters", "_buffers", "_modules"};
  for (int i = 0; i < 3; i++) {
    const Pickled *part = lookup(state, parts[i]);
    if (part && !walk(t, part, depth)) return false;
  }
  return true;
}

// Deeper than any network nests there are no weights.
static bool walk(Torch *t, const Pickled *v, int depth) {
  const char *function;
  const Pickled *arguments;
  if (find_maker(v, &function, &arguments)) return add_tensor(t, function, arguments);
  if (depth == DEPTH_MAX) return true;
  if (is_module(v)) return walk_module(t, v->state, depth + 1);
  if (v->kind == PICKLED_DICT) return walk_pairs(t, v, depth + 1);
  if (v->kind != PICKLED_CALL) return true;
  const Pickled *listed = is_global(v->callee, "collections.OrderedDict") ? item(v->arguments, 0, PICKLED_LIST) : NULL;
  return (!listed || walk_listed(t, listed, depth + 1)) && walk_pairs(t, v, depth + 1);
}

// ---- wrappers and prefixes

static bool holds_others(const Pickled *v) {
  return v->kind == PICKLED_DICT || is_module(v) ||
         (v->kind == PICKLED_CALL && is_global(v->callee, "collections.OrderedDict"));
}

// Training scripts put the weights under one of these names, beside what else they need to go on.
static const Pickled *unwrap(Torch *t, const Pickled *v) {
  static const char *const names[] = {"state_dict", "model_state_dict", "model", "net", "network", "module"};
  for (int depth = 0; depth < DEPTH_MAX; depth++) {
    const Pickled *inner = NULL;
    for (size_t i = 0; !inner && i < sizeof names / sizeof *names && holds_others(v); i++) {
      inner = lookup(v, names[i]);
      if (inner && !holds_others(inner)) inner = NULL;
      if (inner) diag_remark_file(t->diag, t->a->name, "the weights are those in its `%s`", names[i]);
    }
    if (!inner) return v;
    v = inner;
  }
  return v;
}

// n_averaged is the counter that torch.optim.swa_utils keeps beside the module.
static bool all_begin(const Archive *a, const char *prefix) {
  size_t with = 0;
  for (size_t i = 0; i < a->entries.len; i++) {
    const char *name = a->entries.data[i].name;
    if (!strncmp(name, prefix, strlen(prefix)))
      with++;
    else if (strcmp(name, "n_averaged"))
      return false;
  }
  return with;
}

static void cut_names(Archive *a, const char *prefix) {
  size_t n = strlen(prefix);
  for (size_t i = 0; i < a->entries.len; i++)
    if (!strncmp(a->entries.data[i].name, prefix, n)) a->entries.data[i].name += n;
}

// What DataParallel and torch.compile put before each name; either may stand within the other.
static void remove_prefixes(Torch *t) {
  static const char *const prefixes[] = {"module.", "_orig_mod."};
  bool removed[2] = {false};
  for (bool any = true; any;) {
    any = false;
    for (int i = 0; i < 2; i++)
      if (all_begin(t->a, prefixes[i])) {
        cut_names(t->a, prefixes[i]);
        any = removed[i] = true;
      }
  }
  for (int i = 0; i < 2; i++)
    if (removed[i]) diag_remark_file(t->diag, t->a->name, "the prefix `%s` of its names is left out", prefixes[i]);
}

bool torch_find_tensors(Archive *a, const Pickle *p, TorchStorages *storages, bool big_endian, Diag *d) {
  Torch t = {.a = a, .diag = d, .storages = storages, .big_endian = big_endian};
  if (storages->len) qsort(storages->data, storages->len, sizeof *storages->data, by_key);
  bool ok = walk(&t, unwrap(&t, p->value), 0);
  strbuf_free(&t.name);
  if (ok && !a->entries.len)
    ok = archive_fail(a, d, "holds no tensors by name: write model.state_dict() with torch.save");
  if (ok) remove_prefixes(&t);
  return ok;
}
