// Branches that are decided, and loops unrolled, while a model is read.
#include "frontend/onnx/nodes.h"

enum { ROUNDS_MAX = 1 << 12 };

bool convert_branch(Call *c, OpKind op) {
  (void)op;
  const Known *k = call_need_ints(c, 0);
  if (!k) return false;
  if (k->n == 1 && known_is_open(k, 0))
    return call_fail(c, "its condition depends on a dimension that is open: --shape fixes those of an input");
  if (k->n != 1) return call_fail(c, "its condition is not known when it is compiled");
  const OnnxAttribute *a = call_attr(c, k->e->i ? "then_branch" : "else_branch");
  return a && a->g ? import_body(c, a->g, 0, NULL, c->n_out, c->out) : call_fail(c, "a branch is missing");
}

// What one result is joined from: a tensor of each round, in the dimension `axis` of its own.
typedef struct Joined {
  Value **rounds;
  int64_t axis;
  bool backwards;
} Joined;

static Joined *joined_new(Call *c, int n, int rounds) {
  Joined *list = arena_array(c->im->m->arena, Joined, n);
  for (int i = 0; i < n; i++) list[i].rounds = arena_array(c->im->m->arena, Value *, rounds);
  return list;
}

static bool join(Call *c, int i, const Joined *j, int rounds) {
  if (i >= c->n_out) return true;
  if (!rounds) return call_fail(c, "it makes nothing of no rounds");
  int64_t axis = j->axis;
  Value **values = arena_array(c->im->m->arena, Value *, rounds);
  if (!call_axis(c, &axis, j->rounds[0]->type->rank + 1)) return false;
  for (int k = 0; k < rounds; k++) {
    Value *v = j->rounds[j->backwards ? rounds - 1 - k : k];
    if (axis > v->type->rank) return call_fail(c, "its rounds' results are not of one rank");
    values[k] = call_insert_dims(c, v, (int)axis, 1);
  }
  return call_result(c, i, call_concat(c, axis, rounds, values));
}

// Whether it goes on: a condition that is absent does. False after a diagnostic, too; then *ok is false.
static bool goes_on(Call *c, const OnnxValue *v, bool *ok) {
  const Known *k = v ? v->known : NULL;
  if (v && !k && v->value && v->value->kind == VALUE_WEIGHT) k = known_of_weight(c->im->m, v->value->weight);
  if (!v || (k && k->n == 1 && dim_is_const(k->e->i))) return !v || k->e->i;
  return *ok = call_fail(c, "when it ends is not known when it is compiled");
}

static OnnxValue known_scalar(Call *c, DType dtype, int64_t v) {
  Known *k = known_new(c->im->m, dtype, 0, NULL);
  k->e->i = v;
  return (OnnxValue){.known = k};
}

// Of the body's inputs (round, condition, state...) and outputs (condition, state..., a part of each joined result...).
bool convert_loop(Call *c, OpKind op) {
  (void)op;
  const OnnxAttribute *a = call_attr(c, "body");
  const OnnxGraph *g = a ? a->g : NULL;
  int states = c->n_in > 2 ? c->n_in - 2 : 0;
  if (!g || g->input.n < (size_t)states + 2 || g->output.n < (size_t)states + 1 || g->output.n > ROUNDS_MAX)
    return call_fail(c, "its body does not fit its operands");
  const Known *trips = call_need_ints(c, 0);
  if (call_has(c, 0) && (!trips || trips->n != 1 || !dim_is_const(trips->e->i)))
    return trips ? call_fail(c, "how often it goes round is not known when it is compiled") : false;
  if (call_has(c, 1) && !call_need_ints(c, 1)) return false;
  int64_t most = trips ? trips->e->i : ROUNDS_MAX + 1;
  int n_joined = (int)g->output.n - 1 - states, n = 0;
  int room = (int)max_i64(0, min_i64(most, ROUNDS_MAX));
  Joined *joined = joined_new(c, n_joined, room);
  OnnxValue *in = arena_array(c->im->m->arena, OnnxValue, states + 2), *out;
  for (int i = 0; i < states; i++)
    if (call_has(c, i + 2)) in[i + 2] = *c->in[i + 2];
  bool ok = true;
  OnnxValue condition = call_has(c, 1) ? *c->in[1] : known_scalar(c, DT_BOOL, 1);
  for (; n < most && goes_on(c, &condition, &ok); n++) {
    if (n == room) return call_fail(c, "it goes round more than %d times", ROUNDS_MAX);
    in[0] = known_scalar(c, DT_I64, n);
    in[1] = condition;
    out = arena_array(c->im->m->arena, OnnxValue, g->output.n);
    if (!import_body(c, g, states + 2, in, (int)g->output.n, out)) return false;
    condition = out[0];
    for (int i = 0; i < states; i++) in[i + 2] = out[i + 1];
    for (int i = 0; i < n_joined; i++)
      if (!(joined[i].rounds[n] = import_value(c->im, &out[1 + states + i], g->output.data[1 + states + i].name)))
        return false;
  }
  for (int i = 0; i < states && i < c->n_out; i++) c->out[i] = in[i + 2];
  for (int i = 0; ok && i < n_joined; i++) ok = join(c, states + i, &joined[i], n);
  return ok;
}

