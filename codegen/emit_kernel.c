// Kernels and their statements as LLVM IR: i32 kernel(pointers and indices..., i64 begin, i64 end).
#include "codegen/internal.h"
#include "ir/core/check.h"
#include "ir/core/checked.h"
#include <llvm-c/DebugInfo.h>
#include <string.h>

static bool emit_block(Emitter *e, const LBlock *block); // false: nothing behind it is reached

static LLVMBasicBlockRef new_block(Emitter *e, const char *name) {
  return LLVMAppendBasicBlockInContext(e->context, e->function, name);
}

static void emit_let(Emitter *e, const LStmt *s) {
  Binding *b = &e->vars[s->var->id];
  if (emit_is_index(s->var->type))
    b->index = emit_index(e, s->value);
  else
    b->value = emit_expr(e, s->value);
}

static void emit_local(Emitter *e, const LVar *v) {
  int n = 1;
  for (int i = 0; i < v->rank; i++) n *= v->dims[i];
  LLVMValueRef *slots = arena_array(e->arena, LLVMValueRef, n);
  for (int i = 0; i < n; i++) slots[i] = LLVMBuildAlloca(e->allocas, emit_type(e, v->type), v->name);
  e->vars[v->id].slots = slots;
}

static void emit_store(Emitter *e, const LStmt *s) {
  LType t = s->value->type;
  LLVMTypeRef memory = emit_memory_type(e, t);
  unsigned align = (unsigned)dtype_size(t.dtype);
  LLVMValueRef v = emit_expr(e, s->value);
  if (t.dtype == DT_BOOL) v = LLVMBuildZExt(e->builder, v, memory, "");
  LLVMValueRef address = emit_address(e, s->pointer, s->offset);
  LLVMValueRef mask = s->count ? emit_mask(e, s->count, t.lanes) : NULL;
  if (!mask) {
    LLVMSetAlignment(LLVMBuildStore(e->builder, v, address), align);
    return;
  }
  if (t.lanes == 1) {
    memory = LLVMVectorType(memory, 1);
    v = LLVMBuildBitCast(e->builder, v, memory, "");
    mask = LLVMBuildBitCast(e->builder, mask, LLVMVectorType(e->i1, 1), "");
  }
  LLVMTypeRef types[] = {memory, e->ptr};
  emit_intrinsic(e, "llvm.masked.store", types, 2,
                 (LLVMValueRef[]){v, address, LLVMConstInt(e->i32, align, false), mask}, 4);
}

static void emit_prefetch(Emitter *e, const LStmt *s) {
  LLVMValueRef address = emit_address(e, s->pointer, s->offset);
  LLVMValueRef args[] = {address, LLVMConstInt(e->i32, 0, false), LLVMConstInt(e->i32, (uint64_t)s->locality, false),
                         LLVMConstInt(e->i32, 1, false)};
  emit_intrinsic(e, "llvm.prefetch", &e->ptr, 1, args, 4);
}

static bool emit_unrolled(Emitter *e, const LStmt *s) {
  Affine lo = emit_index(e, s->lo), hi = emit_index(e, s->hi);
  CHECK(!lo.n && !hi.n, "bounds of the unrolled loop over %s", s->var->name);
  for (int64_t i = lo.constant; i < hi.constant; i += s->step) {
    e->vars[s->var->id].index = affine_constant(i);
    if (!emit_block(e, &s->body)) return false;
    if (hi.constant - i <= s->step) break;
  }
  return true;
}

static void disable_unrolling(Emitter *e, LLVMValueRef branch) {
  LLVMMetadataRef placeholder = LLVMTemporaryMDNode(e->context, NULL, 0), operands[] = {placeholder, e->no_unroll};
  LLVMMetadataRef node = LLVMMDNodeInContext2(e->context, operands, 2);
  LLVMMetadataReplaceAllUsesWith(placeholder, node); // a loop's metadata names itself
  LLVMSetMetadata(branch, LLVMGetMDKindIDInContext(e->context, "llvm.loop", 9), LLVMMetadataAsValue(e->context, node));
}

// How often a loop runs, or 0 where that is not known before the model runs.
static int64_t trip_count(const LStmt *s, LLVMValueRef lo, LLVMValueRef hi) {
  if (!LLVMIsAConstantInt(lo) || !LLVMIsAConstantInt(hi)) return 0;
  return ceil_div(LLVMConstIntGetSExtValue(hi) - LLVMConstIntGetSExtValue(lo), s->step);
}

// Tells register allocation how hot the loop is: left to guess, LLVM takes all loops of one depth for equals.
static void weigh(Emitter *e, LLVMValueRef branch, int64_t trips) {
  if (trips < 2) return;
  LLVMMetadataRef node[] = {LLVMMDStringInContext2(e->context, "branch_weights", 14),
                            LLVMValueAsMetadata(LLVMConstInt(e->i32, (uint64_t)min_i64(trips - 1, 1 << 20), false)),
                            LLVMValueAsMetadata(LLVMConstInt(e->i32, 1, false))};
  LLVMValueRef weights = LLVMMetadataAsValue(e->context, LLVMMDNodeInContext2(e->context, node, 3));
  LLVMSetMetadata(branch, LLVMGetMDKindIDInContext(e->context, "prof", 4), weights);
}

