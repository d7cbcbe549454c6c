#include "passes/lower/sparse.h"
#include "ir/core/checked.h"
#include "passes/lower/pack_sparse.h"
#include "passes/lower/shuffled.h"
#include "passes/lower/tile.h"
#include <stdio.h>

// Everything that the parts of the kernels share.
typedef struct Body {
  Kernel *k;
  const Contraction *c;
  const Sparse *s;
  Dim pixels, vectors, bands; // of a picture
  TileSplit split;            // of the vectors in bands; of a known number
  int64_t step;               // elements from one channel's pixels to the next one's
  int64_t blocks;             // of `s->block` input channels
  LExpr *x, *turned;          // parameters; `turned`: of the picture, or of the block at hand
  LExpr *values, *channels, *starts, *bias, *residual, *y;
  LExpr *sums;    // [panels of the task, or one][16][step]
  LExpr *corner;  // 16 x 16, for pixels that are fewer
  LExpr *x_image; // of the task at hand: pointers
  LExpr *out;     // element offset of its picture in y and residual
  LExpr *panel;   // its first panel
  LExpr *count;   // of its panels
  LExpr *first;   // its band's first vector
  LExpr *size;    // and how many that has
  LExpr *own;     // what is turned of its picture and band; NULL: it turns it itself
} Body;

static LExpr *times(Body *o, LExpr *e, Dim d) { return lx_mul(o->k->b, e, kernel_dim(o->k, d)); }

static Body body(Kernel *k, const Contraction *c, const Sparse *s, Dim pixels) {
  DimTable *dims = k->lw->m->dims;
  Body o = {.k = k, .c = c, .s = s, .pixels = pixels, .step = (int64_t)s->width * BLOCK};
  o.vectors = dim_floordiv(dims, dim_add(dims, pixels, BLOCK - 1), BLOCK);
  o.blocks = ceil_div(c->channels_in, s->block);
  if (dim_is_const(pixels)) {
    o.split = tile_split(o.vectors, s->width);
    o.bands = o.split.tiles;
  } else {
    o.bands = dim_floordiv(dims, dim_add(dims, o.vectors, s->width - 1), s->width);
  }
  return o;
}

// ---- turning pixels

// Of `size` vectors from number `first` on those of 16 pixels.
static LExpr *whole_vectors(Body *o, LExpr *first, LExpr *size) {
  LBuilder *b = o->k->b;
  if (dim_is_const(o->pixels) && o->pixels % BLOCK == 0) return size;
  Dim whole = dim_floordiv(o->k->lw->m->dims, o->pixels, BLOCK);
  return loop_let(b, "whole", lx_min(b, size, lx_sub(b, kernel_dim(o->k, whole), first)));
}

// The pixels of the picture's partial vector.
static LExpr *rest_of(Body *o) {
  DimTable *dims = o->k->lw->m->dims;
  Dim whole = dim_mul(dims, dim_floordiv(dims, o->pixels, BLOCK), BLOCK);
  return kernel_dim(o->k, dim_sub(dims, o->pixels, whole));
}

// 16 channels of a vector of pixels. Behind the last of `count` pixels (NULL: 16) it is repeated.
static void turn_vector(Body *o, LExpr *from, LExpr *to, LExpr *count) {
  LBuilder *b = o->k->b;
  LExpr *v[BLOCK];
  for (int i = 0; i < BLOCK; i++) {
    LExpr *pixel = count ? lx_min(b, lx_int(b, i), lx_addi(b, count, -1)) : lx_int(b, i);
    v[i] = loop_let(b, "v", lx_load(b, from, times(o, pixel, o->c->in_pixel), BLOCK));
  }
  shuffled_transpose(b, v);
  for (int i = 0; i < BLOCK; i++) loop_store(b, to, lx_int(b, i * o->step), v[i]);
}

