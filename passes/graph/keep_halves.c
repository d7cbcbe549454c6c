// keep-halves: weights of convolutions and linear layers all of whose elements are bf16's or f16's, as those of models
// that were stored so are, take 16 bits each. Nothing is rounded: kernels widen them as they read them.
//
//   %1 = linear %x, @w, @b : f32[1, 64] @fc
// becomes
//   %1 = cast @w.f16 {dtype=f32} : f32[64, 128] @fc
//   %2 = linear %x, %1, @b : f32[1, 64] @fc
#include "passes/graph/excluded.h"
#include "passes/graph/narrow.h"

enum { FEW = 1024 }; // elements that may be such numbers by chance, and that take little room

static bool takes(const PassContext *c, const Node *n, DType to) {
  (void)to;
  return !excluded(c, n);
}

static bool keep(PassContext *c, Node *n, Weight *w, DType to) {
  Narrowed narrowed = narrow_elements(w, to, true);
  if (!narrowed.data) return false;
  narrow_replace(c, n, w, to, narrowed.data, takes);
  pass_remark(c, n, false, "%s has weights of %s", pass_label(n), dtype_name(to));
  pass_count(c, "weights in 16 bits", 1);
  return true;
}

bool keep_halves_run(PassContext *c) {
  for (Node *n = c->module->first; n; n = n->next) {
    const char *why;
    Weight *w = narrow_weight(n, &why);
    if (w && weight_count(w) > FEW && !excluded(c, n) && !keep(c, n, w, DT_BF16)) keep(c, n, w, DT_F16);
  }
  graph_drop_unused_weights(c->module);
  return true;
}