static bool has_loop(const LBlock *block) {
  for (const LStmt *s = block->first; s; s = s->next)
    if ((s->kind == STMT_FOR && !s->unroll) || has_loop(&s->body) || has_loop(&s->other)) return true;
  return false;
}

// The same value, of which LLVM knows nothing.
static LLVMValueRef hidden(Emitter *e, LLVMValueRef v) {
  LLVMTypeRef t = LLVMFunctionType(e->i64, &e->i64, 1, false);
  LLVMValueRef nothing = LLVMGetInlineAsm(t, "", 0, "=r,0", 4, false, false, LLVMInlineAsmDialectATT, false);
  LLVMValueRef call = LLVMBuildCall2(e->builder, t, nothing, &v, 1, "");
  unsigned memory = LLVMGetEnumAttributeKindForName("memory", 6); // 0: touches none
  LLVMAddCallSiteAttribute(call, LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(e->context, memory, 0));
  return call;
}

// An innermost loop that runs once stays a loop, with an end that LLVM does not see: were it merged with its
// neighbours, loads of overlapping windows would be shared, outlive it, and spill the register tile.
static bool runs_once(const LStmt *s, int64_t trips) { return trips == 1 && !has_loop(&s->body); }

// A do-while loop behind a guard; the guard falls away where constants show that it holds.
static bool emit_for(Emitter *e, const LStmt *s) {
  if (s->unroll) return emit_unrolled(e, s);
  LLVMValueRef lo = emit_expr(e, s->lo), hi = emit_expr(e, s->hi);
  LLVMValueRef guard = LLVMBuildICmp(e->builder, LLVMIntSLT, lo, hi, "");
  bool known = LLVMIsAConstantInt(guard);
  if (known && !LLVMConstIntGetZExtValue(guard)) return true;
  int64_t trips = trip_count(s, lo, hi);
  if (runs_once(s, trips)) hi = hidden(e, hi);
  LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder), body = new_block(e, s->var->name),
                    after = new_block(e, "");
  if (known)
    LLVMBuildBr(e->builder, body);
  else
    LLVMBuildCondBr(e->builder, guard, body, after);
  LLVMPositionBuilderAtEnd(e->builder, body);
  size_t mark = memo_mark(&e->memo);
  LLVMValueRef i = LLVMBuildPhi(e->builder, e->i64, s->var->name);
  LLVMAddIncoming(i, &lo, &before, 1);
  e->vars[s->var->id].index = affine_value(e, i);
  bool loops = emit_block(e, &s->body);
  if (loops) {
    LLVMValueRef next = LLVMBuildNSWAdd(e->builder, i, LLVMConstInt(e->i64, (uint64_t)s->step, true), "");
    LLVMBasicBlockRef latch = LLVMGetInsertBlock(e->builder);
    LLVMAddIncoming(i, &next, &latch, 1);
    LLVMValueRef more = LLVMBuildICmp(e->builder, LLVMIntSLT, next, hi, "");
    LLVMValueRef branch = LLVMBuildCondBr(e->builder, more, body, after);
    disable_unrolling(e, branch);
    weigh(e, branch, trips);
  }
  memo_release(&e->memo, mark);
  LLVMMoveBasicBlockAfter(after, LLVMGetLastBasicBlock(e->function));
  LLVMPositionBuilderAtEnd(e->builder, after);
  if (loops || !known) return true;
  LLVMDeleteBasicBlock(after);
  return false;
}

static bool emit_branch(Emitter *e, const LBlock *block, LLVMBasicBlockRef at, LLVMBasicBlockRef after) {
  LLVMPositionBuilderAtEnd(e->builder, at);
  size_t mark = memo_mark(&e->memo);
  bool falls = emit_block(e, block);
  if (falls) LLVMBuildBr(e->builder, after);
  memo_release(&e->memo, mark);
  return falls;
}

static bool emit_if(Emitter *e, const LStmt *s) {
  LLVMValueRef cond = emit_expr(e, s->value);
  if (LLVMIsAConstantInt(cond)) return emit_block(e, LLVMConstIntGetZExtValue(cond) ? &s->body : &s->other);
  LLVMBasicBlockRef yes = new_block(e, "then"), no = s->other.first ? new_block(e, "else") : NULL,
                    after = new_block(e, "");
  LLVMBuildCondBr(e->builder, cond, yes, no ? no : after);
  bool falls = emit_branch(e, &s->body, yes, after);
  falls |= no ? emit_branch(e, &s->other, no, after) : true;
  LLVMMoveBasicBlockAfter(after, LLVMGetLastBasicBlock(e->function));
  LLVMPositionBuilderAtEnd(e->builder, after);
  if (!falls) LLVMDeleteBasicBlock(after);
  return falls;
}

