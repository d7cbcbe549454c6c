#include "tests/lower/native.h"
#include "codegen/codegen.h"
#include "ir/core/check.h"
#include "passes/pass.h"
#include <dlfcn.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

// ---- compiling

static bool lower(PassContext *c, const NativeOptions *o, Diag *d) {
  TargetInfo target;
  if (!codegen_target_info(c->module->arena, o->target, o->cpu, &target, d)) return false;
  c->target = (LowerTarget){.vector_bytes = target.vector_bytes,
                            .vector_registers = target.vector_registers,
                            .has_fma = target.has_fma,
                            .reproducible = o->reproducible,
                            .no_winograd = o->level == 0,
                            .winograd = o->winograd,
                            .chains = o->chains,
                            .sparse = o->sparse};
  return passes_run(c, o->pipeline ? o->pipeline : passes_pipeline(o->level));
}

static bool load(Native *n, const char *path, const char *model, Diag *d) {
  char symbol[256];
  snprintf(symbol, sizeof symbol, "%s_info", model);
  n->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (n->handle) n->info = dlsym(n->handle, symbol);
  if (!n->info) diag_error_file(d, path, "cannot be loaded: %s", dlerror());
  return n->info;
}

// The name of a new file, to be freed.
static char *temporary(void) {
  const char *folder = getenv("TMPDIR");
  char *path = NULL;
  if (asprintf(&path, "%s/native-XXXXXX.so", folder && *folder ? folder : "/tmp") < 0) abort();
  int fd = mkstemps(path, 3);
  CHECK(fd >= 0, "%s cannot be made", path);
  close(fd);
  return path;
}

bool native_open_program(Native *n, const LProgram *p, const NativeOptions *o, Diag *d) {
  *n = (Native){0};
  StrBuf problems = {0};
  bool ok = loop_verify(p, &problems);
  if (!ok) diag_error_file(d, p->name, "%s", strbuf_str(&problems));
  strbuf_free(&problems);
  char *path = temporary();
  CodegenOptions options = {.cpu = o->cpu, .opt_level = o->level, .reproducible = o->reproducible};
  CodegenStats stats;
  ok = ok && codegen_emit(p, OUTPUT_SHARED, path, &options, &stats, d) && load(n, path, p->name, d);
  unlink(path);
  free(path);
  if (!ok || !o->target) return ok;
  n->far = temporary();
  options.target = o->target;
  return codegen_emit(p, OUTPUT_SHARED, n->far, &options, &stats, d);
}

bool native_open(Native *n, const Module *m, const NativeOptions *o, Diag *d) {
  *n = (Native){0};
  Module *copy = module_clone(m);
  copy->diag = d;
  PassContext c;
  PassOptions options = passes_options();
  options.verify_each = true;
  bool ok = passes_init(&c, copy, NULL, d, &options) && lower(&c, o, d) && native_open_program(n, c.program, o, d);
  passes_free(&c);
  if (c.program) loop_program_destroy(c.program);
  module_destroy(copy);
  return ok;
}

void native_close(Native *n) {
  if (n->handle) dlclose(n->handle);
  if (n->far) unlink(n->far);
  free(n->far);
  *n = (Native){0};
}

bool native_supports(const char *cpu) {
  if (!cpu) return true;
  return !strcmp(cpu, "x86-64-v2")   ? __builtin_cpu_supports("x86-64-v2")
         : !strcmp(cpu, "x86-64-v3") ? __builtin_cpu_supports("x86-64-v3")
                                     : __builtin_cpu_supports("x86-64-v4");
}

// ---- arrays

Guarded guarded_create(size_t bytes, size_t alignment) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), used = (bytes + alignment - 1) / alignment * alignment;
  Guarded g = {.mapped = (used + page - 1) / page * page + page, .bytes = bytes};
  g.map = mmap(NULL, g.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(g.map != MAP_FAILED, "no memory for %zu bytes", bytes);
  char *end = (char *)g.map + g.mapped - page;
  CHECK(!mprotect(end, page, PROT_NONE), "a page cannot be protected");
  g.data = end - used;
  return g;
}