// Vectors [first, first + size) of 16 channels, the first pixel of which is at x.
static void turn_channels(Body *o, LExpr *x, LExpr *to, LExpr *first, LExpr *size) {
  LBuilder *b = o->k->b;
  LExpr *whole = whole_vectors(o, first, size);
  LExpr *i = loop_for(b, "i", lx_int(b, 0), whole, 1);
  LExpr *pixel = lx_muli(b, lx_add(b, first, i), BLOCK);
  turn_vector(o, loop_let(b, "from", lx_add(b, x, times(o, pixel, o->c->in_pixel))),
              loop_let(b, "to", lx_add(b, to, lx_muli(b, i, BLOCK))), NULL);
  loop_end_for(b);
  if (whole == size) return;
  loop_if(b, lx_op(b, LOOP_LT, whole, size));
  pixel = lx_muli(b, lx_add(b, first, whole), BLOCK);
  turn_vector(o, loop_let(b, "from", lx_add(b, x, times(o, pixel, o->c->in_pixel))),
              loop_let(b, "to", lx_add(b, to, lx_muli(b, whole, BLOCK))), rest_of(o));
  loop_end_if(b);
}

// The task's pixels of block number `block` of the input channels; returns where they are.
static LExpr *turned_block(Body *o, LExpr *block) {
  LBuilder *b = o->k->b;
  int64_t of = o->s->block / BLOCK, all = ceil_div(o->c->channels_in, BLOCK);
  if (o->own) return loop_let(b, "turned", lx_add(b, o->own, lx_muli(b, block, o->s->block * o->step)));
  LExpr *begin = loop_let(b, "begin", lx_muli(b, block, of));
  LExpr *count = all % of ? lx_min(b, lx_int(b, of), lx_sub(b, lx_int(b, all), begin)) : lx_int(b, of);
  LExpr *i = loop_for(b, "c", lx_int(b, 0), count, 1);
  LExpr *x = loop_let(b, "xc", lx_add(b, o->x_image, times(o, lx_add(b, begin, i), o->c->in_block)));
  turn_channels(o, x, loop_let(b, "tc", lx_add(b, o->turned, lx_muli(b, i, BLOCK * o->step))), o->first, o->size);
  loop_end_for(b);
  return o->turned;
}

// ---- results

// Where the first pixel of vector number `vector` goes.
static TileOutput output(Body *o, LExpr *panel, LExpr *vector) {
  LBuilder *b = o->k->b;
  const Contraction *c = o->c;
  LExpr *at =
      lx_add(b, o->out, lx_add(b, times(o, panel, c->out_panel), times(o, lx_muli(b, vector, BLOCK), c->out_pixel)));
  TileOutput out = {.y = o->y,
                    .at = loop_let(b, "at", at),
                    .row = kernel_dim(o->k, c->out_pixel),
                    .panel = kernel_dim(o->k, c->out_panel),
                    .residual = o->residual,
                    .act = c->act};
  if (c->out_tail) out.lanes = lx_sub(b, lx_int(b, c->channels_out), lx_muli(b, panel, BLOCK));
  return out;
}

static void turn_back(Body *o, LExpr *sums, LExpr **v) {
  LBuilder *b = o->k->b;
  for (int i = 0; i < BLOCK; i++) v[i] = loop_let(b, "v", lx_load(b, sums, lx_int(b, i * o->step), BLOCK));
  shuffled_transpose(b, v);
}

static void store_whole(Body *o, LExpr *panel, LExpr *sums, LExpr *vector) {
  LBuilder *b = o->k->b;
  LExpr *v[BLOCK];
  turn_back(o, sums, v);
  LVar *pixels = tile_accumulators(o->k, (TileShape){BLOCK, 1});
  for (int i = 0; i < BLOCK; i++) loop_set(b, pixels, v[i], lx_int(b, i), lx_int(b, 0));
  TileOutput out = output(o, panel, vector);
  tile_store(o->k, pixels, (TileShape){BLOCK, 1}, &out);
}

// Of a vector of fewer pixels, one by one.
static void store_rest(Body *o, LExpr *panel, LExpr *sums, LExpr *vector) {
  LBuilder *b = o->k->b;
  LExpr *v[BLOCK];
  turn_back(o, sums, v);
  for (int i = 0; i < BLOCK; i++) loop_store(b, o->corner, lx_int(b, i * BLOCK), v[i]);
  TileOutput out = output(o, panel, vector);
  LExpr *first = out.at, *i = loop_for(b, "i", lx_int(b, 0), rest_of(o), 1);
  LVar *pixel = tile_accumulators(o->k, (TileShape){1, 1});
  loop_set(b, pixel, lx_load(b, o->corner, lx_muli(b, i, BLOCK), BLOCK), lx_int(b, 0), lx_int(b, 0));
  out.at = loop_let(b, "at", lx_add(b, first, times(o, i, o->c->out_pixel)));
  tile_store(o->k, pixel, (TileShape){1, 1}, &out);
  loop_end_for(b);
}

