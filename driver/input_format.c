#include "driver/input_format.h"
#include "passes/graph/rewrite.h"
#include <string.h>

enum { COLOURS = 3 };

bool input_format_parse(const char *text, InputFormat *f) {
  static const char *const words[] = {"u8", "f32", "nhwc", "nchw", "bgr", "rgb"};
  enum { WORDS = sizeof words / sizeof *words };
  bool seen[WORDS / 2] = {0};
  *f = (InputFormat){.given = true};
  for (const char *s = text;; s++) {
    size_t n = strcspn(s, ",");
    int i = 0;
    while (i < WORDS && (strlen(words[i]) != n || strncmp(words[i], s, n))) i++;
    if (i == WORDS || seen[i / 2]) return false;
    seen[i / 2] = true;
    if (i / 2 == 0) f->bytes = i % 2 == 0;
    if (i / 2 == 1) f->nhwc = i % 2 == 0;
    if (i / 2 == 2) f->order = i % 2 == 0 ? ORDER_BGR : ORDER_RGB;
    s += n;
    if (!*s) return true;
  }
}

static bool is_picture(const Type *t) {
  return t->dtype == DT_F32 && t->rank == 4 && (t->dims[1] == 1 || t->dims[1] == COLOURS);
}

// ---- the order of channels

static MetaEntry *order_entry(Module *m, const Value *input) {
  return module_meta(m, arena_printf(m->arena, "order.%s", input->name));
}

// Whether the channels come in the other order than the model's; notes in `meta` which it is.
static bool turns(Module *m, const Value *input, const InputFormat *f) {
  if (f->order == ORDER_OWN || input->type->dims[1] != COLOURS) return false;
  const char *wanted = f->order == ORDER_BGR ? "bgr" : "rgb";
  MetaEntry *e = order_entry(m, input);
  bool same = !strcmp(e ? e->value.s : "rgb", wanted);
  Attr value = {.kind = ATTR_STRING, .s = intern(m->names, wanted)};
  if (e)
    e->value = value;
  else
    vec_push(&m->meta, (MetaEntry){arena_printf(m->arena, "order.%s", input->name), value});
  return !same;
}

// x with the elements of axis 1 in the other order.
static Value *turned(Module *m, Node *before, Value *x) {
  Value *planes[COLOURS];
  for (int i = 0; i < COLOURS; i++) planes[i] = rewrite_slice(m, before, x, 1, COLOURS - 1 - i, COLOURS - i);
  Attr *attrs = rewrite_attrs(m, OP_CONCAT);
  attrs[ATTR_CONCAT_dim] = (Attr){.kind = ATTR_INT, .i = 1};
  return rewrite_named(m, before, NULL, OP_CONCAT, COLOURS, planes, attrs);
}

// The weights of a layer over all channels of its picture; NULL: it is none, or they are computed.
static Weight *weights_of(const Use *u, int *index) {
  const Node *n = u->user;
  bool embeds = n->op == OP_PATCH_EMBED, convolves = n->op == OP_CONV2D && NODE_ATTR(n, CONV2D, groups)->i == 1;
  *index = embeds ? IN_PATCH_EMBED_weight : IN_CONV2D_weight;
  if (u != &n->operands[0] || (!embeds && !convolves)) return NULL;
  Weight *w = operand(n, *index)->weight;
  return operand(n, *index)->kind == VALUE_WEIGHT && w->source != WEIGHT_MISSING ? w : NULL;
}

// [O, C, ...] with its channels in the other order.
static Value *turned_weight(Module *m, Weight *w) {
  int64_t count = weight_count(w), plane = count / (w->type->dims[0] * COLOURS);
  Blob *blob = blob_malloc((size_t)count * sizeof(float));
  float *from = xmalloc((size_t)count * sizeof(float)), *to = (float *)blob->data;
  weight_to_f32(w, 0, count, from);
  for (int64_t i = 0; i < count; i++) {
    int64_t channel = i / plane % COLOURS;
    to[i + (COLOURS - 1 - 2 * channel) * plane] = from[i];
  }
  free(from);
  return graph_dense(m, w->name, w->type, blob)->value;
}

// Turns the weights of all layers that read the picture instead of the picture, which costs nothing at run.
static bool turn_weights(Module *m, Value *picture) {
  int index;
  for (const Use *u = picture->uses; u; u = u->next)
    if (!weights_of(u, &index)) return false;
  if (graph_is_output(m, picture)) return false;
  for (const Use *u = picture->uses; u; u = u->next) {
    Weight *w = weights_of(u, &index);
    graph_set_operand(u->user, index, turned_weight(m, w));
  }
  return true;
}

