// What surrounds the kernels of a model: a function a phase, sizes and counts as functions of the symbolic dimensions,
// the constant descriptor of runtime/nncc_rt.h, and the exported wrappers. All of it is for the base processor: it also
// runs on processors that lack what the kernels need.
#include "codegen/abi.h"
#include "ir/core/check.h"
#include <string.h>

_Static_assert((int)LOOP_ASSERTION_FAILED == (int)NNCC_E_ASSERT, "a status of the runtime");

// ---- functions

LLVMValueRef abi_begin_function(AbiEmitter *s, const char *name, LLVMTypeRef result, LLVMTypeRef *params, unsigned n) {
  Emitter *e = s->e;
  LLVMValueRef f = LLVMAddFunction(e->module, name, LLVMFunctionType(result, params, n, false));
  LLVMSetLinkage(f, LLVMInternalLinkage);
  target_attributes(&s->plain, f);
  LLVMPositionBuilderAtEnd(e->builder, LLVMAppendBasicBlockInContext(e->context, f, ""));
  return f;
}

const char *abi_numbered(AbiEmitter *s, const char *what, size_t i) {
  return arena_printf(s->e->arena, "%s_nncc_%s%zu", s->abi->model, what, i);
}

// int64_t f(const int64_t *dims): the value, or -1 where it overflows.
static LLVMValueRef size_function(AbiEmitter *s, const char *name, Dim d) {
  Emitter *e = s->e;
  LLVMValueRef f = abi_begin_function(s, name, e->i64, &e->ptr, 1), overflow = LLVMConstInt(e->i1, 0, false);
  LLVMValueRef v = emit_dim(e, s->p->dims, d, LLVMGetParam(f, 0), &overflow);
  LLVMBuildRet(e->builder, LLVMBuildSelect(e->builder, overflow, abi_i64(e, -1), v, ""));
  return f;
}

static LLVMValueRef load_field(Emitter *e, LLVMValueRef base, int64_t at) {
  LLVMValueRef offset = abi_i64(e, at);
  return LLVMBuildLoad2(e->builder, e->ptr, LLVMBuildGEP2(e->builder, e->i8, base, &offset, 1, ""), "");
}

static LLVMValueRef argument(AbiEmitter *s, const LArg *a, LLVMValueRef frame, LLVMValueRef dims) {
  Emitter *e = s->e;
  LLVMValueRef n = emit_dim(e, s->p->dims, a->dim, dims, NULL);
  if (!a->buffer) return n;
  const LBuffer *b = a->buffer;
  bool in = b->kind == BUFFER_INPUT, external = in || b->kind == BUFFER_OUTPUT;
  LLVMValueRef base, offset;
  if (b->kind == BUFFER_COUNT) {
    base = dims;
    offset = abi_i64(e, 8 * (int64_t)b->index);
  } else if (external) {
    base = load_field(e, load_field(e, frame, in ? offsetof(NnccRtFrame, in) : offsetof(NnccRtFrame, out)),
                      8 * (int64_t)b->index);
    offset = abi_i64(e, 0);
  } else {
    base = load_field(e, frame,
                      b->kind == BUFFER_WEIGHT  ? offsetof(NnccRtFrame, weights)
                      : b->kind == BUFFER_ARENA ? offsetof(NnccRtFrame, arena)
                                                : offsetof(NnccRtFrame, scratch));
    CHECK(b->offset != -1, "buffer %s has no place", b->name);
    offset = emit_dim(e, s->p->dims, b->offset, dims, NULL);
  }
  n = LLVMBuildMul(e->builder, n, abi_i64(e, (int64_t)dtype_size(b->dtype)), "");
  offset = LLVMBuildAdd(e->builder, offset, n, "");
  return LLVMBuildGEP2(e->builder, e->i8, base, &offset, 1, "");
}

static LLVMValueRef kernel_function(AbiEmitter *s, const LKernel *k, const char *name) {
  LLVMValueRef f = LLVMGetNamedFunction(s->e->module, name);
  if (f) return f;
  f = LLVMAddFunction(s->e->module, name, emit_kernel_type(s->e, k));
  LLVMSetVisibility(f, LLVMHiddenVisibility);
  return f;
}

