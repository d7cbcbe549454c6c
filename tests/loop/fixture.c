#include "fixture.h"
#include "ir/core/check.h"
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

Built built_open(const char *model, const char *kernel) {
  Built k = {.p = loop_program_create(model, NULL)};
  k.b = loop_begin_kernel(k.p, kernel);
  return k;
}

static LExpr *add_param(Built *k, LBuffer *buffer, LAccess access) {
  vec_push(&k->args, (LArg){buffer, 0});
  return lx_var(k->b, loop_param(k->b, buffer->name, L_POINTER(buffer->dtype), access));
}

static LBuffer *add_buffer(Built *k, LBufferKind kind, const char *name, DType t, Dim n) {
  return loop_buffer(k->p, kind, name, t, dim_mul(k->p->dims, n, (Dim)dtype_size(t)));
}

LExpr *built_input(Built *k, const char *name, DType t, Dim n) {
  LBuffer *b = add_buffer(k, BUFFER_INPUT, name, t, n);
  b->index = (int)k->p->inputs.len;
  vec_push(&k->p->inputs, (LTensor){b->name, t, 1, {n}});
  return add_param(k, b, ACCESS_IN);
}

LExpr *built_output(Built *k, const char *name, DType t, Dim n) {
  LBuffer *b = add_buffer(k, BUFFER_OUTPUT, name, t, n);
  b->index = (int)k->p->outputs.len;
  vec_push(&k->p->outputs, (LTensor){b->name, t, 1, {n}});
  return add_param(k, b, ACCESS_OUT);
}

typedef struct Content {
  const void *bytes;
  size_t size;
} Content;

static void fill(void *context, int64_t first, int64_t count, void *out) {
  (void)first, (void)count;
  const Content *c = context;
  memcpy(out, c->bytes, c->size);
}

LExpr *built_weight(Built *k, const char *name, DType t, int64_t n, const void *content) {
  LBuffer *b = add_buffer(k, BUFFER_WEIGHT, name, t, n);
  Content *c = arena_new(k->p->arena, Content);
  *c = (Content){arena_memdup(k->p->arena, content, (size_t)b->bytes), (size_t)b->bytes};
  b->fill = fill;
  b->parts = 1;
  b->context = c;
  return add_param(k, b, ACCESS_IN);
}

LExpr *built_memory(Built *k, LBufferKind kind, const char *name, DType t, Dim n, LAccess access) {
  return add_param(k, add_buffer(k, kind, name, t, n), access);
}

LExpr *built_dim(Built *k, const char *name, Dim d) {
  vec_push(&k->args, (LArg){NULL, d});
  return lx_var(k->b, loop_param(k->b, name, L_INDEX, ACCESS_NONE));
}

void built_add_phase(Built *k, Dim tasks) {
  k->phase = loop_phase(k->p, "layer", loop_end_kernel(k->b), tasks);
  for (size_t i = 0; i < k->args.len; i++) vec_push(&k->phase->args, k->args.data[i]);
  vec_free(&k->args);
}

void built_place(LProgram *p) {
  Dim ends[3] = {0};
  for (size_t i = 0; i < p->buffers.len; i++) {
    LBuffer *b = p->buffers.data[i];
    if (b->kind < BUFFER_WEIGHT) continue;
    Dim *end = &ends[b->kind - BUFFER_WEIGHT];
    b->offset = *end;
    Dim blocks = dim_floordiv(p->dims, dim_add(p->dims, b->bytes, 63), 64);
    *end = dim_add(p->dims, *end, dim_mul(p->dims, blocks, 64));
  }
  p->weight_bytes = ends[0];
  p->arena_bytes = ends[1];
  p->scratch_bytes = ends[2];
  StrBuf problems = {0};
  if (!loop_verify(p, &problems)) fail_msg("%s", problems.s);
  strbuf_free(&problems);
}

LProgram *built_close(Built *k, Dim tasks) {
  built_add_phase(k, tasks);
  built_place(k->p);
  return k->p;
}

// ---- texts