static bool emit_stmt(Emitter *e, const LStmt *s) {
  switch (s->kind) {
  case STMT_LET: emit_let(e, s); return true;
  case STMT_LOCAL: emit_local(e, s->var); return true;
  case STMT_SET: {
    LLVMValueRef v = emit_expr(e, s->value);
    LLVMBuildStore(e->builder, v, e->vars[s->var->id].slots[emit_slot(e, s->var, s->index)]);
    return true;
  }
  case STMT_STORE: emit_store(e, s); return true;
  case STMT_FOR: return emit_for(e, s);
  case STMT_IF: return emit_if(e, s);
  case STMT_PREFETCH: emit_prefetch(e, s); return true;
  case STMT_RETURN: LLVMBuildRet(e->builder, LLVMConstInt(e->i32, (uint64_t)s->status, true)); return false;
  }
  UNREACHABLE("statement %d", (int)s->kind);
}

static bool emit_block(Emitter *e, const LBlock *block) {
  for (const LStmt *s = block->first; s; s = s->next)
    if (!emit_stmt(e, s)) return false;
  return true;
}

// ---- functions

LLVMTypeRef emit_kernel_type(Emitter *e, const LKernel *k) {
  unsigned n = (unsigned)k->params.len;
  LLVMTypeRef *types = arena_array(e->arena, LLVMTypeRef, n + 2);
  for (unsigned i = 0; i < n; i++) types[i] = emit_type(e, k->params.data[i]->type);
  types[n] = types[n + 1] = e->i64;
  return LLVMFunctionType(e->i32, types, n + 2, false);
}

static void add_attribute(Emitter *e, unsigned parameter, const char *name) {
  unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
  LLVMAddAttributeAtIndex(e->function, parameter + 1, LLVMCreateEnumAttribute(e->context, kind, 0));
}

static void bind_param(Emitter *e, const LVar *v, unsigned i) {
  LLVMValueRef p = LLVMGetParam(e->function, i);
  LLVMSetValueName2(p, v->name, strlen(v->name));
  Binding *b = &e->vars[v->id];
  if (v->type.pointer) {
    b->index = affine_pointer(p);
    if (!v->aliases) add_attribute(e, i, "noalias");
    add_attribute(e, i, "nocapture");
    if (v->access == ACCESS_IN) add_attribute(e, i, "readonly");
  } else if (emit_is_index(v->type)) {
    b->index = affine_value(e, p);
  } else {
    b->value = p;
  }
}

void emit_kernel(Emitter *e, const KernelJob *job) {
  const LKernel *k = job->kernel;
  unsigned n = (unsigned)k->params.len;
  e->function = LLVMAddFunction(e->module, job->symbol, emit_kernel_type(e, k));
  LLVMSetVisibility(e->function, LLVMHiddenVisibility);
  target_attributes(e->target, e->function);
  e->vars = arena_array(e->arena, Binding, k->n_vars);
  if (job->layer) debug_begin(e, job);
  LLVMBasicBlockRef entry = new_block(e, "entry"), start = new_block(e, "start");
  LLVMPositionBuilderAtEnd(e->builder, entry);
  LLVMPositionBuilderBefore(e->allocas, LLVMBuildBr(e->builder, start));
  LLVMPositionBuilderAtEnd(e->builder, start);
  for (unsigned i = 0; i < n; i++) bind_param(e, k->params.data[i], i);
  bind_param(e, k->begin, n);
  bind_param(e, k->end, n + 1);
  size_t mark = memo_mark(&e->memo);
  if (emit_block(e, &k->body)) LLVMBuildRet(e->builder, LLVMConstInt(e->i32, 0, false));
  memo_release(&e->memo, mark);
  if (job->layer) debug_end(e);
}

void emitter_open(Emitter *e, const Target *t, LLVMContextRef c, const char *module_name) {
  *e = (Emitter){.target = t, .context = c, .arena = arena_create()};
  e->module = LLVMModuleCreateWithNameInContext(module_name, c);
  e->builder = LLVMCreateBuilderInContext(c);
  e->allocas = LLVMCreateBuilderInContext(c);
  e->i1 = LLVMInt1TypeInContext(c);
  e->i8 = LLVMInt8TypeInContext(c);
  e->i16 = LLVMInt16TypeInContext(c);
  e->i32 = LLVMInt32TypeInContext(c);
  e->i64 = LLVMInt64TypeInContext(c);
  e->f32 = LLVMFloatTypeInContext(c);
  e->f64 = LLVMDoubleTypeInContext(c);
  e->ptr = LLVMPointerTypeInContext(c, 0);
  LLVMMetadataRef text = LLVMMDStringInContext2(c, "llvm.loop.unroll.disable", 24);
  e->no_unroll = LLVMMDNodeInContext2(c, &text, 1);
  LLVMSetTarget(e->module, t->triple);
}

void emitter_close(Emitter *e) {
  LLVMDisposeBuilder(e->builder);
  LLVMDisposeBuilder(e->allocas);
  vec_free(&e->memo.entries);
  arena_destroy(e->arena);
}
