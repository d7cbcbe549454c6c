// The loop over time of a recurrent layer. A task takes some samples of one direction through all steps: in each,
// register tiles multiply their states by R (as panels of 16 units), then the cell is computed element by element.
// States, and the sums of a step, stay in the task's memory.
#include "ir/graph/recurrent.h"
#include "passes/lower/math.h"
#include "passes/lower/rows.h"
#include "passes/lower/tile.h"
#include <math.h>
#include <string.h>

enum {
  SAMPLES = 16, // of a task
  CHAINS = 8,   // sums at a time that hide the latency of each
};

typedef struct Recurrence {
  Kernel *k;
  const Node *n;
  const RecurrentCell *cell;
  int64_t size, panels, pitch; // units; 16 of them each; elements from one sample's state to the next
  Dim steps, batch;
  int64_t directions;
  LExpr *x, *weight, *bias, *h0, *c0, *lengths, *peepholes, *y, *h_last, *c_last; // NULL: absent
  LExpr *direction, *first, *samples;                                             // of the task
  LExpr *h, *c, *gated, *sums; // [samples][pitch], sums [samples][gates][pitch]; c and gated NULL: not needed
} Recurrence;

static LExpr *times(LBuilder *b, LExpr *a, LExpr *c) { return lx_mul(b, a, c); }

// ---- products with R

typedef struct Product {
  Recurrence *r;
  LExpr *from;     // states, [samples][pitch]
  int gate, gates; // of these
  LExpr *panel;    // the first
  int panels;      // at once
} Product;

static void product_tile(void *context, LExpr *row, int rows) {
  const Product *p = context;
  Recurrence *r = p->r;
  LBuilder *b = r->k->b;
  int G = r->cell->gates, nr = p->gates * p->panels;
  TileShape s = {rows, nr};
  LVar *acc = tile_accumulators(r->k, s);
  tile_start(r->k, acc, s, NULL, NULL);
  LExpr *at = lx_addi(b, times(b, p->panel, lx_int(b, G * r->size * BLOCK)), p->gate * r->size * BLOCK);
  TileOperands o = {.a = loop_let(b, "hp", lx_add(b, p->from, lx_muli(b, row, r->pitch))),
                    .a_row = lx_int(b, r->pitch),
                    .a_step = lx_int(b, 1),
                    .b = loop_let(b, "wp", lx_add(b, r->weight, at)),
                    .b_step = lx_int(b, BLOCK),
                    .b_panel = lx_int(b, (p->gates == 1 ? G : 1) * r->size * BLOCK)};
  tile_multiply(r->k, acc, 0, rows, nr, &o, lx_int(b, r->size));
  LExpr *i = loop_unroll(b, "i", 0, rows);
  LExpr *line = loop_let(b, "line", lx_muli(b, lx_add(b, row, i), G * r->pitch));
  for (int j = 0; j < nr; j++) {
    LExpr *block = lx_muli(b, lx_addi(b, p->panel, j / p->gates), BLOCK);
    LExpr *to = lx_add(b, line, lx_addi(b, block, (p->gate + j % p->gates) * r->pitch));
    loop_store(b, r->sums, to, lx_local(b, acc, i, lx_int(b, j)));
  }
  loop_end_for(b);
}

// sums of `gates` gates from number `gate` on = R from, `panels` panels of units at once, tiles of at most mr samples.
static void product_panels(Recurrence *r, LExpr *from, int gate, int gates, int panels, LExpr *samples, int mr) {
  LBuilder *b = r->k->b;
  Product p = {.r = r, .from = from, .gate = gate, .gates = gates};
  int64_t whole = r->panels / panels * panels;
  for (int part = 0; part < 2; part++) {
    int64_t lo = part ? whole : 0, hi = part ? r->panels : whole;
    p.panels = part ? (int)(hi - lo) : panels;
    if (lo == hi) continue;
    p.panel = loop_for(b, "panel", lx_int(b, lo), lx_int(b, hi), p.panels);
    tile_for_rows(r->k, samples, mr, product_tile, &p);
    loop_end_for(b);
  }
}

