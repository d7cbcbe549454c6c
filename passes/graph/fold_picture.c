// fold-picture: how a picture comes (bytes, channels last) and what is done to each of its channels (scale, shift)
// becomes one operation, which the first convolution does as it reads the picture. That is exact at padded borders too,
// where the convolution sees zeros after scale and shift, which no folding into its weights could give.
//
// Needs a convolution or patch embedding of few channels, and nothing but cast, permute to [N, C, H, W] and arithmetic
// with per-channel constants between it and a value of u8 or f32.
//
//   %1 = cast %image {dtype=f32} : f32[N, 8, 8, 3]
//   %2 = permute %1 {dims=[0, 3, 1, 2]} : f32[N, 3, 8, 8]
//   %3 = mul %2, @scale : f32[N, 3, 8, 8]
//   %4 = conv2d %3, @w {padding=[1, 1, 1, 1]} : f32[N, 16, 8, 8]
// becomes
//   %3 = picture %image {layout="nhwc", scale=[...], shift=[0.0, 0.0, 0.0]} : f32[N, 3, 8, 8]
//   %4 = conv2d %3, @w {padding=[1, 1, 1, 1]} : f32[N, 16, 8, 8]
#include "passes/graph/affine.h"
#include "passes/graph/rewrite.h"

enum { CHANNELS = 16 }; // from as many on, blocks of channels are full and nothing is read pixel by pixel

// What is done to `x` to make the convolution's operand, from its end backwards: scale x + shift.
typedef struct Chain {
  Value *x;
  int axis, steps; // of x's channels; operations passed
  int64_t channels;
  double scale[CHANNELS], shift[CHANNELS];
} Chain;

static bool pass_affine(Chain *c, const Node *n) {
  Affine a;
  if (result(n)->type->dtype != DT_F32 || !affine_read(n, c->axis, &a)) return false;
  for (int64_t i = 0; i < c->channels; i++) {
    c->shift[i] += c->scale[i] * a.shift[i];
    c->scale[i] *= a.scale[i];
  }
  c->x = a.x;
  affine_free(&a);
  return true;
}

static bool pass_cast(Chain *c, const Node *n) {
  Value *x = operand(n, 0);
  if (n->op != OP_CAST || result(n)->type->dtype != DT_F32 || x->type->dtype != DT_U8) return false;
  c->x = x;
  return true;
}

static bool pass_permute(Chain *c, const Node *n) {
  static const int64_t first[] = {0, 3, 1, 2};
  if (n->op != OP_PERMUTE || c->axis != 1) return false;
  for (int i = 0; i < 4; i++)
    if (NODE_ATTR(n, PERMUTE, dims)->ints[i] != first[i]) return false;
  c->x = operand(n, 0);
  c->axis = 3;
  return true;
}

static Chain chain_to(Value *v) {
  Chain c = {.x = v, .axis = 1, .channels = v->type->dims[1]};
  for (int i = 0; i < CHANNELS; i++) c.scale[i] = 1;
  while (c.x->kind == VALUE_RESULT &&
         (pass_affine(&c, c.x->node) || pass_cast(&c, c.x->node) || pass_permute(&c, c.x->node)))
    c.steps++;
  return c;
}

static Attr floats(Module *m, int64_t n, const double *list) {
  double *copy = arena_memdup(m->arena, list, sizeof *list * (size_t)n);
  return (Attr){.kind = ATTR_FLOATS, .n = (int)n, .floats = copy};
}

static bool reads_picture(const Node *n) {
  if (n->op != OP_PATCH_EMBED && (n->op != OP_CONV2D || NODE_ATTR(n, CONV2D, groups)->i != 1)) return false;
  const Type *x = operand(n, 0)->type;
  if (!weight_behind(operand(n, n->op == OP_CONV2D ? IN_CONV2D_weight : IN_PATCH_EMBED_weight))) return false;
  return x->dtype == DT_F32 && dim_is_const(x->dims[1]) && x->dims[1] < CHANNELS;
}

static const char *source(const Value *x) { return x->kind == VALUE_RESULT ? pass_label(x->node) : x->name; }

bool fold_picture_run(PassContext *c) {
  Module *m = c->module;
  for (Node *n = m->first; n; n = n->next) {
    Value *v = reads_picture(n) ? operand(n, 0) : NULL;
    if (!v || v->kind != VALUE_RESULT || v->node->op == OP_PICTURE) continue;
    Chain chain = chain_to(v);
    bool known = chain.x->type->dtype == DT_F32 || chain.x->type->dtype == DT_U8;
    if (!chain.steps || !known) {
      pass_remark(c, n, true, "%s does not read its picture itself: %s is in between", pass_label(n), source(chain.x));
      continue;
    }
    Attr *attrs = rewrite_attrs(m, OP_PICTURE);
    attrs[ATTR_PICTURE_layout] = (Attr){.kind = ATTR_ENUM, .s = intern(m->names, chain.axis == 3 ? "nhwc" : "nchw")};
    attrs[ATTR_PICTURE_scale] = floats(m, chain.channels, chain.scale);
    attrs[ATTR_PICTURE_shift] = floats(m, chain.channels, chain.shift);
    rewrite_replace(m, v->node, rewrite_before(m, v->node, OP_PICTURE, 1, &chain.x, attrs));
    pass_remark(c, n, false, "%s reads %s as it comes (%s, %s)", pass_label(n), source(chain.x),
                dtype_name(chain.x->type->dtype), chain.axis == 3 ? "channels last" : "channels first");
    pass_count(c, "pictures read as they come", 1);
  }
  return true;
}