static LLVMValueRef run_function(AbiEmitter *s, const LPhase *phase, size_t i) {
  Emitter *e = s->e;
  unsigned n = (unsigned)phase->args.len;
  LLVMValueRef kernel = kernel_function(s, phase->kernel, s->unit->symbols[i]), *args = abi_values(e, n + 2);
  LLVMValueRef f =
      abi_begin_function(s, abi_numbered(s, "phase", i), e->i32, (LLVMTypeRef[]){e->ptr, e->i64, e->i64}, 3);
  LLVMValueRef frame = LLVMGetParam(f, 0), dims = load_field(e, frame, offsetof(NnccRtFrame, dims));
  for (unsigned j = 0; j < n; j++) args[j] = argument(s, &phase->args.data[j], frame, dims);
  args[n] = LLVMGetParam(f, 1);
  args[n + 1] = LLVMGetParam(f, 2);
  LLVMValueRef call = LLVMBuildCall2(e->builder, emit_kernel_type(e, phase->kernel), kernel, args, n + 2, "");
  LLVMSetTailCall(call, true);
  LLVMBuildRet(e->builder, call);
  return f;
}

// int32_t check(const int64_t *dims)
static LLVMValueRef check_function(AbiEmitter *s) {
  Emitter *e = s->e;
  if (!s->p->assertions.len) return abi_null(e);
  LLVMValueRef f = abi_begin_function(s, abi_numbered(s, "check", 0), e->i32, &e->ptr, 1);
  LLVMValueRef overflow = LLVMConstInt(e->i1, 0, false), fails = overflow;
  for (size_t i = 0; i < s->p->assertions.len; i++) {
    LLVMValueRef v = emit_dim(e, s->p->dims, s->p->assertions.data[i].condition, LLVMGetParam(f, 0), &overflow);
    fails = LLVMBuildOr(e->builder, fails, LLVMBuildICmp(e->builder, LLVMIntEQ, v, abi_i64(e, 0), ""), "");
  }
  LLVMValueRef r = LLVMBuildSelect(e->builder, fails, abi_i32(e, NNCC_E_ASSERT), abi_i32(e, NNCC_OK), "");
  LLVMBuildRet(e->builder, LLVMBuildSelect(e->builder, overflow, abi_i32(e, NNCC_E_SHAPE), r, ""));
  return f;
}

static LLVMValueRef runtime_function(AbiEmitter *s, const char *name, LLVMTypeRef result, LLVMTypeRef *params,
                                     unsigned n) {
  LLVMValueRef f = LLVMGetNamedFunction(s->e->module, name);
  if (f) return f;
  f = LLVMAddFunction(s->e->module, name, LLVMFunctionType(result, params, n, false));
  LLVMSetVisibility(f, LLVMHiddenVisibility);
  return f;
}

typedef enum RtId {
  RT_OPEN,
  RT_CLOSE,
  RT_ARENA_BYTES,
  RT_RUN,
  RT_SUBMIT,
  RT_WAIT,
  RT_STRERROR,
  RT_DESCRIBE,
  RT_SELFTEST
} RtId;

static LLVMValueRef rt(AbiEmitter *s, RtId id) {
  Emitter *e = s->e;
  LLVMTypeRef none = LLVMVoidTypeInContext(e->context);
  switch (id) {
  case RT_OPEN: return runtime_function(s, "nncc_rt_open", e->i32, (LLVMTypeRef[]){e->ptr, e->ptr, e->ptr}, 3);
  case RT_CLOSE: return runtime_function(s, "nncc_rt_close", none, &e->ptr, 1);
  case RT_ARENA_BYTES: return runtime_function(s, "nncc_rt_arena_bytes", e->i64, (LLVMTypeRef[]){e->ptr, e->ptr}, 2);
  case RT_RUN:
  case RT_SUBMIT:
    return runtime_function(s, id == RT_RUN ? "nncc_rt_run" : "nncc_rt_submit", e->i32,
                            (LLVMTypeRef[]){e->ptr, e->ptr, e->i64, e->ptr, e->ptr, e->ptr}, 6);
  case RT_WAIT: return runtime_function(s, "nncc_rt_wait", e->i32, (LLVMTypeRef[]){e->ptr, e->ptr, e->i64}, 3);
  case RT_STRERROR: return runtime_function(s, "nncc_rt_strerror", e->ptr, &e->i32, 1);
  case RT_SELFTEST: return runtime_function(s, "nncc_rt_selftest", e->i32, (LLVMTypeRef[]){e->ptr, e->ptr}, 2);
  case RT_DESCRIBE: return runtime_function(s, "nncc_rt_describe", none, (LLVMTypeRef[]){e->ptr, e->ptr}, 2);
  }
  UNREACHABLE("runtime function %d", (int)id);
}

