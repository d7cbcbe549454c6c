#include "driver/layers.h"
#include "ir/graph/macs.h"
#include <math.h>
#include <string.h>

// ---- receptive fields

static void widen(Field *f, int axis, double kernel, double stride, double dilation) {
  f->size[axis] += (kernel - 1) * dilation * f->stride[axis];
  f->stride[axis] *= stride;
}

static void apply_windows(const Module *m, const Node *n, Field *f) {
  for (int a = 0; a < 2; a++) {
    if (n->op == OP_CONV2D) {
      double kernel = macs_extent(m, operand(n, IN_CONV2D_weight)->type->dims[2 + a]);
      widen(f, a, kernel, (double)NODE_ATTR(n, CONV2D, stride)->ints[a],
            (double)NODE_ATTR(n, CONV2D, dilation)->ints[a]);
    } else if (n->op == OP_CONV_TRANSPOSE2D) {
      double kernel = macs_extent(m, operand(n, IN_CONV_TRANSPOSE2D_weight)->type->dims[2 + a]),
             stride = (double)NODE_ATTR(n, CONV_TRANSPOSE2D, stride)->ints[a];
      widen(f, a, ceil(kernel / stride), 1 / stride, (double)NODE_ATTR(n, CONV_TRANSPOSE2D, dilation)->ints[a]);
    } else if (n->op == OP_PATCH_EMBED) {
      double patch = macs_extent(m, operand(n, IN_PATCH_EMBED_weight)->type->dims[2 + a]);
      widen(f, a, patch, patch, 1);
    } else if (n->op == OP_MAX_POOL2D) {
      const Attr *stride = NODE_ATTR(n, MAX_POOL2D, stride), *kernel = NODE_ATTR(n, MAX_POOL2D, kernel);
      widen(f, a, (double)kernel->ints[a], (double)(stride->n ? stride : kernel)->ints[a],
            (double)NODE_ATTR(n, MAX_POOL2D, dilation)->ints[a]);
    } else if (n->op == OP_AVG_POOL2D) {
      const Attr *stride = NODE_ATTR(n, AVG_POOL2D, stride), *kernel = NODE_ATTR(n, AVG_POOL2D, kernel);
      widen(f, a, (double)kernel->ints[a], (double)(stride->n ? stride : kernel)->ints[a],
            (double)NODE_ATTR(n, AVG_POOL2D, dilation)->ints[a]);
    }
  }
}

// Whether every position of the result depends on every position of the operand.
static bool mixes_all(const Module *m, const Node *n) {
  const Type *x = n->n_operands && operand(n, 0) ? operand(n, 0)->type : NULL;
  switch (n->op) {
  case OP_ATTENTION:
  case OP_ATTENTION_CORE:
  case OP_SCALED_DOT_PRODUCT_ATTENTION:
  case OP_MATMUL: return true;
  case OP_GLOBAL_AVG_POOL:
  case OP_ADAPTIVE_AVG_POOL2D:
  case OP_MEAN:
  case OP_FLATTEN:
  case OP_RESHAPE: {
    const Type *y = result(n)->type;
    bool collapses = n->op == OP_RESHAPE || n->op == OP_FLATTEN
                         ? y->rank == 2
                         : macs_product(m, y, 0, y->rank) < macs_product(m, x, 0, x->rank);
    return x->rank == 4 && macs_product(m, x, 2, 4) > 1 && collapses;
  }
  default: return false;
  }
}

static Field field_of(const Module *m, const Node *n, const Field *fields) {
  Field f = {{1, 1}, {1, 1}, false};
  for (int i = 0; i < n->n_operands; i++) {
    const Value *v = operand(n, i);
    if (!v || v->kind == VALUE_WEIGHT) continue;
    const Field *g = &fields[v->id];
    for (int a = 0; a < 2; a++) {
      if (g->size[a] > f.size[a]) f.size[a] = g->size[a];
      if (g->stride[a] > f.stride[a]) f.stride[a] = g->stride[a];
    }
    f.everything = f.everything || g->everything;
  }
  apply_windows(m, n, &f);
  f.everything = f.everything || mixes_all(m, n);
  return f;
}

// ---- parameters and memory

static bool is_parameter(const Node *n, int index) {
  bool statistic =
      n->op == OP_BATCH_NORM && (index == IN_BATCH_NORM_running_mean || index == IN_BATCH_NORM_running_var);
  return !statistic && weight_is_parameter(operand(n, index)->weight);
}