LProgram *fixture_read(const char *text, size_t size, char *message, size_t room) {
  Diag *d = diag_create();
  LProgram *p = loop_read(d, "test.loop", text, size);
  StrBuf out = {0};
  diag_print(d, &out, false);
  if (message) snprintf(message, room, "%s", strbuf_str(&out));
  if (!p)
    assert_true(diag_errors(d) > 0);
  else if (out.len)
    fail_msg("%s", out.s);
  strbuf_free(&out);
  diag_destroy(d);
  return p;
}

// ---- files

static char folder[] = "/tmp/nncc-test-XXXXXX";
static int made;

const char *fixture_folder(void) {
  if (!made) assert_non_null(mkdtemp(folder));
  made = 1;
  return folder;
}

void fixture_end(void) {
  DIR *d = made ? opendir(folder) : NULL;
  for (struct dirent *e; d && (e = readdir(d));)
    if (*e->d_name != '.') unlinkat(dirfd(d), e->d_name, 0);
  if (d) closedir(d);
  if (made) assert_int_equal(rmdir(folder), 0); // nothing else was left behind
}

char *fixture_path(const char *name) {
  char *path = xmalloc(strlen(fixture_folder()) + strlen(name) + 2);
  sprintf(path, "%s/%s", folder, name);
  return path;
}

void fixture_emit(const LProgram *p, OutputKind kind, const char *path, const char *cpu, int opt_level) {
  Diag *d = diag_create();
  CodegenOptions o = {.cpu = cpu, .opt_level = opt_level, .threads = 2};
  bool ok = codegen_emit(p, kind, path, &o, NULL, d);
  StrBuf text = {0};
  diag_print(d, &text, false);
  if (!ok || text.len) fail_msg("%s", strbuf_str(&text));
  strbuf_free(&text);
  diag_destroy(d);
}

Loaded fixture_load(const LProgram *p, const char *cpu, int opt_level, int threads, const int64_t *dims) {
  Loaded m = {0};
  char symbol[200], *path = fixture_path("model.so");
  fixture_emit(p, OUTPUT_SHARED, path, cpu, opt_level);
  m.library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!m.library) fail_msg("%s", dlerror());
  snprintf(symbol, sizeof symbol, "%s_info", p->name);
  m.info = dlsym(m.library, symbol);
  assert_non_null(m.info);
  nncc_options o = NNCC_OPTIONS_INIT;
  o.threads = threads;
  int status = m.info->open(&m.model, &o);
  if (status) fail_msg("open: %s", m.info->status_text(status));
  m.arena_bytes = m.info->arena_bytes(m.model, dims);
  m.arena = aligned_alloc(64, m.arena_bytes + 64);
  memset(m.arena, 0xff, m.arena_bytes + 64); // NaNs where nothing was written
  unlink(path);
  free(path);
  return m;
}

void fixture_unload(Loaded *m) {
  m->info->close(m->model);
  dlclose(m->library);
  free(m->arena);
}

int fixture_run(Loaded *m, const int64_t *dims, const void *const *in, void *const *out) {
  return m->info->run(m->model, m->arena, m->arena_bytes, dims, in, out);
}

void fixture_each_way(void (*check)(const Way *way, void *context), void *context) {
  static const char *const cpus[] = {"x86-64-v2", "x86-64-v3", "x86-64-v3+avxvnni", "x86-64-v4", "native"};
  __builtin_cpu_init();
  const int can[] = {1, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"),
                     __builtin_cpu_supports("avxvnni"), __builtin_cpu_supports("avx512vl"), 1};
  for (int cpu = 0; cpu < 5; cpu++)
    for (int level = 0; level <= 2 && can[cpu]; level += 2)
      for (int threads = 1; threads <= 2; threads++) check(&(Way){cpus[cpu], level, threads}, context);
}

float fixture_noise(int i) {
  uint32_t h = (uint32_t)i * 2654435761u;
  h ^= h >> 15;
  h *= 2246822519u;
  h ^= h >> 13;
  return (float)(int32_t)h * 0x1p-31f;
}
