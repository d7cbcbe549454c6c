// dce: nodes whose results nothing reads are removed, from the last to the first, then weights that no node is left to
// read. Inputs stay: they are the model's interface.
//
//   %1 = relu %x : f32[4]
//   %2 = gelu %x : f32[4]
//   output y = %1
// becomes the same without %2.
#include "passes/pass.h"

static bool is_used(const Module *m, const Node *n) {
  for (int i = 0; i < n->n_results; i++)
    if (graph_use_count(m, n->results[i])) return true;
  return graph_count_used(m, n);
}

bool dce_run(PassContext *c) {
  for (Node *n = c->module->last, *prev; n; n = prev) {
    prev = n->prev;
    if (is_used(c->module, n)) continue;
    pass_remark(c, n, false, "%s removed: nothing uses it", pass_label(n));
    graph_remove(c->module, n);
    pass_count(c, "nodes removed", 1);
  }
  size_t before = c->module->weights.len;
  graph_drop_unused_weights(c->module);
  pass_count(c, "weights removed", (int64_t)(before - c->module->weights.len));
  return true;
}