static void store_panel(Body *o, LExpr *panel, LExpr *sums) {
  LBuilder *b = o->k->b;
  LExpr *whole = whole_vectors(o, o->first, o->size);
  LExpr *i = loop_for(b, "i", lx_int(b, 0), whole, 1);
  store_whole(o, panel, loop_let(b, "sv", lx_add(b, sums, lx_muli(b, i, BLOCK))), lx_add(b, o->first, i));
  loop_end_for(b);
  if (whole == o->size) return;
  loop_if(b, lx_op(b, LOOP_LT, whole, o->size));
  store_rest(o, panel, loop_let(b, "sv", lx_add(b, sums, lx_muli(b, whole, BLOCK))), lx_add(b, o->first, whole));
  loop_end_if(b);
}

// ---- sums

static void start_sums(Body *o, LVar *acc, LExpr *channel, int size) {
  LBuilder *b = o->k->b;
  LExpr *v = lx_const(b, acc->type, 0);
  if (o->bias) v = loop_let(b, "start", lx_splat(b, BLOCK, lx_load(b, o->bias, channel, 1)));
  LExpr *i = loop_unroll(b, "i", 0, size);
  loop_set(b, acc, v, i);
  loop_end_for(b);
}

// sums of an output channel += its nonzeros number [lo, hi) times their channels' pixels.
static void add_products(Body *o, LVar *acc, LExpr *turned, LExpr *lo, LExpr *hi, int size) {
  LBuilder *b = o->k->b;
  LExpr *j = loop_for(b, "j", lo, hi, 1);
  LExpr *channel = lx_cast(b, DT_I64, lx_load(b, o->channels, j, 1));
  LExpr *from = loop_let(b, "px", lx_add(b, turned, lx_muli(b, channel, o->step)));
  LExpr *value = loop_let(b, "value", lx_splat(b, BLOCK, lx_load(b, o->values, j, 1)));
  LExpr *i = loop_unroll(b, "i", 0, size);
  loop_set(b, acc, lx_fma(b, value, lx_load(b, from, lx_muli(b, i, BLOCK), BLOCK), lx_local(b, acc, i)), i);
  loop_end_for(b);
  loop_end_for(b);
}

static LExpr *start_of(Body *o, LExpr *at) { return lx_cast(o->k->b, DT_I64, lx_load(o->k->b, o->starts, at, 1)); }

// One output channel: sums that were begun with a block of input channels before wait in memory.
static void add_channel(Body *o, LExpr *block, LExpr *turned, LExpr *channel, LExpr *sums, int size) {
  LBuilder *b = o->k->b;
  LVar *acc = loop_local(b, "acc", L_F32X(BLOCK), 1, (int[]){size});
  bool several = o->blocks > 1;
  if (several) loop_if(b, lx_op(b, LOOP_EQ, block, lx_int(b, 0)));
  start_sums(o, acc, channel, size);
  if (several) {
    loop_else(b);
    LExpr *i = loop_unroll(b, "i", 0, size);
    loop_set(b, acc, lx_load(b, sums, lx_muli(b, i, BLOCK), BLOCK), i);
    loop_end_for(b);
    loop_end_if(b);
  }
  LExpr *at = lx_add(b, lx_muli(b, block, round_up(o->c->channels_out, BLOCK)), channel);
  at = loop_let(b, "at", at);
  LExpr *lo = loop_let(b, "lo", start_of(o, at)), *hi = loop_let(b, "hi", start_of(o, lx_addi(b, at, 1)));
  add_products(o, acc, turned, lo, hi, size);
  LExpr *i = loop_unroll(b, "i", 0, size);
  loop_store(b, sums, lx_muli(b, i, BLOCK), lx_local(b, acc, i));
  loop_end_for(b);
}

// A panel of 16 output channels and the block of input channels that is added to it.
typedef struct Panel {
  Body *o;
  LExpr *number, *sums, *block, *turned;
} Panel;