// One sample has few sums: those of several panels are formed at once, where all gates or one are asked for, whose
// panels lie evenly apart.
static void product(Recurrence *r, LExpr *from, int gate, int gates) {
  LBuilder *b = r->k->b;
  bool known = r->samples->op == LOOP_INT, even = gates == 1 || gates == r->cell->gates;
  int panels = even ? (int)min_i64((CHAINS + gates - 1) / gates, r->panels) : 1;
  if (!known) loop_if(b, lx_op(b, LOOP_EQ, r->samples, lx_int(b, 1)));
  if (!known || r->samples->i == 1) product_panels(r, from, gate, gates, panels, lx_int(b, 1), 1);
  if (!known) loop_else(b);
  if (!known || r->samples->i != 1)
    product_panels(r, from, gate, gates, 1, r->samples, tile_rows(r->k->lw->target, gates));
  if (!known) loop_end_if(b);
}

// ---- the cell, 16 units of a sample at a time

static LExpr *applied(Recurrence *r, RecurrentRole role, LExpr *v) {
  LBuilder *b = r->k->b;
  RecurrentFunction f = recurrent_function(r->n, role);
  double clip = NODE_ATTR(r->n, RECURRENT, clip)->f;
  v = loop_let(b, "v", v);
  if (isfinite(clip) && role != OF_OUTPUT) {
    v = loop_let(b, "v", math_min(b, v, lx_const(b, v->type, clip)));
    v = loop_let(b, "v", math_max(b, v, lx_const(b, v->type, -clip)));
  }
  if (!strcmp(f.name, "leaky_relu"))
    return lx_select(b, lx_op(b, LOOP_LT, v, lx_const(b, v->type, 0)), lx_mul(b, v, lx_const(b, v->type, f.alpha)), v);
  bool hard = !strcmp(f.name, "hard_sigmoid");
  if (!hard && strcmp(f.name, "affine")) return loop_let(b, "f", math_activation(b, f.name, v));
  LExpr *line = lx_fma(b, v, lx_const(b, v->type, f.alpha), lx_const(b, v->type, f.beta));
  if (!hard) return line;
  line = loop_let(b, "line", math_min(b, loop_let(b, "line", line), lx_const(b, v->type, 1)));
  return math_max(b, line, lx_const(b, v->type, 0));
}

// Where 16 units of a sample lie.
typedef struct Units {
  LExpr *sample, *unit; // of the task's samples; the first unit
  LExpr *x;             // of x, its first gate
  LExpr *state;         // of h, c and gated
  LExpr *y;
  LExpr *lanes; // NULL: all
} Units;

static LExpr *pre(Recurrence *r, const Units *u, int gate) {
  return row_load(r->k, r->x, lx_addi(r->k->b, u->x, gate * r->size), u->lanes, NULL);
}

static LExpr *sum(Recurrence *r, const Units *u, int gate) {
  LBuilder *b = r->k->b;
  LExpr *line = lx_addi(b, lx_muli(b, u->sample, r->cell->gates * r->pitch), gate * r->pitch);
  return lx_load(b, r->sums, lx_add(b, line, u->unit), BLOCK);
}

// W x + b + R h of a gate
static LExpr *gate(Recurrence *r, const Units *u, int g) { return lx_add(r->k->b, pre(r, u, g), sum(r, u, g)); }

// Vector `number` of `per` lists [size] for each direction at p.
static LExpr *of_direction(Recurrence *r, const Units *u, LExpr *p, int number, int per) {
  LBuilder *b = r->k->b;
  LExpr *at = lx_addi(b, lx_muli(b, r->direction, per * r->size), number * r->size);
  return row_load(r->k, p, lx_add(b, at, u->unit), u->lanes, NULL);
}

// a + the numbered peephole times c
static LExpr *peep(Recurrence *r, const Units *u, LExpr *a, int number, LExpr *c) {
  return r->peepholes ? lx_fma(r->k->b, of_direction(r, u, r->peepholes, number, 3), c, a) : a;
}

