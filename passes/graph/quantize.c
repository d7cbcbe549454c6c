// quantize: convolutions and linear layers on 8-bit integers, as --quantize=int8,static or int8,dynamic asks for it.
//
// Integers stand between quantize_linear and dequantize_linear: what a layer computes is said by the float op between
// them, and how by whoever takes the three as one. Weights are i8, symmetric, with a scale for each output channel.
// Sums, biases, residuals, activations and what follows in f32 are not rounded before the end of a layer. Activations
// that are more than bounds stand behind it.
//
// static: values are u8 with a scale and a zero point, from the ranges that --calibrate observed; so are residuals, and
// what pools, concatenations, sums and moves compute between such layers, whose results then never are floats. Values
// that are only moved share one range. The bias takes back what the rounding of weights changes on average.
// dynamic: the rows of a linear layer's input are i8, symmetric, each with the scale of its own largest element.
//
//   %1 = conv2d %x, @w, @b {act="relu"} : f32[1, 64, 28, 28] @conv
// becomes
//   %1 = quantize_linear %x, @x.scale, @x.zero : u8[1, 32, 28, 28]
//   %2 = dequantize_linear %1, @x.scale, @x.zero : f32[1, 32, 28, 28]
//   %3 = dequantize_linear @w.int8, @w.scale {axis=0} : f32[64, 32, 3, 3]
//   %4 = conv2d %2, %3, @b.corrected {act="relu"} : f32[1, 64, 28, 28] @conv
#include "ir/core/check.h"
#include "passes/graph/quantization.h"
#include "passes/graph/quantize_plan.h"
#include "passes/graph/quantize_weights.h"
#include <math.h>
#include <string.h>

typedef struct Read { // an operand to be taken as integers
  Node *user;
  int operand;
} Read;

typedef struct Quantize {
  PassContext *c;
  Module *m;
  QuantizePlan plan;
  Arena *arena;
  const char **names;      // of values, by id
  ObservedRange *ranges;   // by id of a class
  Value **scales, **zeros; // the same; NULL: not made yet
  Value **integers;        // by value id: dequantized again; NULL: not made yet
} Quantize;

// ---- static: ranges

static bool find_range(Quantize *q, const Value *v) {
  const CalibrationValue *known = calibration_find(q->c->calibration, q->names[v->id]);
  if (!known) {
    diag_error(q->c->diag, (Span){0},
               "the calibration has no range for `%s`: it is of another network, or of other passes", q->names[v->id]);
    return false;
  }
  ObservedRange *r = &q->ranges[quantize_class(&q->plan, v)], new = known->ranges[q->c->options.quantize.observer];
  *r = (ObservedRange){fmin(r->low, new.low), fmax(r->high, new.high)};
  return true;
}

static bool find_ranges(Quantize *q) {
  bool ok = true;
  for (size_t i = 0; ok && i < q->m->inputs.len; i++)
    ok = !q->plan.value[q->m->inputs.data[i]->id] || find_range(q, q->m->inputs.data[i]);
  for (const Node *n = q->m->first; ok && n; n = n->next)
    for (int i = 0; ok && i < n->n_results; i++) ok = !q->plan.value[n->results[i]->id] || find_range(q, n->results[i]);
  return ok;
}

// ---- static: values

static Value *number(Module *m, const char *name, DType dtype, double v) {
  return graph_splat(m, name, type_get(m, dtype, 0, NULL), v)->value;
}

static void make_steps(Quantize *q, int class) {
  if (q->scales[class]) return;
  const char *name = q->names[class];
  Steps s = observe_steps(q->ranges[class]);
  q->scales[class] = number(q->m, rewrite_name(q->m, name, "scale"), DT_F32, s.scale);
  q->zeros[class] = number(q->m, rewrite_name(q->m, name, "zero"), DT_U8, s.zero);
}

static Value *node_before(Module *m, Node *before, const Value *of, OpKind op, Value *const *operands,
                          const Attr *attrs) {
  const Node *n = of->kind == VALUE_RESULT ? of->node : NULL;
  NodeSpec spec = {.op = op, .n_operands = 3, .operands = operands, .attrs = attrs};
  if (n) spec.name = n->name, spec.span = n->span;
  return result(graph_node_before(m, before, &spec));
}