void guarded_free(Guarded *g) {
  if (g->map) munmap(g->map, g->mapped);
  *g = (Guarded){0};
}

Guarded *native_arrays(const RefTensor *t, size_t n, bool values) {
  Guarded *g = xcalloc(n + 1, sizeof *g);
  for (size_t i = 0; i < n; i++) {
    size_t size = dtype_size(t[i].type->dtype);
    g[i] = guarded_create((size_t)t[i].count * size, size);
    memcpy(g[i].extents, t[i].dims, sizeof g[i].extents);
    if (values) ref_tensor_pack(&t[i], t[i].type->dtype, g[i].data);
  }
  return g;
}

static int64_t extents_of(const Native *n, int output, const int64_t *symbols, const int64_t *counts,
                          int64_t *extents) {
  const nncc_tensor_info *t = &n->info->outputs[output];
  int64_t elements = 1;
  if (t->extents) t->extents(symbols, extents);
  for (int i = 0; i < t->rank; i++) {
    int64_t symbol = t->dims[i] == NNCC_DIM_COMPUTED ? -1 : -1 - t->dims[i];
    if (!t->extents) extents[i] = t->dims[i] >= 0 ? t->dims[i] : symbols[symbol];
    if (counts && symbol >= n->info->n_dims) extents[i] = counts[symbol - n->info->n_dims];
    elements *= extents[i];
  }
  return elements;
}

Guarded *native_outputs(const Native *n, const int64_t *symbols) {
  Guarded *g = xcalloc((size_t)n->info->n_outputs + 1, sizeof *g);
  for (int i = 0; i < n->info->n_outputs; i++) {
    size_t size = dtype_size((DType)n->info->outputs[i].dtype);
    int64_t extents[MAX_RANK];
    g[i] = guarded_create((size_t)extents_of(n, i, symbols, NULL, extents) * size, size);
  }
  return g;
}

void native_arrays_free(Guarded *g, size_t n) {
  for (size_t i = 0; i < n; i++) guarded_free(&g[i]);
  free(g);
}

static void transfer(const char *path, const Guarded *arrays, int n, bool write) {
  FILE *f = fopen(path, write ? "wb" : "rb");
  CHECK(f, "%s", path);
  for (int i = 0; i < n; i++) {
    size_t done = write ? fwrite(arrays[i].data, 1, arrays[i].bytes, f) : fread(arrays[i].data, 1, arrays[i].bytes, f);
    CHECK(done == arrays[i].bytes, "%s is cut short", path);
  }
  CHECK(!fclose(f), "%s", path);
}

static int run_far(const Native *n, const int64_t *symbols, int threads, const Guarded *inputs, const Guarded *outputs,
                   int64_t *counts) {
  const nncc_model_info *info = n->info;
  char *in = temporary(), *out = temporary();
  transfer(in, inputs, info->n_inputs, true);
  StrBuf command = {0};
  strbuf_printf(&command, "%s %s %s %s %s %d", getenv("NNCC_FAR"), n->far, info->name, in, out, threads);
  for (int i = 0; i < info->n_dims; i++) strbuf_printf(&command, " %lld", (long long)symbols[i]);
  int status = system(strbuf_str(&command));
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) < 90, "%s: %#x", strbuf_str(&command), (unsigned)status);
  Guarded *all = xcalloc((size_t)info->n_outputs + 1, sizeof *all);
  memcpy(all, outputs, sizeof *all * (size_t)info->n_outputs);
  all[info->n_outputs] = (Guarded){.data = counts, .bytes = sizeof *counts * (size_t)info->n_counts};
  if (!status) transfer(out, all, info->n_outputs + 1, false);
  free(all);
  unlink(in), unlink(out);
  free(in), free(out);
  strbuf_free(&command);
  return WEXITSTATUS(status);
}

