// The instructions are those of CPython's Lib/pickletools.py, protocols 1 to 5; protocol 0, which is text, is not read.
#include "frontend/weights/pickle.h"
#include "frontend/weights/formats.h"
#include <string.h>

enum { PROTOCOL_MAX = 5 };

typedef struct Machine {
  Pickle *out;
  const uint8_t *begin, *p, *end;
  Vec(Pickled *) stack, memo;
  Vec(size_t) marks; // where the stack stood
  const char *problem;
} Machine;

static Pickled *fail(Machine *m, const char *problem) {
  if (!m->problem) m->problem = problem;
  return NULL;
}

// ---- bytes

static const uint8_t *take(Machine *m, uint64_t n) {
  if (n > (size_t)(m->end - m->p)) return fail(m, "ends within its pickle"), NULL;
  m->p += n;
  return m->p - n;
}

// A little-endian number of up to 8 bytes.
static uint64_t take_number(Machine *m, int bytes) {
  const uint8_t *p = take(m, (uint64_t)bytes);
  uint64_t v = 0;
  for (int i = 0; p && i < bytes; i++) v |= (uint64_t)p[i] << (8 * i);
  return v;
}

static const char *take_line(Machine *m, size_t *n) {
  const uint8_t *begin = m->p, *newline = memchr(begin, '\n', (size_t)(m->end - begin));
  *n = newline ? (size_t)(newline - begin) : 0;
  return newline ? (const char *)take(m, *n + 1) : (fail(m, "ends within its pickle"), NULL);
}

// ---- the stack

static Pickled *create(Machine *m, PickledKind kind) {
  Pickled *v = arena_new(m->out->arena, Pickled);
  v->kind = kind;
  return v;
}

static void push(Machine *m, Pickled *v) {
  if (v) vec_push(&m->stack, v);
}

static size_t floor_of(const Machine *m) { return m->marks.len ? vec_last(&m->marks) : 0; }

static Pickled *pop(Machine *m) {
  return m->stack.len > floor_of(m) ? vec_pop(&m->stack) : fail(m, "has a pickle that takes more than it put down");
}

static Pickled *top(Machine *m) {
  return m->stack.len > floor_of(m) ? vec_last(&m->stack) : fail(m, "has a pickle that takes more than it put down");
}

// The last mark goes; what lay above it is `n` values at the result, until the next push.
static Pickled **pop_mark(Machine *m, size_t *n) {
  *n = 0;
  if (!m->marks.len) return fail(m, "has a pickle that takes more than it put down"), NULL;
  size_t at = vec_pop(&m->marks);
  *n = m->stack.len - at;
  m->stack.len = at;
  return m->stack.data + at;
}

// ---- values

// Each item was put down by an instruction of its own, so that 32 bits count them.
static void add_items(Machine *m, Pickled *v, Pickled *const *items, size_t n) {
  uint32_t needed = v->n + (uint32_t)n;
  if (needed > v->cap) {
    v->cap = needed > 2 * v->cap ? needed : 2 * v->cap;
    Pickled **grown = arena_array(m->out->arena, Pickled *, v->cap);
    if (v->n) memcpy(grown, v->items, v->n * sizeof *grown);
    v->items = grown;
  }
  if (n) memcpy(v->items + v->n, items, n * sizeof *items);
  v->n = needed;
}

static void push_list(Machine *m, Pickled *const *items, size_t n) {
  Pickled *v = create(m, PICKLED_LIST);
  add_items(m, v, items, n);
  push(m, v);
}

static void push_short_tuple(Machine *m, size_t n) {
  if (m->stack.len - floor_of(m) < n) return (void)fail(m, "has a pickle that takes more than it put down");
  m->stack.len -= n;
  push_list(m, m->stack.data + m->stack.len, n);
}

static void push_int(Machine *m, int64_t number) {
  Pickled *v = create(m, PICKLED_INT);
  v->number = number;
  push(m, v);
}