static LExpr *lstm(Recurrence *r, const Units *u) {
  LBuilder *b = r->k->b;
  LExpr *c = loop_let(b, "c", lx_load(b, r->c, u->state, BLOCK)), *one = lx_const(b, c->type, 1);
  LExpr *i = loop_let(b, "i", applied(r, OF_GATES, peep(r, u, gate(r, u, 0), 0, c)));
  bool coupled = NODE_ATTR(r->n, RECURRENT, coupled)->i;
  LExpr *f = coupled ? lx_sub(b, one, i) : applied(r, OF_GATES, peep(r, u, gate(r, u, 1), 2, c));
  f = loop_let(b, "f", f);
  LExpr *g = applied(r, OF_CANDIDATE, gate(r, u, 2));
  c = loop_let(b, "c", lx_fma(b, f, c, lx_mul(b, i, g)));
  loop_store(b, r->c, u->state, c);
  LExpr *o = loop_let(b, "o", applied(r, OF_GATES, peep(r, u, gate(r, u, 3), 1, c)));
  return lx_mul(b, o, applied(r, OF_OUTPUT, c));
}

// r h, which R multiplies.
static void reset(Recurrence *r, const Units *u) {
  LBuilder *b = r->k->b;
  LExpr *v = applied(r, OF_GATES, gate(r, u, 0));
  loop_store(b, r->gated, u->state, lx_mul(b, v, lx_load(b, r->h, u->state, BLOCK)));
}

static LExpr *gru(Recurrence *r, const Units *u) {
  LBuilder *b = r->k->b;
  LExpr *h = loop_let(b, "h", lx_load(b, r->h, u->state, BLOCK)), *one = lx_const(b, h->type, 1);
  LExpr *z = loop_let(b, "z", applied(r, OF_GATES, gate(r, u, 1))), *n = sum(r, u, 2);
  if (r->bias) n = lx_add(b, n, of_direction(r, u, r->bias, 0, 1));
  if (!r->gated) n = lx_mul(b, applied(r, OF_GATES, gate(r, u, 0)), n);
  n = applied(r, OF_CANDIDATE, lx_add(b, pre(r, u, 2), n));
  return lx_fma(b, z, h, lx_mul(b, lx_sub(b, one, z), n));
}

static void advance(Recurrence *r, const Units *u) {
  LBuilder *b = r->k->b;
  LExpr *h = r->cell->op == OP_LSTM  ? lstm(r, u)
             : r->cell->op == OP_GRU ? gru(r, u)
                                     : applied(r, OF_CANDIDATE, gate(r, u, 0));
  h = loop_let(b, "h", h);
  loop_store(b, r->h, u->state, h);
  row_store(r->k, r->y, u->y, h, u->lanes);
}

static void leave_out(Recurrence *r, const Units *u) {
  row_store(r->k, r->y, u->y, lx_const(r->k->b, L_F32X(BLOCK), 0), u->lanes);
}

typedef void UnitsBody(Recurrence *r, const Units *u);

static void units_of(Recurrence *r, Units *u, LExpr *x, LExpr *y, LExpr *unit, LExpr *lanes, UnitsBody *body) {
  LBuilder *b = r->k->b;
  u->unit = unit;
  u->lanes = lanes;
  u->state = loop_let(b, "at", lx_add(b, lx_muli(b, u->sample, r->pitch), unit));
  u->x = lx_add(b, x, unit);
  u->y = lx_add(b, y, unit);
  body(r, u);
}

