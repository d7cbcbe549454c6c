// What a model says of itself: its inputs and outputs, dimensions, counts, labels and meta entries, as constants.
#include "codegen/abi.h"
#include "ir/core/check.h"
#include <string.h>

// ---- constants

static const struct {
  const char *name, *fields;
  size_t size;
} structs[] = {
    [S_DIM] = {"nncc_dim_info", "pll", sizeof(nncc_dim_info)},
    [S_TENSOR] = {"nncc_tensor_info", "piipp", sizeof(nncc_tensor_info)},
    [S_META] = {"nncc_meta", "pp", sizeof(nncc_meta)},
    [S_PHASE_INFO] = {"nncc_phase_info", "pppll", sizeof(nncc_phase_info)},
    [S_INFO] = {"nncc_model_info", "iiiiiippppppllpppppppppi", sizeof(nncc_model_info)},
    [S_PHASE] = {"NnccRtPhase", "pplll", sizeof(NnccRtPhase)},
    [S_PROGRAM] = {"NnccRtProgram", "pppppl", sizeof(NnccRtProgram)},
    [S_VARIANT] = {"NnccRtVariant", "plpl", sizeof(NnccRtVariant)},
    [S_SAMPLES] = {"NnccRtSamples", "llpl", sizeof(NnccRtSamples)},
    [S_GOLDEN] = {"NnccRtGolden", "pp", sizeof(NnccRtGolden)},
    [S_MODEL] = {"NnccRtModel", "ppppiilpp", sizeof(NnccRtModel)},
};

LLVMTypeRef abi_struct_type(Emitter *e, StructId id) {
  LLVMTypeRef known = LLVMGetTypeByName2(e->context, structs[id].name), types[32];
  if (known) return known;
  unsigned n = 0;
  size_t size = 0;
  for (const char *f = structs[id].fields; *f; f++) {
    size_t width = *f == 'i' ? 4 : 8;
    size = (size + width - 1) / width * width + width;
    types[n++] = *f == 'i' ? e->i32 : *f == 'l' ? e->i64 : e->ptr;
  }
  CHECK((size + 7) / 8 * 8 == structs[id].size, "%s has changed", structs[id].name);
  LLVMTypeRef t = LLVMStructCreateNamed(e->context, structs[id].name);
  LLVMStructSetBody(t, types, n, false);
  return t;
}

LLVMValueRef abi_constant(Emitter *e, const char *name, LLVMValueRef value) {
  LLVMValueRef g = LLVMAddGlobal(e->module, LLVMTypeOf(value), name);
  LLVMSetInitializer(g, value);
  LLVMSetGlobalConstant(g, true);
  LLVMSetLinkage(g, LLVMInternalLinkage);
  return g;
}

LLVMValueRef abi_record(Emitter *e, StructId id, LLVMValueRef *fields) {
  return LLVMConstNamedStruct(abi_struct_type(e, id), fields, (unsigned)strlen(structs[id].fields));
}

LLVMValueRef abi_array(Emitter *e, const char *name, LLVMTypeRef t, LLVMValueRef *values, size_t n) {
  return n ? abi_constant(e, name, LLVMConstArray2(t, values, n)) : abi_null(e);
}

LLVMValueRef abi_string(Emitter *e, const char *s) {
  LLVMValueRef g = abi_constant(e, "s", LLVMConstStringInContext2(e->context, s, strlen(s), false));
  LLVMSetUnnamedAddress(g, LLVMGlobalUnnamedAddr);
  LLVMSetAlignment(g, 1);
  return g;
}

// ---- the description

static bool is_plain(const LProgram *p, Dim d) {
  return dim_is_const(d) || (dim_symbol_index(p->dims, d) >= 0 && !dim_counts(p->dims, d));
}

// As nncc_tensor_info has it.
static int64_t described(const LProgram *p, Dim d) {
  if (dim_is_const(d)) return d;
  if (is_plain(p, d)) return -1 - dim_symbol_index(p->dims, d);
  for (size_t i = 0; i < p->counts.len; i++)
    if (p->counts.data[i].value == d) return -1 - dim_open_count(p->dims) - (int64_t)i;
  return NNCC_DIM_COMPUTED;
}