static int run_here(const Native *n, const int64_t *symbols, int threads, const Guarded *inputs, const Guarded *outputs,
                    int64_t *counts) {
  const nncc_model_info *info = n->info;
  nncc_options options = NNCC_OPTIONS_INIT;
  options.threads = threads;
  nncc_model *model;
  int status = info->open(&model, &options);
  if (status) return status;
  const void **in = xcalloc((size_t)info->n_inputs + 1, sizeof *in);
  void **out = xcalloc((size_t)info->n_outputs + (size_t)info->n_counts + 1, sizeof *out);
  for (int i = 0; i < info->n_inputs; i++) in[i] = inputs[i].data;
  for (int i = 0; i < info->n_outputs; i++) out[i] = outputs[i].data;
  for (int i = 0; i < info->n_counts; i++) out[info->n_outputs + i] = &counts[i];
  Guarded arena = guarded_create(info->arena_bytes(model, symbols), NNCC_ARENA_ALIGN);
  memset(arena.data, 0xff, arena.bytes);
  status = info->run(model, arena.data, arena.bytes, symbols, in, out);
  guarded_free(&arena);
  free(in);
  free(out);
  info->close(model);
  return status;
}

int native_run(const Native *n, const int64_t *symbols, int threads, const Guarded *inputs, Guarded *outputs) {
  int64_t *counts = xcalloc((size_t)n->info->n_counts + 1, sizeof *counts);
  int status = (n->far ? run_far : run_here)(n, symbols, threads, inputs, outputs, counts);
  for (int i = 0; i < n->info->n_outputs; i++) extents_of(n, i, symbols, counts, outputs[i].extents);
  free(counts);
  return status;
}

bool native_evaluate(Module *m, const NativeOptions *o, const int64_t *symbols, int threads, const RefTensor *inputs,
                     RefTensor *outputs, Diag *d) {
  Native n;
  if (!native_open(&n, m, o, d)) return native_close(&n), false;
  int64_t all[MAX_SYMBOLS] = {0};
  if (dim_open_count(m->dims)) memcpy(all, symbols, sizeof *all * (size_t)dim_open_count(m->dims));
  dim_fill_counts(m->dims, all);
  for (size_t k = 0; k < m->outputs.len; k++)
    CHECK(ref_tensor_create(&outputs[k], m, m->outputs.data[k].value->type, all), "no memory");
  Guarded *in = native_arrays(inputs, m->inputs.len, true), *out = native_outputs(&n, symbols);
  int status = native_run(&n, symbols, threads, in, out);
  if (status) diag_error_file(d, "native", "%s", n.info->status_text(status));
  for (size_t k = 0; k < m->outputs.len; k++) {
    memcpy(outputs[k].dims, out[k].extents, sizeof outputs[k].dims);
    outputs[k].count = 1;
    for (int i = 0; i < outputs[k].rank; i++) outputs[k].count *= outputs[k].dims[i];
    ref_tensor_unpack(&outputs[k], outputs[k].type->dtype, out[k].data);
  }
  native_arrays_free(in, m->inputs.len);
  native_arrays_free(out, m->outputs.len);
  native_close(&n);
  return !status;
}

// ---- judging

static double slack(DType d) { return d == DT_F64 ? 1e-13 : d == DT_F16 ? 1e-3 : d == DT_BF16 ? 1e-2 : 1e-5; }

void native_describe(const RefTensor *want, int64_t k, double got, char *text, size_t size) {
  int64_t at[MAX_RANK], left = k;
  for (int d = want->rank - 1; d >= 0; left /= want->dims[d--]) at[d] = left % want->dims[d];
  size_t n = (size_t)snprintf(text, size, "[");
  for (int d = 0; d < want->rank; d++)
    n += (size_t)snprintf(text + n, size - n, "%s%lld", d ? ", " : "", (long long)at[d]);
  n += (size_t)snprintf(text + n, size - n, "] of [");
  for (int d = 0; d < want->rank; d++)
    n += (size_t)snprintf(text + n, size - n, "%s%lld", d ? ", " : "", (long long)want->dims[d]);
  snprintf(text + n, size - n, "] is %.9g, not %.9g", got, ref_at(want, k));
}

