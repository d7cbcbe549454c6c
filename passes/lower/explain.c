#include "passes/lower/explain.h"

// Where so many bytes may lie when they are needed again, and how many of them come in a cycle. Round figures of
// today's processors: they tell kernels that compute from kernels that wait.
typedef struct Level {
  double bytes, a_cycle;
  const char *name;
} Level;

static Level level_of(const LowerTarget *t, double bytes) {
  const Level levels[] = {{32 << 10, 2 * t->vector_bytes, "the first-level cache"},
                          {1 << 20, 32, "the second-level cache"},
                          {32 << 20, 10, "the third-level cache"}};
  for (int i = 0; i < 3; i++)
    if (bytes <= levels[i].bytes) return levels[i];
  return (Level){bytes, 4, "memory"};
}

static void explain(Lower *lw, const Node *n, const LPhase *p) {
  const LowerTarget *t = lw->target;
  double a_cycle = t->vector_bytes / 4.0 * (t->has_fma ? 2 : 1), bytes = (double)p->bytes;
  double arithmetic = (double)p->macs / a_cycle;
  Level from = level_of(t, bytes);
  double transfer = bytes / from.a_cycle;
  StrBuf what = {0};
  strbuf_printf(&what, "%s: %s%s%s", p->name, p->kernel->name, *p->detail ? " " : "", p->detail);
  if (p->macs)
    pass_remark(lw->pass, n, false,
                "%s, bound by %s: %.1f thousand cycles for %.2f M products one by one, %.1f for %.0f KB from %s",
                strbuf_str(&what), arithmetic >= transfer ? "arithmetic" : from.name, arithmetic / 1e3,
                (double)p->macs / 1e6, transfer / 1e3, bytes / 1024, from.name);
  else
    pass_remark(lw->pass, n, false, "%s, %.1f thousand cycles for %.0f KB from %s", strbuf_str(&what), transfer / 1e3,
                bytes / 1024, from.name);
  strbuf_free(&what);
}

void explain_phases(Lower *lw, const Node *n, size_t first) {
  if (!pass_remarks(lw->pass, false)) return;
  for (size_t i = first; i < lw->p->phases.len; i++) explain(lw, n, lw->p->phases.data[i]);
}