// Two's complement, little-endian, of any length.
static void push_long(Machine *m, uint64_t bytes) {
  const uint8_t *p = take(m, bytes);
  if (!p) return;
  if (bytes > 8) return push(m, create(m, PICKLED_OTHER));
  uint64_t v = bytes && p[bytes - 1] & 0x80 ? UINT64_MAX : 0;
  for (uint64_t i = 0; i < bytes; i++) v = (v & ~((uint64_t)0xff << (8 * i))) | (uint64_t)p[i] << (8 * i);
  push_int(m, (int64_t)v);
}

static void push_text(Machine *m, uint64_t bytes) {
  const uint8_t *p = take(m, bytes);
  if (!p) return;
  Pickled *v = create(m, PICKLED_TEXT);
  v->text = arena_strndup(m->out->arena, (const char *)p, bytes);
  v->n = (uint32_t)bytes;
  push(m, v);
}

static void push_global(Machine *m, const char *module, size_t n, const char *name, size_t k) {
  if (m->problem) return;
  Pickled *v = create(m, PICKLED_GLOBAL);
  v->text = arena_printf(m->out->arena, "%.*s.%.*s", (int)n, module, (int)k, name);
  push(m, v);
}

static void push_named_global(Machine *m) {
  const Pickled *name = pop(m), *module = pop(m);
  if (!name || !module) return;
  if (name->kind != PICKLED_TEXT || module->kind != PICKLED_TEXT)
    return (void)fail(m, "has a pickle that imports what is no name");
  push_global(m, module->text, strlen(module->text), name->text, strlen(name->text));
}

static void push_call(Machine *m) {
  const Pickled *arguments = pop(m), *callee = pop(m);
  if (!arguments || !callee) return;
  Pickled *v = create(m, PICKLED_CALL);
  v->callee = callee;
  v->arguments = arguments;
  push(m, v);
}

static void push_persistent(Machine *m) {
  const Pickled *identity = pop(m);
  if (!identity) return;
  Pickled *v = create(m, PICKLED_PERSISTENT);
  v->identity = identity;
  push(m, v);
  vec_push(&m->out->persistents, v);
}

// Of what lies on top: pairs belong to dicts and to objects, single values to lists; sets need not be known.
static void store(Machine *m, Pickled *const *items, size_t n, bool pairs) {
  Pickled *v = top(m);
  if (!v) return;
  if (pairs && n % 2) return (void)fail(m, "has a pickle with a key without a value");
  bool takes = pairs ? v->kind == PICKLED_DICT || v->kind == PICKLED_CALL : v->kind == PICKLED_LIST;
  if (takes) return add_items(m, v, items, n);
  if (pairs || (v->kind != PICKLED_CALL && v->kind != PICKLED_OTHER))
    fail(m, "has a pickle that stores into what holds nothing");
}

static void store_one(Machine *m, bool pair) {
  Pickled *items[2] = {0};
  if (pair) items[1] = pop(m);
  items[0] = pop(m);
  if (!m->problem) store(m, items, pair ? 2 : 1, pair);
}

static void store_marked(Machine *m, bool pairs) {
  size_t n;
  Pickled **items = pop_mark(m, &n);
  if (items) store(m, items, n, pairs);
}

static void set_state(Machine *m) {
  const Pickled *state = pop(m);
  Pickled *v = top(m);
  if (state && v && v->kind == PICKLED_CALL) v->state = state;
}

static void push_marked(Machine *m, PickledKind kind) {
  size_t n;
  Pickled **items = pop_mark(m, &n);
  if (!items) return;
  if (kind == PICKLED_DICT && n % 2) return (void)fail(m, "has a pickle with a key without a value");
  Pickled *v = create(m, kind);
  if (kind != PICKLED_OTHER) add_items(m, v, items, n);
  push(m, v);
}

// ---- the memo

// Python counts from 0, so that no index reaches the pickle's size.
static void put(Machine *m, uint64_t index) {
  Pickled *v = top(m);
  if (!v) return;
  if (index >= (size_t)(m->end - m->begin)) return (void)fail(m, "has a pickle with a memo index out of range");
  while (m->memo.len <= index) vec_push(&m->memo, NULL);
  m->memo.data[index] = v;
}

static void get(Machine *m, uint64_t index) {
  if (index >= m->memo.len || !m->memo.data[index]) return (void)fail(m, "has a pickle with a memo index out of range");
  push(m, m->memo.data[index]);
}

// ---- instructions

