#include "passes/lower/choose.h"
#include <stdio.h>

enum { CANDIDATES = 4 };

const LowerTarget choose_reference = {.vector_bytes = 64, .vector_registers = 32, .has_fma = true};

// Everything that the time of the work depends on, in words.
static const char *describe(Lower *lw, const Node *n, const Contraction *c, const char *what) {
  const Window *w = &c->window;
  StrBuf b = {0};
  strbuf_printf(&b, "%s of %s f32 %lldx%lldx%lldx%lld", what, op_info(n->op)->name,
                (long long)lower_estimate(lw, c->images), (long long)c->channels_in,
                (long long)lower_estimate(lw, w->in_h), (long long)lower_estimate(lw, w->in_w));
  strbuf_printf(&b, " to %lldx%lldx%lld, kernel %lldx%lld stride %lldx%lld dilation %lldx%lld groups %lld",
                (long long)c->channels_out, (long long)lower_estimate(lw, w->out_h),
                (long long)lower_estimate(lw, w->out_w), (long long)w->kh, (long long)w->kw, (long long)w->sh,
                (long long)w->sw, (long long)w->dh, (long long)w->dw, (long long)c->groups);
  strbuf_printf(&b, ", %s%s%s, blocks of %lld%s", c->act, c->bias ? ", bias" : "", c->residual ? ", residual" : "",
                (long long)c->block, c->out_tail ? ", rows" : "");
  const char *text = arena_strdup(lw->p->arena, strbuf_str(&b));
  strbuf_free(&b);
  return text;
}

int choose(Lower *lw, const Node *n, const Contraction *c, const char *what, int count, const char *const *candidates) {
  LowerTuner *t = lw->target->tuner;
  if (!t || count < 2) return 0;
  LowerChoice question = {.work = describe(lw, n, c, what),
                          .layer = pass_label(n),
                          .candidates = candidates,
                          .count = count,
                          .phase = (int)lw->p->phases.len};
  int taken = t->choose(t, &question);
  if (taken)
    pass_remark(lw->pass, n, false, "%s: %s measured faster than the estimate's %s", what, candidates[taken],
                candidates[0]);
  return taken;
}

TileShape choose_tile(Lower *lw, const Node *n, const Contraction *c, const TileWork *w, TileShape best) {
  TileShape shapes[CANDIDATES];
  char words[CANDIDATES][32];
  const char *names[CANDIDATES];
  if (!lw->target->tuner) return best;
  int count = tile_list(lw->target, w, CANDIDATES, shapes);
  for (int i = 0; i < count; i++) {
    snprintf(words[i], sizeof words[i], "%dx%d", shapes[i].mr, shapes[i].nr);
    names[i] = words[i];
  }
  return shapes[choose(lw, n, c, "tile", count, names)];
}