static int64_t listed(Call *c, const char *name, int i) {
  const int64_t *list;
  int n = call_ints(c, name, &list);
  return i < n ? list[i] : 0;
}

// Since opset 9: the body's inputs are the state and a slice of each tensor that is walked along.
bool convert_scan(Call *c, OpKind op) {
  (void)op;
  const OnnxAttribute *a = call_attr(c, "body");
  const OnnxGraph *g = a ? a->g : NULL;
  int64_t walked = call_int(c, "num_scan_inputs", 0), rounds = -1;
  if (c->opset < 9) return call_fail(c, "it is of opset 8, whose scans are not known");
  if (!g || walked < 1 || walked > c->n_in || g->input.n < (size_t)c->n_in || g->output.n > ROUNDS_MAX ||
      g->output.n < (size_t)(c->n_in - walked))
    return call_fail(c, "its body does not fit its operands");
  int states = c->n_in - (int)walked, n_joined = (int)g->output.n - states;
  int64_t *axes = arena_array(c->im->m->arena, int64_t, walked);
  for (int i = 0; i < walked; i++) {
    const Type *t = call_type(c, states + i);
    axes[i] = listed(c, "scan_input_axes", i);
    if (!t || !call_axis(c, &axes[i], t->rank)) return false;
    if (i == 0) rounds = t->dims[axes[i]];
    if (!dim_is_const(rounds) || t->dims[axes[i]] != rounds || rounds > ROUNDS_MAX)
      return call_fail(c, "how often it goes round is not known when it is compiled, or more than %d times",
                       ROUNDS_MAX);
  }
  Joined *joined = joined_new(c, n_joined, (int)rounds);
  for (int i = 0; i < n_joined; i++) {
    joined[i].axis = listed(c, "scan_output_axes", i);
    joined[i].backwards = listed(c, "scan_output_directions", i);
  }
  OnnxValue *in = arena_array(c->im->m->arena, OnnxValue, c->n_in);
  for (int i = 0; i < states; i++)
    if (call_has(c, i)) in[i] = *c->in[i];
  for (int k = 0; k < rounds; k++) {
    for (int i = 0; i < walked; i++) {
      Value *x = call_value(c, states + i);
      int64_t at = listed(c, "scan_input_directions", i) ? rounds - 1 - k : k;
      Dim left[MAX_RANK];
      if (!x) return false;
      for (int d = 0, n = 0; d < x->type->rank; d++)
        if (d != axes[i]) left[n++] = x->type->dims[d];
      Value *slice = call_reshape(c, call_slice(c, x, axes[i], at, at + 1), x->type->rank - 1, left);
      if (!slice) return false;
      in[states + i] = (OnnxValue){.value = slice};
    }
    OnnxValue *out = arena_array(c->im->m->arena, OnnxValue, g->output.n);
    if (!import_body(c, g, c->n_in, in, (int)g->output.n, out)) return false;
    for (int i = 0; i < states; i++) in[i] = out[i];
    for (int i = 0; i < n_joined; i++)
      if (!(joined[i].rounds[k] = import_value(c->im, &out[states + i], g->output.data[states + i].name))) return false;
  }
  for (int i = 0; i < states && i < c->n_out; i++) c->out[i] = in[i];
  for (int i = 0; i < n_joined; i++)
    if (!join(c, states + i, &joined[i], (int)rounds)) return false;
  return true;
}