static const char *first_unequal(const RefTensor *want, const RefTensor *got, const double *room, char *text,
                                 size_t size) {
  for (int64_t k = 0; k < want->count; k++) {
    if (room && room[k] == INFINITY) continue;
    double w = ref_at(want, k), g = ref_at(got, k);
    bool finite = isfinite(w) && isfinite(g) && !want->i,
         equal = want->i ? want->i[k] == got->i[k] : w == g || (isnan(w) && isnan(g));
    if (finite || equal) continue;
    native_describe(want, k, g, text, size);
    return text;
  }
  return NULL;
}

const char *native_compare(const RefTensor *want, const Guarded *packed, double floor, const double *room, char *text,
                           size_t size) {
  for (int i = 0; i < want->rank; i++) {
    if (packed->extents[i] == want->dims[i]) continue;
    snprintf(text, size, "dimension %d is %lld, not %lld", i, (long long)packed->extents[i], (long long)want->dims[i]);
    return text;
  }
  RefTensor got;
  CHECK(ref_tensor_copy(&got, want), "no memory");
  ref_tensor_unpack(&got, want->type->dtype, packed->data);
  const char *problem = first_unequal(want, &got, room, text, size);
  double error = 0, power = 0, largest = 0, worst = 0;
  int64_t at = 0;
  for (int64_t k = 0; !problem && want->f && k < want->count; k++) {
    if (!isfinite(want->f[k]) || (room && room[k] == INFINITY)) continue;
    double e = fmax(0, fabs(got.f[k] - want->f[k]) - (room ? room[k] : 0));
    error += e * e;
    power += want->f[k] * want->f[k];
    largest = fmax(largest, fabs(want->f[k]));
    if (e > worst) worst = e, at = k;
  }
  double tolerance = slack(want->type->dtype), most = tolerance == 1e-5 ? 1e-9 : tolerance * tolerance;
  if (!problem && worst > floor && (error > most * power || worst > tolerance * largest)) {
    native_describe(want, at, got.f[at], text, size);
    size_t n = strlen(text);
    snprintf(text + n, size - n, "; NMSE %.3g, worst error %.3g of the largest magnitude", error / power,
             worst / largest);
    problem = text;
  }
  ref_tensor_free(&got);
  return problem;
}

int native_judge(const Native *n, const int64_t *symbols, const RefTensor *inputs, const RefTensor *want,
                 Allowance allow, NativeWrong wrong, void *user) {
  enum { MOST_THREADS = 3, TEXT = 1000 };
  size_t n_in = (size_t)n->info->n_inputs, n_out = (size_t)n->info->n_outputs;
  Guarded *in = native_arrays(inputs, n_in, true), *out[MOST_THREADS];
  int bad = 0;
  for (int t = 0; t < MOST_THREADS; t++) {
    char text[TEXT];
    out[t] = native_outputs(n, symbols);
    int status = native_run(n, symbols, t + 1, in, out[t]);
    if (status) wrong(user, -1, n->info->status_text(status)), bad++;
    for (size_t i = 0; !status && i < n_out; i++) {
      const double *room = allow.room ? allow.room[i] : NULL;
      const char *problem = t ? NULL : native_compare(&want[i], &out[t][i], allow.floor, room, text, sizeof text);
      if (t && memcmp(out[0][i].data, out[t][i].data, out[t][i].bytes))
        problem = "the bits depend on the number of threads";
      if (problem) wrong(user, (int)i, problem), bad++;
    }
  }
  for (int t = 0; t < MOST_THREADS; t++) native_arrays_free(out[t], n_out);
  native_arrays_free(in, n_in);
  return bad;
}
