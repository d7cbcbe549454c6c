#include "driver/pairs.h"

int pairs_tap(Module *m, Value *v) {
  for (size_t i = 0; i < m->outputs.len; i++)
    if (m->outputs.data[i].value == v) return (int)i;
  graph_output(m, arena_printf(m->arena, "tap:%u", v->id), v);
  return (int)m->outputs.len - 1;
}

// By id of a value of the frontend: the last value of the smaller network that stands for it, which is what the layers
// behind it read.
static Value **find_stand_ins(const Build *small, uint32_t n) {
  Value **found = xcalloc(n + 1, sizeof *found);
  for (const Node *node = small->module->first; node; node = node->next)
    for (int i = 0; i < node->n_results; i++) {
      Value *v = node->results[i];
      uint32_t id = v->id < small->n_stands_for ? small->stands_for[v->id] : n;
      if (id < n) found[id] = v;
    }
  return found;
}

static bool alike(const Type *a, const Type *b) {
  bool same = a->dtype == DT_F32 && b->dtype == DT_F32 && a->rank == b->rank;
  for (int i = 0; same && i < a->rank; i++) same = dim_is_const(a->dims[i]) == dim_is_const(b->dims[i]);
  for (int i = 0; same && i < a->rank; i++) same = !dim_is_const(a->dims[i]) || a->dims[i] == b->dims[i];
  return same;
}

static void tap_pairs(Pairs *p) {
  Module *whole = p->builds[0].module, *small = p->builds[1].module;
  Value **stand_ins = find_stand_ins(&p->builds[1], whole->n_values);
  for (const Node *n = whole->first; n; n = n->next)
    for (int i = 0; i < n->n_results; i++) {
      Value *v = n->results[i], *other = stand_ins[v->id];
      if (!other || !alike(v->type, other->type)) continue;
      const char *op = op_info(n->op)->name, *name = other->node->name ? other->node->name : n->name;
      vec_push(&p->list, (Pair){name ? name : op, op, {pairs_tap(whole, v), pairs_tap(small, other)}});
    }
  free(stand_ins);
}

bool pairs_open(Pairs *p, const char *path, const BuildOptions *o, Diag *d) {
  *p = (Pairs){.options = {*o, *o}};
  for (int i = 0; i < 2; i++) { // what the passes have to say was said when the model itself was compiled
    p->options[i].quiet = true;
    p->options[i].passes.remarks = p->options[i].passes.missed = NULL;
  }
  options_plain(&p->options[0]);
  bool ok = build_open(&p->builds[0], path, &p->options[0], d) && build_open(&p->builds[1], path, &p->options[1], d) &&
            build_compress(&p->builds[1]);
  if (ok) tap_pairs(p);
  for (int i = 0; ok && i < 2; i++) ok = loaded_build(&p->models[i], &p->builds[i], d);
  return ok;
}

void pairs_close(Pairs *p) {
  for (int i = 0; i < 2; i++) {
    loaded_close(&p->models[i]);
    build_close(&p->builds[i]);
  }
  vec_free(&p->list);
}