// Tasks that take a thread about a microsecond: what a phase gains by another thread must outweigh a barrier, some
// 0.3 us, and the operands' way from one cache to another.
static int64_t grain(const LProgram *p, const LPhase *phase) {
  enum { MACS_PER_US = 50000, BYTES_PER_US = 40000 };
  int64_t least[MAX_SYMBOLS];
  dim_least(p->dims, least);
  double us = (double)phase->macs / MACS_PER_US + (double)phase->bytes / BYTES_PER_US;
  double tasks = (double)dim_eval(p->dims, phase->tasks, least);
  return us > 0 && tasks > us ? (int64_t)(tasks / us) : 1;
}

// Whether a phase writes counts.
static bool finds(const LPhase *phase) {
  for (size_t i = 0; i < phase->args.len; i++)
    if (phase->args.data[i].buffer && phase->args.data[i].buffer->kind == BUFFER_COUNT) return true;
  return false;
}

static LLVMValueRef phases(AbiEmitter *s, LLVMValueRef *infos) {
  Emitter *e = s->e;
  size_t n = s->p->phases.len;
  LLVMValueRef *all = abi_values(e, n), *described = abi_values(e, n);
  for (size_t i = 0; i < n; i++) {
    const LPhase *p = s->p->phases.data[i];
    bool fixed = dim_is_const(p->tasks);
    LLVMValueRef count = fixed ? abi_null(e) : size_function(s, abi_numbered(s, "tasks", i), p->tasks);
    LLVMValueRef fields[] = {run_function(s, p, i), count, abi_i64(e, fixed ? p->tasks : 0), abi_i64(e, grain(s->p, p)),
                             abi_i64(e, finds(p))};
    all[i] = abi_record(e, S_PHASE, fields);
    described[i] = abi_record(e, S_PHASE_INFO,
                              (LLVMValueRef[]){abi_string(e, p->kernel->name), abi_string(e, p->name),
                                               abi_string(e, p->detail), abi_i64(e, p->macs), abi_i64(e, p->bytes)});
  }
  *infos = abi_array(e, "phase_infos", abi_struct_type(e, S_PHASE_INFO), described, n);
  return abi_array(e, "phases", abi_struct_type(e, S_PHASE), all, n);
}

// void capacity(int64_t *dims)
static LLVMValueRef capacity_function(AbiEmitter *s) {
  Emitter *e = s->e;
  DimTable *t = s->p->dims;
  if (dim_open_count(t) == dim_symbol_count(t)) return abi_null(e);
  LLVMValueRef f = abi_begin_function(s, abi_numbered(s, "capacity", 0), LLVMVoidTypeInContext(e->context), &e->ptr, 1);
  for (int i = dim_open_count(t); i < dim_symbol_count(t); i++) {
    LLVMValueRef at = abi_i64(e, i), v = emit_dim(e, t, dim_symbol_at(t, i)->capacity, LLVMGetParam(f, 0), NULL);
    LLVMBuildStore(e->builder, v, LLVMBuildGEP2(e->builder, e->i64, LLVMGetParam(f, 0), &at, 1, ""));
  }
  LLVMBuildRetVoid(e->builder);
  return f;
}

// void report(const int64_t *dims, void *const *out)
static LLVMValueRef report_function(AbiEmitter *s) {
  Emitter *e = s->e;
  if (!s->p->counts.len) return abi_null(e);
  LLVMValueRef f = abi_begin_function(s, abi_numbered(s, "report", 0), LLVMVoidTypeInContext(e->context),
                                      (LLVMTypeRef[]){e->ptr, e->ptr}, 2);
  for (size_t i = 0; i < s->p->counts.len; i++) {
    LLVMValueRef v = emit_dim(e, s->p->dims, s->p->counts.data[i].value, LLVMGetParam(f, 0), NULL);
    LLVMBuildStore(e->builder, v, load_field(e, LLVMGetParam(f, 1), 8 * (int64_t)(s->p->outputs.len + i)));
  }
  LLVMBuildRetVoid(e->builder);
  return f;
}

static void select_unit(AbiEmitter *s, const Unit *unit) {
  s->unit = unit;
  s->p = unit->program;
}