// All units of a sample, whose number among the task's is given, at step t.
static void all_units(Recurrence *r, LExpr *sample, LExpr *t, UnitsBody *body) {
  Kernel *k = r->k;
  LBuilder *b = k->b;
  bool batch_first = NODE_ATTR(r->n, RECURRENT, batch_first)->i;
  LExpr *n = lx_add(b, r->first, sample);
  LExpr *row = batch_first ? lx_add(b, lx_mul(b, n, kernel_dim(k, r->steps)), t)
                           : lx_add(b, lx_mul(b, t, kernel_dim(k, r->batch)), n);
  row = loop_let(b, "of", lx_add(b, lx_muli(b, row, r->directions), r->direction));
  LExpr *x = loop_let(b, "xr", lx_muli(b, row, r->cell->gates * r->size)),
        *y = loop_let(b, "yr", lx_muli(b, row, r->size));
  Units u = {.sample = sample};
  int64_t whole = r->size / BLOCK * BLOCK;
  if (whole) {
    units_of(r, &u, x, y, loop_for(b, "unit", lx_int(b, 0), lx_int(b, whole), BLOCK), NULL, body);
    loop_end_for(b);
  }
  if (whole < r->size) units_of(r, &u, x, y, lx_int(b, whole), lx_int(b, r->size - whole), body);
}

// `body` for the units of each sample that has step t, `otherwise` (or nothing) for those that have not.
static void each_sample(Recurrence *r, LExpr *t, UnitsBody *body, UnitsBody *otherwise) {
  Kernel *k = r->k;
  LBuilder *b = k->b;
  bool opened;
  LExpr *sample = kernel_loop(k, "sample", lx_int(b, 0), r->samples, &opened);
  if (r->lengths) {
    LExpr *length = lx_cast(b, DT_I64, lx_load(b, r->lengths, lx_add(b, r->first, sample), 1));
    loop_if(b, lx_op(b, LOOP_LT, t, length));
  }
  all_units(r, sample, t, body);
  if (r->lengths && otherwise) {
    loop_else(b);
    all_units(r, sample, t, otherwise);
  }
  if (r->lengths) loop_end_if(b);
  kernel_end_loop(k, opened);
}

static void step(Recurrence *r, LExpr *t) {
  if (r->gated) {
    product(r, r->h, 0, 2);
    each_sample(r, t, reset, NULL);
    product(r, r->gated, 2, 1);
  } else
    product(r, r->h, 0, r->cell->gates);
  each_sample(r, t, advance, leave_out);
}

// ---- the task

// Between the task's memory and a state of the model, [directions, batch, size]. Lanes behind the last unit become 0.
static void copy_states(Recurrence *r, LExpr *memory, LExpr *model, bool in) {
  Kernel *k = r->k;
  LBuilder *b = k->b;
  bool opened, units;
  LExpr *sample = kernel_loop(k, "sample", lx_int(b, 0), r->samples, &opened);
  LExpr *row = lx_add(b, lx_mul(b, r->direction, kernel_dim(k, r->batch)), lx_add(b, r->first, sample));
  LExpr *unit = kernel_loop(k, "panel", lx_int(b, 0), lx_int(b, r->panels), &units);
  unit = loop_let(b, "unit", lx_muli(b, unit, BLOCK));
  LExpr *at = lx_add(b, lx_muli(b, sample, r->pitch), unit), *of = lx_add(b, lx_muli(b, row, r->size), unit);
  LExpr *lanes = r->size % BLOCK ? lx_min(b, lx_int(b, BLOCK), lx_sub(b, lx_int(b, r->size), unit)) : NULL;
  if (in)
    loop_store(b, memory, at, model ? row_load(k, model, of, lanes, NULL) : lx_const(b, L_F32X(BLOCK), 0));
  else
    row_store(k, model, of, lx_load(b, memory, at, BLOCK), lanes);
  kernel_end_loop(k, units);
  kernel_end_loop(k, opened);
}

static LExpr *memory(Recurrence *r, const char *name, int64_t lists) {
  int64_t most = dim_is_const(r->batch) ? min_i64(r->batch, SAMPLES) : SAMPLES;
  return kernel_scratch(r->k, name, DT_F32, most * lists * r->pitch * (int64_t)sizeof(float));
}