static void check_protocol(Machine *m) {
  if (take_number(m, 1) > PROTOCOL_MAX) fail(m, "has a pickle of a protocol that is not known");
}

static void read_global(Machine *m) {
  size_t n, k;
  const char *module = take_line(m, &n), *name = module ? take_line(m, &k) : NULL;
  if (name) push_global(m, module, n, name, k);
}

static void drop_mark(Machine *m) {
  size_t n;
  pop_mark(m, &n);
}

// False at the last instruction, and after a problem.
static bool step(Machine *m) {
  const uint8_t *code = take(m, 1);
  if (!code) return false;
  switch (*code) {
  case '.': return false;
  case 0x80: check_protocol(m); break;
  case 0x95: take(m, 8); break; // a frame, whose length only readers of streams need
  case '(': vec_push(&m->marks, m->stack.len); break;
  case '0': pop(m); break;
  case '1': drop_mark(m); break;
  case '2': push(m, top(m)); break;

  case 'N': push(m, create(m, PICKLED_NONE)); break;
  case 0x88: push_int(m, true); break;
  case 0x89: push_int(m, false); break;
  case 'J': push_int(m, (int32_t)take_number(m, 4)); break;
  case 'K': push_int(m, (int64_t)take_number(m, 1)); break;
  case 'M': push_int(m, (int64_t)take_number(m, 2)); break;
  case 0x8a: push_long(m, take_number(m, 1)); break;
  case 0x8b: push_long(m, take_number(m, 4)); break;
  case 'G': push(m, take(m, 8) ? create(m, PICKLED_OTHER) : NULL); break;

  case 'U':
  case 'C':
  case 0x8c: push_text(m, take_number(m, 1)); break;
  case 'T':
  case 'B':
  case 'X': push_text(m, take_number(m, 4)); break;
  case 0x8d:
  case 0x8e:
  case 0x96: push_text(m, take_number(m, 8)); break;

  case ')':
  case ']': push(m, create(m, PICKLED_LIST)); break;
  case '}': push(m, create(m, PICKLED_DICT)); break;
  case 0x8f: push(m, create(m, PICKLED_OTHER)); break;
  case 't':
  case 'l': push_marked(m, PICKLED_LIST); break;
  case 'd': push_marked(m, PICKLED_DICT); break;
  case 0x91: push_marked(m, PICKLED_OTHER); break;
  case 0x85: push_short_tuple(m, 1); break;
  case 0x86: push_short_tuple(m, 2); break;
  case 0x87: push_short_tuple(m, 3); break;
  case 'a': store_one(m, false); break;
  case 's': store_one(m, true); break;
  case 'e':
  case 0x90: store_marked(m, false); break;
  case 'u': store_marked(m, true); break;

  case 'c': read_global(m); break;
  case 0x93: push_named_global(m); break;
  case 'R':
  case 0x81: push_call(m); break;
  case 0x92: // keyword arguments make no difference to what tensors are made of
    pop(m);
    push_call(m);
    break;
  case 'b': set_state(m); break;
  case 'Q': push_persistent(m); break;

  case 'q': put(m, take_number(m, 1)); break;
  case 'r': put(m, take_number(m, 4)); break;
  case 0x94: put(m, m->memo.len); break;
  case 'h': get(m, take_number(m, 1)); break;
  case 'j': get(m, take_number(m, 4)); break;
  default: fail(m, "has a pickle with an instruction that nncc does not read"); break;
  }
  return !m->problem;
}

const char *pickle_read(const uint8_t *data, size_t size, Pickle *out) {
  *out = (Pickle){.arena = arena_create()};
  Machine m = {.out = out, .begin = data, .p = data, .end = data + (size < PICKLE_MAX ? size : PICKLE_MAX)};
  vec_reserve(&m.stack, 64);
  while (step(&m)) {}
  out->value = m.problem ? NULL : pop(&m);
  out->size = (size_t)(m.p - data);
  vec_free(&m.stack);
  vec_free(&m.memo);
  vec_free(&m.marks);
  return m.problem;
}

void pickle_free(Pickle *p) {
  vec_free(&p->persistents);
  arena_destroy(p->arena);
  *p = (Pickle){0};
}