// The value rounded to its steps, right behind where it is computed.
static Value *rounded(Quantize *q, Value *v) {
  if (q->integers[v->id]) return q->integers[v->id];
  int class = quantize_class(&q->plan, v);
  make_steps(q, class);
  Node *before = v->kind == VALUE_RESULT ? v->node->next : q->m->first;
  Value *operands[] = {v, q->scales[class], q->zeros[class]};
  operands[0] = node_before(q->m, before, v, OP_QUANTIZE_LINEAR, operands, NULL);
  Value *y = node_before(q->m, before, v, OP_DEQUANTIZE_LINEAR, operands, NULL);
  y->origin = v->origin ? v->origin : v;
  return q->integers[v->id] = y;
}

static void round_values(Quantize *q) {
  Vec(Read) reads = {0};
  for (Node *n = q->m->first; n; n = n->next)
    for (int i = 0; i < n->n_operands; i++)
      if (quantize_reads(&q->plan, n, i)) vec_push(&reads, (Read){n, i});
  for (size_t i = 0; i < reads.len; i++) {
    Read *r = &reads.data[i];
    graph_set_operand(r->user, r->operand, rounded(q, operand(r->user, r->operand)));
  }
  vec_free(&reads);
}

// ---- dynamic

static Attr *of_rows(Module *m, OpKind op, const Type *t, DType to) {
  Attr *a = rewrite_attrs(m, op);
  int last = t->rank - 1;
  a[ATTR_QUANTIZE_LINEAR_axis] = (Attr){.kind = ATTR_INT, .i = last};
  a[ATTR_QUANTIZE_LINEAR_block_size] = (Attr){.kind = ATTR_INT, .i = t->dims[last]};
  a[ATTR_QUANTIZE_LINEAR_dtype] = (Attr){.kind = ATTR_DTYPE, .i = to};
  return a;
}

// Each row of x in steps of 1/127 of its largest magnitude.
static Value *rounded_rows(Module *m, Node *n, Value *x) {
  enum { MOST = 127 };
  int64_t last = x->type->rank - 1;
  Attr *of_last = rewrite_attrs(m, OP_AMAX);
  of_last[ATTR_AMAX_dim] = rewrite_ints(m, ATTR_INTS, 1, &last);
  of_last[ATTR_AMAX_keepdim] = (Attr){.kind = ATTR_BOOL, .i = true};
  Value *magnitude = rewrite_named(m, n, NULL, OP_ABS, 1, &x, NULL);
  Value *most = rewrite_named(m, n, NULL, OP_AMAX, 1, &magnitude, of_last);
  Value *operands[] = {most, number(m, "int8.share", DT_F32, 1. / MOST)};
  Value *scale = rewrite_named(m, n, NULL, OP_MUL, 2, operands, NULL);
  operands[0] = scale, operands[1] = number(m, "int8.least", DT_F32, 1e-30); // rows of zeros must not divide by 0
  scale = rewrite_named(m, n, NULL, OP_MAXIMUM, 2, operands, NULL);
  Value *y = rewrite_named(m, n, NULL, OP_QUANTIZE_LINEAR, 2, (Value *[]){x, scale},
                           of_rows(m, OP_QUANTIZE_LINEAR, x->type, DT_I8));
  return rewrite_named(m, n, NULL, OP_DEQUANTIZE_LINEAR, 2, (Value *[]){y, scale},
                       of_rows(m, OP_DEQUANTIZE_LINEAR, x->type, DT_F32));
}

// ---- layers

static void take_weights(Quantize *q, Node *n, const char *input) {
  Product p;
  CHECK(product_of_node(n, &p), "%s is planned as a product", pass_label(n));
  Calibration *known = q->c->calibration;
  const CalibrationValue *x = input && known ? calibration_find(known, input) : NULL;
  int64_t groups = n->op == OP_CONV2D ? NODE_ATTR(n, CONV2D, groups)->i : 1;
  Weight *bias = x && x->channels == p.weight->type->dims[1] * groups
                     ? quantize_corrected_bias(q->c, &p, x->means, x->channels)
                     : NULL;
  graph_set_operand(n, product_operand(n->op, "weight"), quantize_weights(q->c, &p));
  if (bias) graph_set_operand(n, product_operand(n->op, "bias"), bias->value);
}

