// Index arithmetic as linear forms, and a scoped value numbering over what is emitted for them. Addresses become
// base + terms in a fixed order + constant: copies of an unrolled body then share one base value and differ in the
// constant, which the processor adds for free, and partial sums over outer loops stay out of inner ones.
#include "codegen/internal.h"
#include "ir/core/check.h"

Affine affine_constant(int64_t c) { return (Affine){.constant = c}; }
Affine affine_pointer(LLVMValueRef base) { return (Affine){.base = base}; }

Affine affine_value(Emitter *e, LLVMValueRef v) {
  if (LLVMIsAConstantInt(v)) return affine_constant(LLVMConstIntGetSExtValue(v));
  return (Affine){.n = 1, .terms = {{v, 1, e->orders++}}};
}

static int64_t wrap_add(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }
static int64_t wrap_mul(int64_t a, int64_t b) { return (int64_t)((uint64_t)a * (uint64_t)b); }

Affine affine_scaled(const Affine *a, int64_t scale) {
  CHECK(!a->base, "a pointer is scaled");
  Affine r = {.constant = wrap_mul(a->constant, scale)};
  for (int i = 0; i < a->n && scale; i++) {
    r.terms[r.n] = a->terms[i];
    r.terms[r.n++].coef = wrap_mul(a->terms[i].coef, scale);
  }
  return r;
}

// Merges two sorted lists of terms; a form that grows past its room becomes one value.
Affine affine_sum(Emitter *e, const Affine *a, const Affine *b, int64_t scale) {
  CHECK(!(a->base && b->base), "two pointers are added");
  Affine r = {.base = a->base ? a->base : b->base, .constant = wrap_add(a->constant, wrap_mul(b->constant, scale))};
  Affine folded[2];
  if (a->n + b->n > MAX_AFFINE_TERMS) {
    for (int i = 0; i < 2; i++) {
      Affine plain = i ? *b : *a;
      plain.base = NULL;
      plain.constant = 0;
      folded[i] = affine_value(e, affine_emit(e, &plain));
    }
    a = &folded[0];
    b = &folded[1];
  }
  int i = 0, j = 0;
  while (i < a->n || j < b->n) {
    bool take_a = j == b->n || (i < a->n && a->terms[i].order <= b->terms[j].order);
    bool take_b = i == a->n || (j < b->n && b->terms[j].order <= a->terms[i].order);
    AffineTerm t = take_a ? a->terms[i] : b->terms[j];
    if (!take_a) t.coef = wrap_mul(t.coef, scale);
    if (take_a && take_b) t.coef = wrap_add(t.coef, wrap_mul(b->terms[j].coef, scale));
    i += take_a;
    j += take_b;
    if (t.coef) r.terms[r.n++] = t;
  }
  return r;
}

// ---- emission

size_t memo_mark(const Memo *m) { return m->entries.len; }

static size_t slot_of(int op, LLVMValueRef a, LLVMValueRef b) {
  uint64_t h =
      (uint64_t)(uintptr_t)a * 0x9e3779b97f4a7c15u ^ (uint64_t)(uintptr_t)b * 0xc2b2ae3d27d4eb4fu ^ (uint64_t)op;
  return (h >> 32 ^ h >> 12) % MEMO_SLOTS;
}

void memo_release(Memo *m, size_t mark) {
  while (m->entries.len > mark) {
    MemoEntry last = vec_pop(&m->entries);
    m->heads[slot_of(last.op, last.a, last.b)] = last.previous;
  }
}

static LLVMValueRef build(Emitter *e, LLVMOpcode op, LLVMValueRef a, LLVMValueRef b) {
  switch (op) {
  case LLVMAdd: return LLVMBuildNSWAdd(e->builder, a, b, "");
  case LLVMMul: return LLVMBuildNSWMul(e->builder, a, b, "");
  default: return LLVMBuildGEP2(e->builder, e->i8, a, &b, 1, "");
  }
}

static const MemoEntry *lookup(Emitter *e, LLVMOpcode op, LLVMValueRef a, LLVMValueRef b) {
  size_t slot = slot_of(op, a, b);
  for (uint32_t i = e->memo.heads[slot]; i; i = e->memo.entries.data[i - 1].previous) {
    const MemoEntry *x = &e->memo.entries.data[i - 1];
    if (x->op == (int)op && x->a == a && x->b == b) return x;
  }
  vec_push(&e->memo.entries, (MemoEntry){op, a, b, build(e, op, a, b), e->orders++, e->memo.heads[slot]});
  e->memo.heads[slot] = (uint32_t)e->memo.entries.len;
  return &vec_last(&e->memo.entries);
}

static LLVMValueRef memoized(Emitter *e, LLVMOpcode op, LLVMValueRef a, LLVMValueRef b) {
  return lookup(e, op, a, b)->value;
}

static Affine product(Emitter *e, LLVMValueRef a, LLVMValueRef b) {
  const MemoEntry *x = lookup(e, LLVMMul, a, b);
  return (Affine){.n = 1, .terms = {{x->value, 1, x->order}}};
}

static LLVMValueRef int_const(Emitter *e, int64_t v) { return LLVMConstInt(e->i64, (uint64_t)v, true); }

LLVMValueRef affine_emit(Emitter *e, const Affine *a) {
  LLVMValueRef sum = a->base;
  LLVMOpcode join = a->base ? LLVMGetElementPtr : LLVMAdd;
  for (int i = 0; i < a->n; i++) {
    const AffineTerm *t = &a->terms[i];
    LLVMValueRef term = t->coef == 1 ? t->value : memoized(e, LLVMMul, t->value, int_const(e, t->coef));
    sum = sum ? memoized(e, join, sum, term) : term;
  }
  if (!sum) return int_const(e, a->constant);
  return a->constant ? memoized(e, join, sum, int_const(e, a->constant)) : sum;
}

Affine affine_product(Emitter *e, const Affine *a, const Affine *b) {
  if (!b->n) return affine_scaled(a, b->constant);
  if (!a->n) return affine_scaled(b, a->constant);
  const Affine *many = a->n > b->n ? a : b, *one = a->n > b->n ? b : a;
  if (one->n != 1 || one->constant) return product(e, affine_emit(e, many), affine_emit(e, one));
  Affine r = affine_scaled(one, many->constant);
  for (int i = 0; i < many->n; i++) {
    Affine t = product(e, many->terms[i].value, one->terms[0].value);
    r = affine_sum(e, &r, &t, wrap_mul(many->terms[i].coef, one->terms[0].coef));
  }
  return r;
}