// Of `size` of the band's vectors from number `start` on.
static void add_channels(void *context, LExpr *start, int size) {
  const Panel *p = context;
  LBuilder *b = p->o->k->b;
  LExpr *at = lx_muli(b, start, BLOCK), *turned = loop_let(b, "from", lx_add(b, p->turned, at));
  LExpr *r = loop_for(b, "r", lx_int(b, 0), lx_int(b, BLOCK), 1);
  LExpr *sums = loop_let(b, "sr", lx_add(b, p->sums, lx_add(b, at, lx_muli(b, r, p->o->step))));
  LExpr *channel = loop_let(b, "channel", lx_add(b, lx_muli(b, p->number, BLOCK), r));
  add_channel(p->o, p->block, turned, channel, sums, size);
  loop_end_for(b);
}

// Bands of a known number of vectors have one of two sizes; of an unknown number the last may have any.
static void add_panel(Panel *p) {
  Body *o = p->o;
  LBuilder *b = o->k->b;
  const TileSplit *s = &o->split;
  LExpr *zero = lx_int(b, 0);
  if (!s->tiles) return tile_for_rows(o->k, o->size, o->s->width, add_channels, p);
  if (s->big) loop_if(b, lx_op(b, LOOP_LT, lx_int(b, s->small), o->size));
  if (s->big) add_channels(p, zero, (int)s->small + 1);
  if (s->big) loop_else(b);
  add_channels(p, zero, (int)s->small);
  if (s->big) loop_end_if(b);
}

// The task's panels of its band.
static void band(Body *o) {
  LBuilder *b = o->k->b;
  bool opened;
  LExpr *block = kernel_loop(o->k, "block", lx_int(b, 0), lx_int(b, o->blocks), &opened);
  LExpr *turned = turned_block(o, block);
  LExpr *i = loop_for(b, "p", lx_int(b, 0), o->count, 1);
  Panel p = {o, loop_let(b, "panel", lx_add(b, o->panel, i)), o->sums, block, turned};
  if (o->blocks > 1) p.sums = loop_let(b, "sp", lx_add(b, o->sums, lx_muli(b, i, BLOCK * o->step)));
  add_panel(&p);
  if (opened) loop_if(b, lx_op(b, LOOP_EQ, block, lx_int(b, o->blocks - 1)));
  store_panel(o, p.number, p.sums);
  if (opened) loop_end_if(b);
  loop_end_for(b);
  kernel_end_loop(o->k, opened);
}

// ---- tasks

// The first vector of band number `number`, and how many it has: of a known number of vectors larger bands are first.
static void open_band(Body *o, LExpr *number) {
  LBuilder *b = o->k->b;
  const TileSplit *s = &o->split;
  if (!s->tiles) {
    o->first = loop_let(b, "first", lx_muli(b, number, o->s->width));
    LExpr *left = lx_sub(b, kernel_dim(o->k, o->vectors), o->first);
    o->size = loop_let(b, "size", lx_min(b, left, lx_int(b, o->s->width)));
    return;
  }
  LExpr *longer = lx_int(b, s->big), *small = lx_int(b, s->small);
  o->first = loop_let(b, "first", lx_add(b, lx_muli(b, number, s->small), lx_min(b, number, longer)));
  o->size = small;
  if (s->big)
    o->size = loop_let(b, "size", lx_select(b, lx_op(b, LOOP_LT, number, longer), lx_addi(b, small, 1), small));
}

// Elements of what is turned of a picture's band.
static int64_t turned_size(const Body *o) { return round_up(o->c->channels_in, BLOCK) * o->step; }

