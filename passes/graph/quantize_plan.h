// What `quantize` is going to do: which layers compute with integers, and which values are kept as integers between
// them. The same for calibration, which observes those values, and for the pass.
#pragma once
#include "passes/graph/product.h"

typedef struct QuantizePlan {
  const Module *m;
  uint32_t n_nodes, n_values; // ids that there were
  QuantizeMethod *layer;      // by node id: how it multiplies integers, if it does
  bool *comes;                // the same: it is no layer, but can work on the integers that a static one makes for it
  bool *value;                // by value id: it is kept as integers; of static layers only
  int *parent; // by value id: union-find of values that have one range, because integers are only moved between them
} QuantizePlan;

// Says in remarks why layers stay in f32. False after a diagnostic: a pattern of --exclude fits no layer.
// `method`: of all layers, where there are no decisions.
bool quantize_plan(QuantizePlan *p, PassContext *c, QuantizeMethod method);
// Whether c->options.decisions speak of layers that there are; false after diagnostics.
bool quantize_decided(PassContext *c);
// What may be computed with integers, if nothing is in the way.
bool quantize_is_layer(const Node *n);
void quantize_plan_free(QuantizePlan *p);
int quantize_class(QuantizePlan *p, const Value *v); // the id of the first of those that share its range
// Whether `n`, which has v as operand i, takes it as integers.
bool quantize_reads(const QuantizePlan *p, const Node *n, int i);