static void tell(Quantize *q, const Node *n, const Value *x) {
  pass_count(q->c, "layers on integers", 1);
  if (q->plan.layer[n->id] == QUANTIZE_DYNAMIC)
    return pass_remark(q->c, n, false, "%s on integers, scaled as they come", pass_label(n));
  ObservedRange r = q->ranges[quantize_class(&q->plan, x)];
  pass_remark(q->c, n, false, "%s on integers: its input from %.4g to %.4g in steps of %.3g", pass_label(n), r.low,
              r.high, observe_steps(r).scale);
}

static void quantize_layers(Quantize *q) {
  for (Node *n = q->m->first, *next; n; n = next) {
    next = n->next;
    if (n->id >= q->plan.n_nodes || !q->plan.layer[n->id]) continue;
    Value *x = operand(n, 0);
    bool dynamic = q->plan.layer[n->id] == QUANTIZE_DYNAMIC;
    if (dynamic) graph_set_operand(n, 0, rounded_rows(q->m, n, x));
    take_weights(q, n, dynamic ? NULL : q->names[x->id]);
    tell(q, n, x);
  }
}

// ---- epilogues

static Value *behind(Module *m, const Node *n, Node *before, OpKind op, int n_operands, Value *const *operands,
                     const Attr *attrs) {
  NodeSpec spec = {op, n_operands, operands, attrs, n->name, n->span};
  return result(graph_node_before(m, before, &spec));
}

// Integer products end with a residual of integers, bounds, scaling and rounding. Residuals of floats and other
// activations stand behind them.
static void part_epilogue(Module *m, Node *n) {
  int place = product_operand(n->op, "residual");
  Attr *act = &n->attrs[product_act(n->op)], *attrs = NULL;
  Value *residual = place >= 0 ? operand(n, place) : NULL, *v = result(n), *y = v;
  bool sum = residual && (residual->kind != VALUE_RESULT || residual->node->op != OP_DEQUANTIZE_LINEAR);
  bool none = !strcmp(act->s, "none"), bounds = !strcmp(act->s, "relu") || !strcmp(act->s, "relu6");
  bool acts = !none && (sum || !bounds);
  if (!sum && !acts) return;
  Node *next = n->next;
  if (sum) {
    graph_set_operand(n, place, NULL);
    y = behind(m, n, next, OP_ADD, 2, (Value *[]){y, residual}, NULL);
  }
  if (acts) {
    OpKind op = product_activation(m, act->s, &attrs);
    act->s = intern(m->names, "none");
    y = behind(m, n, next, op, 1, &y, attrs);
  }
  Node *first = n->next;
  graph_replace_uses(m, v, y);
  graph_set_operand(first, 0, v);
}

static void part_epilogues(Quantize *q) {
  for (Node *n = q->m->first, *next; n; n = next) {
    next = n->next;
    if (n->id < q->plan.n_nodes && q->plan.layer[n->id] == QUANTIZE_STATIC) part_epilogue(q->m, n);
  }
}

static bool quantize_all(Quantize *q) {
  size_t n = q->plan.n_values + 1;
  q->names = calibration_names(q->m, q->arena);
  q->ranges = xcalloc(n, sizeof *q->ranges);
  q->scales = xcalloc(n, sizeof *q->scales);
  q->zeros = xcalloc(n, sizeof *q->zeros);
  q->integers = xcalloc(n, sizeof *q->integers);
  bool ok = find_ranges(q);
  if (ok) quantize_layers(q); // before values are rounded: layers are known by their inputs
  if (ok) round_values(q);
  if (ok) part_epilogues(q);
  if (ok) graph_drop_unused_weights(q->m);
  free(q->names), free(q->ranges), free(q->scales), free(q->zeros), free(q->integers);
  return ok;
}

bool quantize_run(PassContext *c) {
  const Quantization *asked = &c->options.quantize;
  if (!quantize_decided(c)) return false;
  if (asked->method == QUANTIZE_NONE) return true;
  if (asked->method == QUANTIZE_STATIC && !c->calibration) {
    diag_error(c->diag, (Span){0},
               "int8,static needs ranges: --calibrate=DATA, or a file that --save-calibration wrote");
    return false;
  }
  Quantize q = {.c = c, .m = c->module, .arena = arena_create()};
  bool ok = quantize_plan(&q.plan, c, asked->method) && quantize_all(&q);
  quantize_plan_free(&q.plan);
  arena_destroy(q.arena);
  return ok;
}