// What a run's dimensions must be for the unit to compute it.
static LLVMValueRef dims_of(AbiEmitter *s) {
  Emitter *e = s->e;
  int n = dim_open_count(s->p->dims);
  if (!s->unit->dims) return abi_null(e);
  LLVMValueRef *all = abi_values(e, (size_t)n);
  for (int i = 0; i < n; i++) all[i] = abi_i64(e, s->unit->dims[i]);
  return abi_array(e, "dims", e->i64, all, (size_t)n);
}

static LLVMValueRef program(AbiEmitter *s, const Unit *unit) {
  Emitter *e = s->e;
  select_unit(s, unit);
  bool scratch = s->p->scratch_bytes != 0 && s->p->scratch_bytes != -1;
  LLVMValueRef infos, list = phases(s, &infos);
  LLVMValueRef arena = size_function(s, abi_numbered(s, "arena", 0), s->p->arena_bytes == -1 ? 0 : s->p->arena_bytes);
  LLVMValueRef own = scratch ? size_function(s, abi_numbered(s, "scratch", 0), s->p->scratch_bytes) : abi_null(e);
  LLVMValueRef fields[] = {dims_of(s), arena, own, list, infos, abi_i64(e, (int64_t)s->p->phases.len)};
  return abi_record(e, S_PROGRAM, fields);
}

// The units of one target, from *first on, which is moved past them.
static LLVMValueRef variant(AbiEmitter *s, size_t *first) {
  Emitter *e = s->e;
  const Target *t = s->abi->units[*first].target;
  size_t n = 0, left = s->abi->n_units - *first;
  LLVMValueRef *programs = abi_values(e, left);
  for (const Unit *u = s->abi->units + *first; n < left && u[n].target == t; n++) programs[n] = program(s, &u[n]);
  *first += n;
  LLVMValueRef list = abi_array(e, "programs", abi_struct_type(e, S_PROGRAM), programs, n);
  LLVMValueRef fields[] = {abi_string(e, t->name), abi_i64(e, (int64_t)t->required), list, abi_i64(e, (int64_t)n)};
  return abi_record(e, S_VARIANT, fields);
}

static LLVMValueRef variants(AbiEmitter *s, size_t *n) {
  Emitter *e = s->e;
  LLVMValueRef *all = abi_values(e, s->abi->n_units);
  *n = 0;
  for (size_t unit = 0; unit < s->abi->n_units; ++*n) all[*n] = variant(s, &unit);
  return abi_array(e, "variants", abi_struct_type(e, S_VARIANT), all, *n);
}

// More threads than the widest phase has grains gain nothing; 0: not known.
static int64_t useful_threads(const Abi *abi) {
  int64_t most = 1;
  for (size_t u = 0; u < abi->n_units; u++) {
    const LProgram *p = abi->units[u].program;
    for (size_t i = 0; i < p->phases.len; i++) {
      Dim tasks = p->phases.data[i]->tasks;
      if (!dim_is_const(tasks)) return 0;
      int64_t grains = tasks / grain(p, p->phases.data[i]);
      if (grains > most) most = grains;
    }
  }
  return most > INT32_MAX ? 0 : most;
}

static LLVMValueRef weights(AbiEmitter *s) {
  Emitter *e = s->e;
  if (!s->abi->weight_bytes) return abi_null(e);
  LLVMValueRef g = LLVMAddGlobal(e->module, LLVMArrayType2(e->i8, 0), name_weights(e->arena, s->abi->model));
  LLVMSetVisibility(g, LLVMHiddenVisibility);
  LLVMSetGlobalConstant(g, true);
  return g;
}

static void describe_model(AbiEmitter *s) {
  Emitter *e = s->e;
  size_t n;
  LLVMValueRef check = check_function(s), list = variants(s, &n);
  select_unit(s, &s->abi->units[s->abi->n_units - 1]);
  int counts = dim_symbol_count(s->p->dims) - dim_open_count(s->p->dims);
  LLVMValueRef fields[] = {s->info,
                           weights(s),
                           check,
                           list,
                           abi_i32(e, (int64_t)n),
                           abi_i32(e, useful_threads(s->abi)),
                           abi_i64(e, counts),
                           capacity_function(s),
                           report_function(s)};
  LLVMSetInitializer(s->desc, abi_record(e, S_MODEL, fields));
}

