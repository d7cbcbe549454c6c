// Times of phases as those of layers: who pays for what lies between two layers, and how one kernel's is shared.
#include "driver/choose.h"
#include "tests/unit/unit.h"
#include <math.h>

enum { LAYERS = 3, MOST = 8 };

typedef struct Phases {
  nncc_phase_info info[MOST];
  double ms[MOST];
  int n;
} Phases;

static void add(Phases *p, const char *source, double us, int64_t macs) {
  p->info[p->n] = (nncc_phase_info){.source = source, .macs = macs};
  p->ms[p->n++] = us * 1e-3;
}

static Racer racer_of(Phases *p) { return (Racer){.phase_ms = p->ms, .phases = p->info, .n_phases = p->n}; }

static void open(Choose *k) {
  static const char *const names[] = {"a", "b", "c"};
  *k = (Choose){.all = decisions_create()};
  for (int i = 0; i < LAYERS; i++) {
    ChosenLayer l = {.name = names[i], .macs = 100};
    vec_push(&k->layers, l);
    decisions_put(k->all, &(Decision){.layer = names[i]});
  }
}

// Fails unless the layers' times are these, in the model's own network and in the other.
static void expect(Phases *model, Phases *other, const int *taken, const double *before, const double *after) {
  Choose k;
  open(&k);
  double own[LAYERS], us[LAYERS];
  choose_share_both(&k, (Racer[]){racer_of(model), racer_of(other)}, taken, own, us);
  for (int i = 0; i < LAYERS; i++) {
    if (fabs(own[i] - before[i]) > 1e-9) fail_msg("layer %d before: %g, not %g", i, own[i], before[i]);
    if (fabs(us[i] - after[i]) > 1e-9) fail_msg("layer %d after: %g, not %g", i, us[i], after[i]);
  }
  vec_free(&k.layers);
  decisions_destroy(k.all);
}

static void model_of(Phases *p) {
  *p = (Phases){0};
  add(p, "a", 10, 100), add(p, "pool", 2, 0), add(p, "b", 10, 100), add(p, "c", 10, 100);
}

static void test_conversions(void **state) {
  (void)state;
  Phases model, other = {0};
  model_of(&model);
  // b of integers: what makes its input of a's result is its own, and so is what makes floats of it for c.
  add(&other, "a", 10, 100), add(&other, "pool", 2, 0), add(&other, "a", 3, 0), add(&other, "b", 5, 100);
  add(&other, "reorder", 1, 0), add(&other, "c", 10, 100);
  expect(&model, &other, (int[]){0, 1, 0}, (double[]){10, 12, 10}, (double[]){10, 11, 10});
}

static void test_left_over(void **state) {
  (void)state;
  Phases model, other = {0};
  model_of(&model);
  // What was part of a's kernel, and is not now, counts to a; the pool that was in front of b before stays b's.
  add(&other, "a", 4, 100), add(&other, "pool", 2, 0), add(&other, "relu", 1.5, 0), add(&other, "b", 10, 100);
  add(&other, "c", 10, 100);
  expect(&model, &other, (int[]){1, 0, 0}, (double[]){10, 12, 10}, (double[]){5.5, 12, 10});
}

static void test_shared(void **state) {
  (void)state;
  Phases model = {0}, other = {0};
  // One kernel of all three, in front of three kernels: it is shared as these are.
  add(&model, "a b c", 20, 300);
  add(&other, "a", 10, 100), add(&other, "b", 4, 100), add(&other, "c", 2, 100);
  expect(&model, &other, (int[]){0, 1, 0}, (double[]){12.5, 5, 2.5}, (double[]){10, 4, 2});
  // Of two kernels that share nothing that is known apart multiplications say how much is whose.
  Phases both = {0};
  add(&both, "a b +relu c", 15, 300);
  expect(&model, &both, (int[]){1, 1, 1}, (double[]){20. / 3, 20. / 3, 20. / 3}, (double[]){5, 5, 5});
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_conversions), cmocka_unit_test(test_left_over),
                                     cmocka_unit_test(test_shared)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
