// precision: weights of convolutions and linear layers are rounded to bf16 or f16, to nearest even, and stored so, as
// --precision=bf16 or f16 asks for it. Layers are computed in f32, of weights that are widened where they are read.
// Biases stay; so do weights that an element of is too large for f16, and those of layers with few of them.
//
//   %1 = linear %x, @w, @b : f32[1, 64] @fc
// becomes
//   %1 = cast @w.bf16 {dtype=f32} : f32[64, 128] @fc
//   %2 = linear %x, %1, @b : f32[1, 64] @fc
#include "passes/graph/excluded.h"
#include "passes/graph/narrow.h"

static DType asked(const PassContext *c, const Node *n) {
  const Decision *d = decisions_of(c->options.decisions, pass_label(n));
  return d ? d->precision : c->options.precision;
}

static bool takes(const PassContext *c, const Node *n, DType to) { return asked(c, n) == to && !excluded(c, n); }

static void narrow(PassContext *c, Node *n, Weight *w) {
  DType to = asked(c, n);
  const char *type = dtype_name(to);
  Narrowed narrowed = narrow_elements(w, to, false);
  if (!narrowed.data) return pass_refuse(c, n, "keeps weights of f32", "some are too large for %s", type);
  narrow_replace(c, n, w, to, narrowed.data, takes);
  pass_remark(c, n, false, "%s has weights of %s, changed by %.2g%%", pass_label(n), type, 100 * narrowed.error);
  pass_count(c, "weights in 16 bits", 1);
  pass_count(c, "bytes of weights saved", weight_count(w) * (int64_t)(dtype_size(w->type->dtype) - dtype_size(to)));
}

bool precision_run(PassContext *c) {
  if (c->options.precision == DT_F32) return true;
  if (!excluded_check(c)) return false;
  for (Node *n = c->module->first; n; n = n->next) {
    const char *why;
    Weight *w = narrow_weight(n, &why);
    if (w && excluded(c, n)) w = NULL, why = "--exclude says so";
    if (w && asked(c, n) == DT_F32) w = NULL, why = "so it is decided";
    if (w)
      narrow(c, n, w);
    else if (why)
      pass_refuse(c, n, "keeps its weights", "%s", why);
  }
  graph_drop_unused_weights(c->module);
  return true;
}
