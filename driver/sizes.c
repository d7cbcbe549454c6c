#include "driver/sizes.h"
#include "frontend/frontend.h"
#include "ir/core/checked.h"
#include <string.h>

static size_t name_length(const char *shape) { return strcspn(shape, "="); }

static bool same_input(const char *a, const char *b) {
  size_t n = name_length(a);
  return n == name_length(b) && !strncmp(a, b, n);
}

// How many of the shapes before the i-th are for its input.
static size_t turn_of(const ModelOptions *o, size_t i) {
  size_t turn = 0;
  for (size_t j = 0; j < i; j++) turn += same_input(o->shapes.data[i], o->shapes.data[j]);
  return turn;
}

bool sizes_repeat(const ModelOptions *o, size_t i) {
  size_t all = 0;
  for (size_t j = 0; j < o->shapes.len; j++) all += same_input(o->shapes.data[i], o->shapes.data[j]);
  return all > 1;
}

static bool refuse(Diag *d, const char *shape, const char *why) {
  diag_error_file(d, "--shape", "'%.60s': %s", shape, why);
  return false;
}

// Takes from a shape what it says of bare symbols; `fixed` of them are compared then with all else.
static bool bind(const char *shape, const Module *m, const Value *input, const int64_t *given, Sizes *s, Diag *d) {
  for (int i = 0; i < input->type->rank; i++) {
    int symbol = dim_symbol_index(m->dims, input->type->dims[i]);
    if (symbol < 0 || !given[i]) continue;
    const Symbol *range = dim_symbol_at(m->dims, symbol);
    if (s->dims[symbol] && s->dims[symbol] != given[i]) return refuse(d, shape, "its dimensions do not agree");
    if (given[i] < range->min || given[i] > range->max) return refuse(d, shape, "a size is out of its range");
    s->dims[symbol] = given[i];
  }
  return true;
}

static bool agrees(const char *shape, const Module *m, const Value *input, const int64_t *given, const Sizes *s,
                   Diag *d) {
  for (int i = 0; i < input->type->rank; i++)
    if (given[i] && dim_eval(m->dims, input->type->dims[i], s->dims) != given[i])
      return refuse(d, shape, "the input's dimensions cannot be so");
  return true;
}

static bool add_shape(const char *shape, const Module *m, Sizes *s, Diag *d) {
  int64_t given[MAX_RANK];
  int rank = frontend_parse_shape(shape, given);
  if (rank < 0) return refuse(d, shape, "a shape is a list of positive sizes, such as image=8,3,224,224");
  size_t n = name_length(shape);
  for (size_t i = 0; i < m->inputs.len; i++) {
    const Value *input = m->inputs.data[i];
    if (strncmp(input->name, shape, n) || input->name[n]) continue;
    if (rank != input->type->rank) return refuse(d, shape, "the input has another number of dimensions");
    return bind(shape, m, input, given, s, d) && agrees(shape, m, input, given, s, d);
  }
  return refuse(d, shape, "the model has no such input");
}

static int n_fixed(const Sizes *s) {
  int n = 0;
  for (int i = 0; i < MAX_SYMBOLS; i++) n += s->dims[i] != 0;
  return n;
}

// The runtime takes the first that fits.
static void sort(SizesVec *v) {
  for (size_t i = 1; i < v->len; i++)
    for (size_t j = i; j > 0 && n_fixed(&v->data[j - 1]) < n_fixed(&v->data[j]); j--) {
      Sizes other = v->data[j];
      v->data[j] = v->data[j - 1];
      v->data[j - 1] = other;
    }
}

bool sizes_of(const ModelOptions *o, const Module *m, SizesVec *out, Diag *d) {
  for (size_t i = 0; i < o->shapes.len; i++) {
    const char *shape = o->shapes.data[i];
    if (!sizes_repeat(o, i)) continue;
    size_t turn = turn_of(o, i);
    if (turn == out->len) vec_push(out, (Sizes){0});
    if (!add_shape(shape, m, &out->data[turn], d)) return false;
    if (!n_fixed(&out->data[turn])) return refuse(d, shape, "it fixes no symbolic dimension");
  }
  sort(out);
  return true;
}