static int64_t count_params(const Node *n, bool *seen, double *bytes) {
  int64_t params = 0;
  for (int i = 0; i < n->n_operands; i++) {
    const Value *v = operand(n, i);
    if (!v || v->kind != VALUE_WEIGHT || seen[v->id] || !is_parameter(n, i)) continue;
    seen[v->id] = true;
    params += weight_count(v->weight);
    *bytes += (double)weight_count(v->weight) * (double)dtype_size(v->type->dtype);
  }
  return params;
}

// Elementwise operations and views are done in place by any sensible plan.
static bool in_place(const Node *n) {
  return n->op == OP_BATCH_NORM || (op_info(n->op)->traits & (TRAIT_UNARY | TRAIT_VIEW | TRAIT_IDENTITY));
}

static double peak(Module *m) {
  uint32_t *root = xcalloc(m->n_values + 1, sizeof *root), *last = xcalloc(m->n_values + 1, sizeof *last);
  double *bytes = xcalloc(m->n_values + 1, sizeof *bytes), live = 0, most = 0;
  uint32_t at = 0;
  for (uint32_t i = 0; i < m->n_values; i++) root[i] = i;
  for (const Node *n = m->first; n; n = n->next) {
    at++;
    for (int i = 0; i < n->n_operands; i++)
      if (operand(n, i)) last[root[operand(n, i)->id]] = at;
    if (in_place(n) && operand(n, 0)->kind == VALUE_RESULT) root[result(n)->id] = root[operand(n, 0)->id];
  }
  for (size_t i = 0; i < m->outputs.len; i++) last[root[m->outputs.data[i].value->id]] = UINT32_MAX;
  at = 0;
  for (const Node *n = m->first; n; n = n->next) {
    at++;
    for (int i = 0; i < n->n_results; i++) {
      const Value *v = n->results[i];
      bool stored = root[v->id] == v->id && !weight_behind(v); // layers widen their weights as they read them
      if (stored) live += bytes[v->id] = macs_extent(m, type_bytes(m, v->type));
    }
    if (live > most) most = live;
    for (int i = 0; i < n->n_operands; i++) {
      uint32_t id = operand(n, i) ? root[operand(n, i)->id] : 0;
      if (operand(n, i) && last[id] == at) live -= bytes[id], bytes[id] = 0;
    }
  }
  free(root), free(last), free(bytes);
  return most;
}

// Whether several positions are left, each of which depends on all of the picture.
static bool sees_everything(const Module *m, const Layer *l) {
  const Type *y = result(l->node)->type;
  double positions = y->rank == 4 ? macs_product(m, y, 2, 4) : y->rank == 3 ? macs_extent(m, y->dims[1]) : 1;
  return l->field.everything && positions > 1;
}

void layers_compute(Layers *out, Module *m) {
  *out = (Layers){.field = {{1, 1}, {1, 1}, false}};
  for (const Node *n = m->first; n; n = n->next) out->n++;
  out->layers = xcalloc((size_t)out->n + 1, sizeof *out->layers);
  Field *fields = xcalloc(m->n_values + 1, sizeof *fields);
  bool *seen = xcalloc(m->n_values + 1, sizeof *seen);
  for (size_t i = 0; i < m->inputs.len; i++) fields[m->inputs.data[i]->id] = (Field){{1, 1}, {1, 1}, false};
  Layer *l = out->layers;
  for (const Node *n = m->first; n; n = n->next, l++) {
    *l = (Layer){n, count_params(n, seen, &out->param_bytes), macs_of(m, n), field_of(m, n, fields)};
    for (int i = 0; i < n->n_results; i++) fields[n->results[i]->id] = l->field;
    out->params += l->params;
    out->macs += l->macs;
    out->field.everything = out->field.everything || sees_everything(m, l);
    if (!l->field.everything && l->field.size[0] * l->field.size[1] >= out->field.size[0] * out->field.size[1])
      memcpy(out->field.size, l->field.size, sizeof l->field.size),
          memcpy(out->field.stride, l->field.stride, sizeof l->field.stride);
  }
  out->peak_bytes = peak(m);
  free(fields);
  free(seen);
}

void layers_free(Layers *l) { free(l->layers); }

bool layers_shown(const Layer *l) {
  static const char *const families[] = {"pool", "attention", "token"};
  if (l->node->name || l->params || l->macs > 0) return true;
  for (int i = 0; i < 3; i++)
    if (!strcmp(op_info(l->node->op)->family, families[i])) return true;
  return false;
}