// ---- bytes

// A value by channel from `meta`: one number stands for all. In the other order where the channels are.
static Attr by_channel(Module *m, const char *key, double otherwise, int64_t channels, bool turn) {
  const MetaEntry *e = module_meta(m, key);
  const Attr *a = e && e->value.kind == ATTR_FLOATS && (e->value.n == 1 || e->value.n == channels) ? &e->value : NULL;
  double *v = arena_array(m->arena, double, channels);
  for (int64_t i = 0; i < channels; i++) v[i] = !a ? otherwise : a->floats[a->n == 1 ? 0 : turn ? channels - 1 - i : i];
  return (Attr){.kind = ATTR_FLOATS, .n = (int)channels, .floats = v};
}

static Value *normalized(Module *m, Node *before, Value *x, int64_t channels, bool turn) {
  const MetaEntry *scale = module_meta(m, "scale");
  Attr *attrs = rewrite_attrs(m, OP_NORMALIZE);
  attrs[ATTR_NORMALIZE_mean] = by_channel(m, "mean", 0, channels, turn);
  attrs[ATTR_NORMALIZE_std] = by_channel(m, "std", 1, channels, turn);
  attrs[ATTR_NORMALIZE_scale] = (Attr){.kind = ATTR_FLOAT, .f = scale ? scale->value.f : 255};
  return rewrite_named(m, before, NULL, OP_NORMALIZE, 1, &x, attrs);
}

// ---- inputs

// What the model reads instead of the input, computed first of all.
static Value *restored(Module *m, Value *input, const InputFormat *f, bool turn, bool in_weights) {
  Node *before = m->first;
  Value *x = input;
  if (f->nhwc) {
    Attr *attrs = rewrite_attrs(m, OP_PERMUTE);
    attrs[ATTR_PERMUTE_dims] = rewrite_ints(m, ATTR_INTS, 4, (int64_t[]){0, 3, 1, 2});
    x = rewrite_named(m, before, NULL, OP_PERMUTE, 1, &x, attrs);
  }
  x = rewrite_cast(m, before, x, DT_F32);
  if (turn && !in_weights) x = turned(m, before, x);
  return f->bytes ? normalized(m, before, x, x->type->dims[1], in_weights) : x;
}

// mean and std are by channel of what the model's caller gives.
static void turn_meta(Module *m, const char *key) {
  MetaEntry *e = module_meta(m, key);
  if (e && e->value.kind == ATTR_FLOATS && e->value.n == COLOURS) e->value = by_channel(m, key, 0, COLOURS, true);
}

// True where the order of channels is another one afterwards.
static bool change(Module *m, Value *input, const InputFormat *f) {
  const Type *old = input->type;
  Dim last[] = {old->dims[0], old->dims[2], old->dims[3], old->dims[1]};
  bool turn = turns(m, input, f), in_weights = turn && turn_weights(m, input);
  Vec(Use *) readers = {0};
  for (Use *u = input->uses; u; u = u->next) vec_push(&readers, u);
  input->type = type_get(m, f->bytes ? DT_U8 : DT_F32, 4, f->nhwc ? last : old->dims);
  Value *x = restored(m, input, f, turn, in_weights);
  for (size_t i = 0; i < readers.len; i++) {
    Node *n = readers.data[i]->user;
    graph_set_operand(n, (int)(readers.data[i] - n->operands), x);
  }
  for (size_t i = 0; i < m->outputs.len; i++)
    if (m->outputs.data[i].value == input) m->outputs.data[i].value = x;
  vec_free(&readers);
  return turn;
}

bool input_format_apply(Module *m, const InputFormat *f, Diag *d) {
  if (!f->given) return true;
  int n = 0;
  bool turned = false;
  for (size_t i = 0; i < m->inputs.len; i++) {
    if (!is_picture(m->inputs.data[i]->type) || !m->first) continue;
    turned = change(m, m->inputs.data[i], f) || turned;
    n++;
  }
  if (turned) turn_meta(m, "mean"), turn_meta(m, "std");
  if (!n) diag_error_file(d, "--input-format", "no input of this model is a picture f32[N, 3, H, W]");
  return n;
}