static void begin_task(Recurrence *r, LExpr *const *task) {
  Kernel *k = r->k;
  LBuilder *b = k->b;
  r->direction = task[0];
  LExpr *hi;
  kernel_piece(k, task[1], SAMPLES, r->batch, &r->first, &hi);
  bool known = dim_is_const(r->batch) && (r->batch <= SAMPLES || r->batch % SAMPLES == 0);
  r->samples = known ? lx_int(b, min_i64(r->batch, SAMPLES)) : loop_let(b, "samples", lx_sub(b, hi, r->first));
  int64_t panels = r->panels * r->cell->gates * r->size * BLOCK;
  r->weight = loop_let(b, "weights", lx_add(b, r->weight, lx_muli(b, r->direction, panels)));
  r->h = memory(r, "h", 1);
  r->sums = memory(r, "sums", r->cell->gates);
  if (r->cell->op == OP_LSTM) r->c = memory(r, "c", 1);
  if (r->cell->op == OP_GRU && !NODE_ATTR(r->n, RECURRENT, reset_after)->i) r->gated = memory(r, "gated", 1);
}

static LExpr *step_of(Recurrence *r, LExpr *i) {
  LBuilder *b = r->k->b;
  LExpr *back = lx_sub(b, lx_addi(b, kernel_dim(r->k, r->steps), -1), i);
  if (r->directions == 2) return lx_select(b, lx_op(b, LOOP_EQ, r->direction, lx_int(b, 0)), i, back);
  return NODE_ATTR(r->n, RECURRENT, reverse)->i ? back : i;
}

static LExpr *optional(Kernel *k, const char *name, const Node *n, int i) {
  return operand(n, i) ? kernel_in(k, name, operand(n, i)) : NULL;
}

bool lower_recurrent(Lower *lw, Node *n) {
  const Type *t = operand(n, IN_RECURRENT_x)->type;
  bool batch_first = NODE_ATTR(n, RECURRENT, batch_first)->i, state = NODE_ATTR(n, RECURRENT, return_state)->i;
  Kernel k = kernel_begin(lw, NODE_ATTR(n, RECURRENT, cell)->s);
  LBuilder *b = k.b;
  Recurrence r = {.k = &k, .n = n, .cell = recurrent_cell_of(n->op, n->attrs)};
  r.size = NODE_ATTR(n, RECURRENT, hidden_size)->i;
  r.panels = ceil_div(r.size, BLOCK);
  r.pitch = r.panels * BLOCK;
  r.steps = t->dims[batch_first];
  r.batch = t->dims[!batch_first];
  r.directions = operand(n, IN_RECURRENT_weight)->type->dims[0];
  r.x = kernel_in(&k, "x", operand(n, IN_RECURRENT_x));
  r.weight = kernel_in(&k, "w", operand(n, IN_RECURRENT_weight));
  r.bias = optional(&k, "bias", n, IN_RECURRENT_bias);
  r.h0 = optional(&k, "h0", n, IN_RECURRENT_h0);
  r.c0 = optional(&k, "c0", n, IN_RECURRENT_c0);
  r.lengths = optional(&k, "lengths", n, IN_RECURRENT_lengths);
  r.peepholes = optional(&k, "peepholes", n, IN_RECURRENT_peepholes);
  r.y = kernel_out(&k, "y", n->results[0]);
  if (state) r.h_last = kernel_out(&k, "h_last", n->results[1]);
  if (state && r.cell->states == 2) r.c_last = kernel_out(&k, "c_last", n->results[2]);
  LExpr *task[2];
  Dim tasks = kernel_tasks(&k, 2, (Dim[]){r.directions, kernel_pieces(lw, SAMPLES, r.batch)}, task);
  begin_task(&r, task);
  copy_states(&r, r.h, r.h0, true);
  if (r.c) copy_states(&r, r.c, r.c0, true);
  LExpr *i = loop_for(b, "step", lx_int(b, 0), kernel_dim(&k, r.steps), 1);
  step(&r, loop_let(b, "time", step_of(&r, i)));
  loop_end_for(b);
  if (r.h_last) copy_states(&r, r.h, r.h_last, false);
  if (r.c_last) copy_states(&r, r.c, r.c_last, false);
  Dim macs = dim_mul(lw->m->dims, lower_product(lw, t->dims, 0, 3), r.size);
  kernel_finish(&k, n, tasks, lower_estimate(lw, macs), "");
  return true;
}