static void describe_info(AbiEmitter *s, LLVMValueRef open) {
  Emitter *e = s->e;
  const LProgram *p = s->p;
  LLVMValueRef fields[] = {abi_i32(e, NNCC_ABI_VERSION),
                           abi_i32(e, dim_open_count(p->dims)),
                           abi_i32(e, (int64_t)p->inputs.len),
                           abi_i32(e, (int64_t)p->outputs.len),
                           abi_i32(e, (int64_t)p->labels.len),
                           abi_i32(e, (int64_t)p->meta.len),
                           abi_string(e, p->name),
                           info_dims(s),
                           info_tensors(s, "inputs", p->inputs.data, p->inputs.len),
                           info_tensors(s, "outputs", p->outputs.data, p->outputs.len),
                           info_labels(s),
                           info_meta(s),
                           abi_i64(e, (int64_t)s->abi->weights_hash),
                           abi_i64(e, s->abi->weight_bytes),
                           open,
                           rt(s, RT_CLOSE),
                           rt(s, RT_ARENA_BYTES),
                           rt(s, RT_RUN),
                           rt(s, RT_STRERROR),
                           rt(s, RT_DESCRIBE),
                           rt(s, RT_SUBMIT),
                           rt(s, RT_WAIT),
                           info_counts(s),
                           abi_i32(e, (int64_t)p->counts.len)};
  LLVMSetInitializer(s->info, abi_record(e, S_INFO, fields));
}

// ---- exported wrappers

static LLVMValueRef begin_export(AbiEmitter *s, const char *suffix, LLVMTypeRef result, LLVMTypeRef *params,
                                 unsigned n) {
  LLVMValueRef f = abi_begin_function(s, arena_printf(s->e->arena, "%s_%s", s->abi->model, suffix), result, params, n);
  LLVMSetLinkage(f, LLVMExternalLinkage);
  return f;
}

static LLVMValueRef call_rt(AbiEmitter *s, RtId id, LLVMValueRef *args, unsigned n) {
  LLVMValueRef f = rt(s, id);
  return LLVMBuildCall2(s->e->builder, LLVMGlobalGetValueType(f), f, args, n, "");
}

// Parameters [first, first + n) as an array on the stack; NULL when there are none.
static LLVMValueRef gather(AbiEmitter *s, LLVMValueRef f, unsigned first, unsigned n, LLVMTypeRef t) {
  Emitter *e = s->e;
  if (!n) return abi_null(e);
  LLVMValueRef place = LLVMBuildArrayAlloca(e->builder, t, abi_i64(e, n), "");
  for (unsigned i = 0; i < n; i++) {
    LLVMValueRef at = abi_i64(e, i);
    LLVMBuildStore(e->builder, LLVMGetParam(f, first + i), LLVMBuildGEP2(e->builder, t, place, &at, 1, ""));
  }
  return place;
}

static LLVMValueRef emit_open(AbiEmitter *s) {
  Emitter *e = s->e;
  LLVMValueRef f = begin_export(s, "open", e->i32, (LLVMTypeRef[]){e->ptr, e->ptr}, 2);
  LLVMBuildRet(e->builder, call_rt(s, RT_OPEN, (LLVMValueRef[]){s->desc, LLVMGetParam(f, 0), LLVMGetParam(f, 1)}, 3));
  return f;
}

static void emit_wait(AbiEmitter *s) {
  Emitter *e = s->e;
  LLVMValueRef f = begin_export(s, "wait", e->i32, (LLVMTypeRef[]){e->ptr, e->ptr, e->i64}, 3);
  LLVMValueRef args[] = {LLVMGetParam(f, 0), LLVMGetParam(f, 1), LLVMGetParam(f, 2)};
  LLVMBuildRet(e->builder, call_rt(s, RT_WAIT, args, 3));
}

static void emit_sizes_and_end(AbiEmitter *s) {
  Emitter *e = s->e;
  unsigned n = (unsigned)dim_open_count(s->p->dims);
  LLVMTypeRef params[1 + MAX_SYMBOLS] = {e->ptr};
  for (unsigned i = 0; i < n; i++) params[1 + i] = e->i64;
  LLVMValueRef f = begin_export(s, "arena_bytes", e->i64, params, 1 + n);
  LLVMValueRef dims = gather(s, f, 1, n, e->i64);
  LLVMBuildRet(e->builder, call_rt(s, RT_ARENA_BYTES, (LLVMValueRef[]){LLVMGetParam(f, 0), dims}, 2));
  f = begin_export(s, "close", LLVMVoidTypeInContext(e->context), &e->ptr, 1);
  call_rt(s, RT_CLOSE, (LLVMValueRef[]){LLVMGetParam(f, 0)}, 1);
  LLVMBuildRetVoid(e->builder);
  f = begin_export(s, "strerror", e->ptr, &e->i32, 1);
  LLVMBuildRet(e->builder, call_rt(s, RT_STRERROR, (LLVMValueRef[]){LLVMGetParam(f, 0)}, 1));
}

