// open-attention: an attention becomes the layers that it is made of, so that prune=structured can remove heads and
// factorize=channel can make less of its layers. Nothing happens where neither is asked for: decompose does the same
// later on.
//
//   %1 = attention %x, _, @qkv.weight, @qkv.bias, ..., @proj.weight, @proj.bias {heads=3} : f32[1, 197, 192] @attn
// becomes
//   %1 = linear %x, @qkv.weight, @qkv.bias : f32[1, 197, 576] @attn.qkv
//   %2 = attention_core %1 {heads=3} : f32[1, 197, 192] @attn
//   %3 = linear %2, @proj.weight, @proj.bias : f32[1, 197, 192] @attn.proj
#include "passes/graph/open_attention.h"
#include "passes/graph/constant.h"
#include "passes/graph/rewrite.h"

// The three parts one below the other: [3 D, D], or [3 D] of biases. Absent biases are zeros.
static Value *joined(Module *m, const char *hint, Value *const part[3], const Type *t) {
  Blob *b = blob_malloc((size_t)type_bytes(m, t));
  int64_t each = type_elements(m, t) / 3;
  for (int p = 0; p < 3; p++) {
    if (!part[p]) continue;
    DType stored;
    const void *from = weight_data(part[p]->weight, &stored);
    for (int64_t i = 0; i < each; i++)
      dtype_store(t->dtype, (void *)b->data, p * each + i, dtype_load(stored, from, i));
    weight_drop_cache(part[p]->weight);
  }
  return graph_dense(m, hint, t, b)->value;
}

static bool is_missing(const Value *v) { return v && v->kind == VALUE_WEIGHT && !constant_weight(v); }

// The same of computed parts.
static Value *concatenated(Module *m, Node *n, Value *part[3], const Type *t) {
  for (int i = 0; i < 3; i++)
    if (!part[i]) part[i] = graph_splat(m, "zero", type_get(m, t->dtype, 1, (Dim[]){t->dims[0] / 3}), 0)->value;
  return rewrite_concat(m, n, 3, part, 0);
}

static bool any_computed(Value *const part[3]) {
  for (int i = 0; i < 3; i++)
    if (part[i] && part[i]->kind != VALUE_WEIGHT) return true;
  return false;
}

static Value *one_below_the_other(Module *m, Node *n, const char *what, Value *part[3], const Type *t) {
  if (any_computed(part)) return concatenated(m, n, part, t);
  return joined(m, rewrite_name(m, rewrite_name(m, n->name, "qkv"), what), part, t);
}

// The projections' weight and bias, joined where the node has them apart. False after a diagnostic.
static bool attention_weights(Module *m, Diag *d, Node *n, Value **weight, Value **bias) {
  *weight = operand(n, IN_ATTENTION_qkv_weight);
  *bias = operand(n, IN_ATTENTION_qkv_bias);
  if (*weight) return true;
  Value *w[3], *b[3];
  for (int i = 0; i < 3; i++) {
    w[i] = operand(n, IN_ATTENTION_q_weight + 2 * i);
    b[i] = operand(n, IN_ATTENTION_q_bias + 2 * i);
    if (is_missing(w[i]) || is_missing(b[i])) {
      diag_error(d, n->span, "attention needs known weights for q, k and v");
      return false;
    }
  }
  Dim dims[] = {3 * w[0]->type->dims[0], w[0]->type->dims[1]};
  DType dtype = w[0]->type->dtype;
  *weight = one_below_the_other(m, n, "weight", w, type_get(m, dtype, 2, dims));
  if (b[0] || b[1] || b[2]) *bias = one_below_the_other(m, n, "bias", b, type_get(m, dtype, 1, dims));
  return true;
}

bool open_attention(Module *m, Diag *d, Node *n) {
  Value *weight, *bias;
  if (!attention_weights(m, d, n, &weight, &bias)) return false;
  const char *first = n->name ? rewrite_name(m, n->name, "qkv") : NULL,
             *last = n->name ? rewrite_name(m, n->name, "proj") : NULL;
  Value *qkv = rewrite_named(m, n, first, OP_LINEAR, 3, (Value *[]){operand(n, IN_ATTENTION_x), weight, bias}, NULL);
  Attr *attrs = rewrite_attrs(m, OP_ATTENTION_CORE);
  attrs[ATTR_ATTENTION_CORE_heads] = *NODE_ATTR(n, ATTENTION, heads);
  Value *heads = rewrite_before(m, n, OP_ATTENTION_CORE, 2, (Value *[]){qkv, operand(n, IN_ATTENTION_mask)}, attrs);
  Value *proj[] = {heads, operand(n, IN_ATTENTION_proj_weight), operand(n, IN_ATTENTION_proj_bias)};
  rewrite_replace(m, n, rewrite_named(m, n, last, OP_LINEAR, 3, proj, NULL));
  return true;
}

bool open_attention_run(PassContext *c) {
  if (!passes_asked(c->pass, &c->options)) return true;
  for (Node *n = c->module->first, *next; n; n = next) {
    next = n->next;
    if (n->op != OP_ATTENTION) continue;
    if (!open_attention(c->module, c->diag, n)) return false;
    pass_count(c, "attentions opened", 1);
  }
  return true;
}