// A phase of its own: tasks are 16 channels of a band.
static LBuffer *turn_apart(Lower *lw, const Node *n, const Contraction *c, const Sparse *s, Dim pixels) {
  Kernel k = kernel_begin(lw, "turn");
  LBuilder *b = k.b;
  Body o = body(&k, c, s, pixels);
  Dim bytes = dim_mul(lw->m->dims, dim_mul(lw->m->dims, c->images, o.bands), turned_size(&o) * (Dim)sizeof(float));
  LBuffer *turned = lower_new_buffer(lw, BUFFER_ARENA, "turned", DT_F32, bytes);
  o.x = kernel_in(&k, "x", c->x);
  o.turned = kernel_buffer(&k, "turned", turned, ACCESS_OUT);
  LExpr *t[3];
  Dim tasks = kernel_tasks(&k, 3, (Dim[]){c->images, o.bands, ceil_div(c->channels_in, BLOCK)}, t);
  LExpr *at = lx_muli(b, lx_add(b, times(&o, t[0], o.bands), t[1]), turned_size(&o));
  open_band(&o, t[1]);
  LExpr *x = lx_add(b, lx_add(b, o.x, times(&o, t[0], c->in_image)), times(&o, t[2], c->in_block));
  at = lx_add(b, at, lx_muli(b, t[2], BLOCK * o.step));
  turn_channels(&o, loop_let(b, "xc", x), loop_let(b, "tc", lx_add(b, o.turned, at)), o.first, o.size);
  kernel_finish(&k, n, tasks, 0, "pixels");
  return turned;
}

static void parameters(Body *o, LBuffer *turned) {
  Kernel *k = o->k;
  const Contraction *c = o->c;
  const Sparse *s = o->s;
  SparseWeights w = pack_sparse(k->lw, c->weight, s->block, s->nonzeros);
  if (!turned) o->x = kernel_in(k, "x", c->x);
  o->values = kernel_buffer(k, "values", w.values, ACCESS_IN);
  o->channels = kernel_buffer(k, "channels", w.channels, ACCESS_IN);
  o->starts = kernel_buffer(k, "starts", w.starts, ACCESS_IN);
  if (c->bias) o->bias = kernel_buffer(k, "bias", pack_vector(k->lw, c->bias), ACCESS_IN);
  contract_results(k, c, false, &o->residual, &o->y);
  int64_t vector = (int64_t)sizeof(float), panels = o->blocks > 1 ? s->group : 1;
  o->turned = turned ? kernel_buffer(k, "turned", turned, ACCESS_IN)
                     : kernel_scratch(k, "turned", DT_F32, s->block * o->step * vector);
  o->sums = kernel_scratch(k, "sums", DT_F32, panels * BLOCK * o->step * vector);
  bool whole = dim_is_const(o->pixels) && o->pixels % BLOCK == 0;
  if (!whole) o->corner = kernel_scratch(k, "corner", DT_F32, BLOCK * BLOCK * vector);
}

void sparse(Lower *lw, const Node *n, const Contraction *c, Dim pixels, const Sparse *s) {
  LBuffer *turned = s->apart ? turn_apart(lw, n, c, s, pixels) : NULL;
  Kernel k = kernel_begin(lw, "sparse");
  LBuilder *b = k.b;
  Body o = body(&k, c, s, pixels);
  int64_t panels = ceil_div(c->channels_out, BLOCK), groups = ceil_div(panels, s->group);
  parameters(&o, turned);
  LExpr *t[3];
  Dim tasks = kernel_tasks(&k, 3, (Dim[]){c->images, groups, o.bands}, t);
  o.panel = loop_let(b, "panel", lx_muli(b, t[1], s->group));
  o.count = lx_int(b, s->group);
  if (panels % s->group) o.count = loop_let(b, "count", lx_min(b, o.count, lx_sub(b, lx_int(b, panels), o.panel)));
  o.out = loop_let(b, "out", times(&o, t[0], c->out_image));
  if (turned) {
    LExpr *number = lx_add(b, times(&o, t[0], o.bands), t[2]);
    o.own = loop_let(b, "own", lx_add(b, o.turned, lx_muli(b, number, turned_size(&o))));
  } else {
    o.x_image = loop_let(b, "xi", lx_add(b, o.x, times(&o, t[0], c->in_image)));
  }
  open_band(&o, t[2]);
  band(&o);
  char detail[64];
  int64_t elements = c->channels_in * c->channels_out;
  snprintf(detail, sizeof detail, "C16 %dx16, %.0f%% zeros", s->width,
           100 * (1 - (double)s->nonzeros / (double)elements));
  int64_t outputs = lower_estimate(lw, dim_mul(lw->m->dims, c->images, pixels));
  kernel_finish(&k, n, tasks, outputs * s->nonzeros, detail);
}