static LLVMValueRef extents_function(AbiEmitter *s, const LTensor *t) {
  Emitter *e = s->e;
  bool plain = true;
  for (int i = 0; i < t->rank; i++) plain &= is_plain(s->p, t->dims[i]);
  if (plain) return abi_null(e);
  LLVMTypeRef result = LLVMVoidTypeInContext(e->context);
  LLVMValueRef f = abi_begin_function(s, abi_numbered(s, "extents", 0), result, (LLVMTypeRef[]){e->ptr, e->ptr}, 2);
  for (int i = 0; i < t->rank; i++) {
    Dim most = dim_capacity(s->p->dims, t->dims[i]);
    LLVMValueRef at = abi_i64(e, i), v = emit_dim(e, s->p->dims, most, LLVMGetParam(f, 0), NULL);
    LLVMBuildStore(e->builder, v, LLVMBuildGEP2(e->builder, e->i64, LLVMGetParam(f, 1), &at, 1, ""));
  }
  LLVMBuildRetVoid(e->builder);
  return f;
}

LLVMValueRef info_tensors(AbiEmitter *s, const char *name, const LTensor *t, size_t n) {
  Emitter *e = s->e;
  LLVMValueRef *all = abi_values(e, n);
  for (size_t i = 0; i < n; i++, t++) {
    LLVMValueRef dims[16];
    for (int j = 0; j < t->rank; j++) dims[j] = abi_i64(e, described(s->p, t->dims[j]));
    LLVMValueRef extents = abi_array(e, "dims", e->i64, dims, (size_t)t->rank);
    all[i] = abi_record(e, S_TENSOR,
                        (LLVMValueRef[]){abi_string(e, t->name), abi_i32(e, (int)t->dtype), abi_i32(e, t->rank),
                                         extents, extents_function(s, t)});
  }
  return abi_array(e, name, abi_struct_type(e, S_TENSOR), all, n);
}

LLVMValueRef info_dims(AbiEmitter *s) {
  Emitter *e = s->e;
  int n = dim_open_count(s->p->dims);
  LLVMValueRef *all = abi_values(e, (size_t)n);
  for (int i = 0; i < n; i++) {
    const Symbol *d = dim_symbol_at(s->p->dims, i);
    all[i] = abi_record(e, S_DIM, (LLVMValueRef[]){abi_string(e, d->name), abi_i64(e, d->min), abi_i64(e, d->max)});
  }
  return abi_array(e, "dims", abi_struct_type(e, S_DIM), all, (size_t)n);
}

LLVMValueRef info_counts(AbiEmitter *s) {
  Emitter *e = s->e;
  size_t n = s->p->counts.len;
  LLVMValueRef *all = abi_values(e, n);
  for (size_t i = 0; i < n; i++) all[i] = abi_string(e, s->p->counts.data[i].name);
  return abi_array(e, "counts", e->ptr, all, n);
}

LLVMValueRef info_labels(AbiEmitter *s) {
  Emitter *e = s->e;
  size_t n = s->p->labels.len;
  LLVMValueRef *all = abi_values(e, n);
  for (size_t i = 0; i < n; i++) all[i] = abi_string(e, s->p->labels.data[i]);
  return abi_array(e, "labels", e->ptr, all, n);
}

LLVMValueRef info_meta(AbiEmitter *s) {
  Emitter *e = s->e;
  size_t n = s->p->meta.len;
  LLVMValueRef *all = abi_values(e, n);
  for (size_t i = 0; i < n; i++)
    all[i] = abi_record(
        e, S_META, (LLVMValueRef[]){abi_string(e, s->p->meta.data[i].key), abi_string(e, s->p->meta.data[i].value)});
  return abi_array(e, "meta", abi_struct_type(e, S_META), all, n);
}