// run, or submit, which takes the same.
static void emit_run(AbiEmitter *s, const char *suffix, RtId id) {
  Emitter *e = s->e;
  unsigned n_dims = (unsigned)dim_open_count(s->p->dims), n_in = (unsigned)s->p->inputs.len,
           n_out = (unsigned)(s->p->outputs.len + s->p->counts.len);
  unsigned n = 3 + n_dims + n_in + n_out;
  LLVMTypeRef *params = arena_array(e->arena, LLVMTypeRef, n);
  for (unsigned i = 0; i < n; i++) params[i] = i == 2 || (i > 2 && i < 3 + n_dims) ? e->i64 : e->ptr;
  LLVMValueRef f = begin_export(s, suffix, e->i32, params, n);
  LLVMValueRef dims = gather(s, f, 3, n_dims, e->i64);
  LLVMValueRef in = gather(s, f, 3 + n_dims, n_in, e->ptr);
  LLVMValueRef out = gather(s, f, 3 + n_dims + n_in, n_out, e->ptr);
  LLVMValueRef args[] = {LLVMGetParam(f, 0), LLVMGetParam(f, 1), LLVMGetParam(f, 2), dims, in, out};
  LLVMBuildRet(e->builder, call_rt(s, id, args, 6));
}

static LLVMValueRef golden(AbiEmitter *s) {
  Emitter *e = s->e;
  const CodegenGolden *g = s->abi->golden;
  LLVMTypeRef real = LLVMDoubleTypeInContext(e->context);
  size_t n_dims = (size_t)dim_open_count(s->p->dims), n = s->p->outputs.len;
  LLVMValueRef *dims = abi_values(e, n_dims), *outputs = abi_values(e, n);
  for (size_t i = 0; i < n_dims; i++) dims[i] = abi_i64(e, g->dims[i]);
  for (size_t i = 0; i < n; i++) {
    const CodegenSamples *o = &g->outputs[i];
    LLVMValueRef *all = abi_values(e, (size_t)o->count);
    for (int64_t k = 0; k < o->count; k++) all[k] = LLVMConstReal(real, o->values[k]);
    LLVMValueRef list = abi_array(e, "samples", real, all, (size_t)o->count);
    outputs[i] = abi_record(e, S_SAMPLES,
                            (LLVMValueRef[]){abi_i64(e, o->count), abi_i64(e, o->step), list, abi_i64(e, o->elements)});
  }
  LLVMValueRef fields[] = {abi_array(e, "dims", e->i64, dims, n_dims),
                           abi_array(e, "golden", abi_struct_type(e, S_SAMPLES), outputs, n)};
  return abi_constant(e, "golden", abi_record(e, S_GOLDEN, fields));
}

static void emit_selftest(AbiEmitter *s) {
  LLVMValueRef args[] = {s->desc, golden(s)};
  begin_export(s, "selftest", s->e->i32, NULL, 0);
  LLVMBuildRet(s->e->builder, call_rt(s, RT_SELFTEST, args, 2));
}

void emit_abi(Emitter *e, const Abi *abi) {
  const Unit *general = &abi->units[abi->n_units - 1];
  AbiEmitter s = {.e = e, .abi = abi};
  select_unit(&s, general);
  s.plain = (Target){.triple = e->target->triple, .base = e->target->base, .tune = "generic", .features = ""};
  s.info = LLVMAddGlobal(e->module, abi_struct_type(e, S_INFO), arena_printf(e->arena, "%s_info", abi->model));
  LLVMSetGlobalConstant(s.info, true);
  s.desc = LLVMAddGlobal(e->module, abi_struct_type(e, S_MODEL), "model");
  LLVMSetGlobalConstant(s.desc, true);
  LLVMSetLinkage(s.desc, LLVMInternalLinkage);
  LLVMValueRef open = emit_open(&s);
  describe_model(&s);
  describe_info(&s, open);
  emit_sizes_and_end(&s);
  emit_run(&s, "run", RT_RUN);
  emit_run(&s, "submit", RT_SUBMIT);
  emit_wait(&s);
  if (abi->golden) emit_selftest(&s);
}
