// From an ONNX model to a module: inputs, weights, nodes in order, functions and branches inlined, outputs.
#include "frontend/frontend.h"
#include "frontend/onnx/import.h"
#include "frontend/onnx/nodes.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { NESTING_MAX = 64, NODES_MAX = 1 << 20, OPSET_LEAST = 1 };

static const char *text(const char *s) { return s ? s : ""; }

// "ai.onnx" is the empty domain's other name.
static const char *domain_of(const char *domain) { return domain && strcmp(domain, "ai.onnx") ? domain : ""; }

// ---- names

OnnxValue *import_find(Importer *im, const char *name) {
  const char *key = intern(im->m->names, name);
  for (const Scope *s = im->scope; s; s = s->function ? NULL : s->outer) {
    OnnxValue *v = map_get(&s->names, key);
    if (v) return v;
  }
  return NULL;
}

bool import_exists(const OnnxValue *v) { return v->value || v->known || v->list; }

OnnxValue *import_input(Importer *im, const char *name) {
  const Scope *s = im->scope;
  while (s->outer) s = s->outer;
  return map_get(&s->names, name);
}

void import_bind(Importer *im, const char *name, OnnxValue v) {
  if (!name || !*name) return;
  OnnxValue *kept = arena_new(im->m->arena, OnnxValue);
  *kept = v;
  name = intern(im->m->names, name);
  if (v.value && v.value->kind == VALUE_RESULT && !v.value->alias) v.value->alias = name;
  map_set(&im->scope->names, name, kept);
}

Value *import_value(Importer *im, OnnxValue *v, const char *hint) {
  if (v->list) diag_error_file(im->diag, im->path, "`%s` is a list of tensors where a tensor is needed", hint);
  if (v->value || !v->known) return v->value;
  if (v->known->n)
    v->value = known_value(im->m, v->known, hint);
  else
    diag_error_file(im->diag, im->path, "`%s` has no elements", hint);
  return v->value;
}

// ---- inputs

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// A name that C and the texts of both IRs can have.
static const char *symbol_name(Importer *im, const char *param) {
  char *s = arena_printf(im->m->arena, "%s%s", isdigit((unsigned char)*param) ? "d" : "", param);
  for (char *p = s; *p; p++)
    if (!isalnum((unsigned char)*p) && *p != '_') *p = '_';
  return s;
}

// `2*H + 1`, where inputs before have H; DIM_INVALID: it is a name.
static Dim expression(Importer *im, const char *param) {
  int64_t min, max;
  Dim d = dim_parse(im->m->dims, &param);
  if (d == DIM_INVALID || dim_is_const(d) || *param) return DIM_INVALID;
  dim_range(im->m->dims, d, &min, &max);
  return min >= 1 ? d : DIM_INVALID;
}

static Dim input_dim(Importer *im, const OnnxValueInfo *input, const OnnxDimension *d, int i, int64_t fixed) {
  if (fixed) return fixed;
  int64_t v = d->value.n ? d->value.data[d->value.n - 1] : -1;
  if (v >= 0) return known_int(v);
  const char *own = d->param && d->param[strcspn(d->param, LETTERS)] ? d->param : NULL; // "?" is no name
  Dim known = own ? expression(im, own) : DIM_INVALID;
  if (known != DIM_INVALID) return known;
  const char *name = symbol_name(im, own ? own : arena_printf(im->m->arena, "%s_%d", input->name, i));
  Dim dim = dim_symbol(im->m->dims, name, INT64_MAX / 4);
  if (dim == DIM_INVALID)
    diag_error_file(im->diag, im->path, "a model has at most %d symbolic dimensions; --shape fixes some", MAX_OPEN);
  return dim;
}

// Of --shape: 0 where a dimension is left open. False after a diagnostic.
static bool fixed_shape(Importer *im, const char *input, int rank, int64_t *dims) {
  size_t n = strlen(input);
  memset(dims, 0, sizeof *dims * MAX_RANK);
  for (int i = 0; i < im->options->n_shapes; i++) {
    const char *option = im->options->shapes[i];
    if (strncmp(option, input, n) || option[n] != '=') continue;
    int got = frontend_parse_shape(option + n, dims);
    if (got == rank) continue;
    diag_error_file(im->diag, "--shape",
                    got < 0 ? "'%.60s': a shape is a list of positive sizes, such as image=8,3,224,224"
                            : "'%.60s': the input has another number of dimensions",
                    option);
    return false;
  }
  return true;
}

static const OnnxTensorType *tensor_type(const OnnxType *t) {
  if (t && t->optional_type) t = t->optional_type->elem_type;
  return t ? t->tensor_type : NULL;
}

static int given_value(const Importer *im, const char *name) {
  for (int i = 0; i < im->options->n_values; i++)
    if (!strcmp(im->options->values[i].name, name)) return i + 1;
  return 0;
}

const Known *import_frozen(Importer *im, int value) {
  const OnnxArray *a = &im->options->values[value];
  Known *k = known_new(im->m, a->dtype, a->rank, a->dims);
  if (!k) return NULL;
  for (int64_t i = 0; i < k->n; i++)
    if (dtype_is_float(a->dtype))
      k->e[i].f = dtype_load(a->dtype, a->blob->data, i);
    else
      k->e[i].i = known_int(dtype_load_int(a->dtype, a->blob->data, i));
  im->options->frozen[value] = true;
  return k;
}

static bool add_input(Importer *im, const OnnxValueInfo *input) {
  const OnnxTensorType *t = tensor_type(input->type);
  DType dtype;
  if (!input->name || !*input->name) return diag_error_file(im->diag, im->path, "an input has no name"), false;
  if (!t || !t->shape || t->shape->dim.n > MAX_RANK) {
    diag_error_file(im->diag, im->path, "input `%s` is no tensor of known rank", input->name);
    return false;
  }
  if (!tensor_dtype(t->elem_type, &dtype)) {
    diag_error_file(im->diag, im->path, "input `%s`: nncc has no elements of type %s", input->name,
                    tensor_type_name(t->elem_type));
    return false;
  }
  int rank = (int)t->shape->dim.n;
  Dim dims[MAX_RANK];
  int64_t fixed[MAX_RANK];
  if (!fixed_shape(im, input->name, rank, fixed)) return false;
  for (int i = 0; i < rank; i++) {
    dims[i] = input_dim(im, input, &t->shape->dim.data[i], i, fixed[i]);
    if (dims[i] == DIM_INVALID) return false;
  }
  const Type *type = type_get(im->m, dtype, rank, dims);
  if (type_elements(im->m, type) == DIM_INVALID)
    return diag_error_file(im->diag, im->path, "input `%s` is too large", input->name), false;
  OnnxValue v = {.value = graph_input(im->m, input->name, type), .frozen = given_value(im, input->name)};
  if (type_elements(im->m, type) == 0) {
    v = (OnnxValue){.known = known_new(im->m, dtype, rank, dims)};
    if (!v.known) return diag_error_file(im->diag, im->path, "input `%s` has no elements", input->name), false;
  } else if (v.frozen && im->freeze[v.frozen - 1])
    v.known = import_frozen(im, v.frozen - 1);
  import_bind(im, input->name, v);
  return true;
}

static bool add_weight(Importer *im, const OnnxTensor *t) {
  OnnxArray a;
  const char *what = arena_printf(im->m->arena, "initializer `%s`", text(t->name));
  if (!tensor_read(im, what, t, &a)) return false;
  int64_t n = 1;
  for (int i = 0; i < a.rank; i++) n *= a.dims[i];
  if (n) {
    import_bind(im, t->name, (OnnxValue){.value = tensor_weight(im, t->name, &a)->value});
    return true;
  }
  blob_unref(a.blob); // a list that is empty is known, as an empty shape is
  import_bind(im, t->name, (OnnxValue){.known = known_new(im->m, a.dtype, a.rank, a.dims)});
  return true;
}

// Weights of a graph or branch; before IR version 4 they are among the inputs, too.
static bool add_weights(Importer *im, const OnnxGraph *g) {
  bool ok = true;
  for (size_t i = 0; i < g->initializer.n; i++) ok &= add_weight(im, &g->initializer.data[i]);
  return ok;
}

static bool add_inputs(Importer *im, const OnnxGraph *g) {
  bool ok = true;
  for (size_t i = 0; i < g->input.n; i++)
    if (!import_find(im, text(g->input.data[i].name))) ok &= add_input(im, &g->input.data[i]);
  for (int i = 0; ok && i < im->options->n_shapes; i++) {
    const char *option = im->options->shapes[i];
    bool found = false;
    for (size_t k = 0; k < im->m->inputs.len; k++) {
      size_t n = strlen(im->m->inputs.data[k]->name);
      found |= !strncmp(option, im->m->inputs.data[k]->name, n) && option[n] == '=';
    }
    if (found) continue;
    diag_error_file(im->diag, "--shape", "'%.60s': the model has no such input", option);
    ok = false;
  }
  return ok;
}

// ---- nodes

static int opset_of(const Importer *im, const char *domain) {
  const Scope *s = im->scope;
  while (s && !s->function) s = s->outer;
  size_t n = s ? s->function->opset_import.n : im->model->opset_import.n;
  const OnnxOperatorSet *sets = s ? s->function->opset_import.data : im->model->opset_import.data;
  for (size_t i = 0; i < n; i++)
    if (!strcmp(domain_of(sets[i].domain), domain))
      return sets[i].version > INT32_MAX ? INT32_MAX : (int)sets[i].version;
  return 0;
}

static uint64_t hash_text(const char *s, uint64_t seed) { return hash_bytes(s, strlen(s), seed); }

static uint64_t hash_function(const char *domain, const char *name, const char *overload) {
  return hash_text(domain_of(domain), hash_text(text(name), hash_text(text(overload), 0)));
}

static const OnnxFunction *function_named(const Importer *im, const char *domain, const char *name,
                                          const char *overload) {
  size_t probe = 0;
  for (uint32_t i; index_next(&im->functions, hash_function(domain, name, overload), &probe, &i);) {
    const OnnxFunction *f = &im->model->functions.data[i];
    if (!strcmp(text(f->name), text(name)) && !strcmp(domain_of(f->domain), domain_of(domain)) &&
        !strcmp(text(f->overload), text(overload)))
      return f;
  }
  return NULL;
}

static const OnnxFunction *find_function(const Importer *im, const OnnxNode *n) {
  return function_named(im, n->domain, n->op_type, n->overload);
}

// Of functions that are named alike the first counts.
static void index_functions(Importer *im) {
  for (size_t i = 0; i < im->model->functions.n; i++) {
    const OnnxFunction *f = &im->model->functions.data[i];
    if (!function_named(im, f->domain, f->name, f->overload))
      index_add(&im->functions, hash_function(f->domain, f->name, f->overload), (uint32_t)i);
  }
}

static bool count_node(Importer *im, Call *c) {
  if (++im->nodes <= NODES_MAX) return true;
  return call_fail(c, "with functions and loops there are more than %d nodes", NODES_MAX);
}

// A body counts as a node: a round of a loop takes memory even where it is empty.
static bool enter(Importer *im, Call *c) {
  if (++im->nesting <= NESTING_MAX) return count_node(im, c);
  return call_fail(c, "functions and branches are nested more than %d deep", NESTING_MAX);
}

static bool inline_function(Importer *im, Call *c, const OnnxFunction *f) {
  Scope inner = {.outer = im->scope, .caller = c->node, .function = f};
  if (!enter(im, c)) return im->nesting--, false;
  Vec(OnnxValue) given = {0};
  for (int i = 0; i < c->n_in; i++) vec_push(&given, c->in[i] ? *c->in[i] : (OnnxValue){0});
  im->scope = &inner;
  for (size_t i = 0; i < f->input.n && i < given.len; i++)
    if (import_exists(&given.data[i])) import_bind(im, f->input.data[i], given.data[i]);
  vec_free(&given);
  bool ok = import_nodes(im, f->node.data, f->node.n);
  for (size_t i = 0; i < f->output.n && i < (size_t)c->n_out; i++) {
    OnnxValue *v = import_find(im, f->output.data[i]);
    if (v) c->out[i] = *v;
  }
  im->scope = (Scope *)inner.outer;
  map_free(&inner.names);
  im->nesting--;
  return ok;
}

bool import_body(Call *c, const OnnxGraph *g, int n_in, const OnnxValue *in, int n_out, OnnxValue *out) {
  Importer *im = c->im;
  Scope inner = {.outer = im->scope};
  if (!enter(im, c)) return im->nesting--, false;
  im->scope = &inner;
  for (int i = 0; i < n_in; i++)
    if (import_exists(&in[i])) import_bind(im, g->input.data[i].name, in[i]);
  bool ok = add_weights(im, g) && import_nodes(im, g->node.data, g->node.n);
  for (size_t i = 0; i < g->output.n && i < (size_t)n_out; i++) {
    OnnxValue *v = import_find(im, text(g->output.data[i].name));
    if (v) out[i] = *v;
  }
  im->scope = (Scope *)inner.outer;
  map_free(&inner.names);
  im->nesting--;
  return ok;
}

// False after a diagnostic; also where an operand could not be made, of which something was said then.
static bool find_operands(Call *c) {
  bool ok = true;
  for (int i = 0; i < c->n_in; i++) {
    const char *name = c->node->input.data[i];
    if (!*name) continue;
    c->in[i] = import_find(c->im, name);
    if (!c->in[i])
      ok = call_fail(c, "no node before it makes `%s`", name);
    else if (!import_exists(c->in[i]))
      ok = false;
  }
  return ok;
}

static bool import_node(Importer *im, const OnnxNode *node) {
  const char *domain = domain_of(node->domain);
  Call c = {
      .im = im, .node = node, .opset = opset_of(im, domain), .n_in = (int)node->input.n, .n_out = (int)node->output.n};
  c.in = arena_array(im->m->arena, OnnxValue *, node->input.n);
  c.out = arena_array(im->m->arena, OnnxValue, node->output.n);
  const OnnxFunction *f = find_function(im, node);
  const NodeRow *row = f ? NULL : nodes_find(domain, text(node->op_type));
  int before = diag_errors(im->diag);
  bool operands = find_operands(&c), ok = operands && count_node(im, &c);
  if (ok && f)
    ok = inline_function(im, &c, f);
  else if (ok && row)
    ok = known_fold(&c) || row->convert(&c, row->op);
  else
    ok = ok && !row;                                    // unknown ones have been reported
  if (ok && diag_errors(im->diag) > before) ok = false; // of an attribute that has another kind
  if (operands && !ok && row && !im->again && diag_errors(im->diag) == before)
    call_fail(&c, "an operand is missing, or is of a kind that it cannot have");
  for (int i = 0; i < c.n_out; i++) // an error has told why one does not exist, unless the node has no such result
    if (!ok || import_exists(&c.out[i])) import_bind(im, node->output.data[i], c.out[i]);
  return ok;
}

bool import_nodes(Importer *im, const OnnxNode *nodes, size_t n) {
  bool ok = true;
  for (size_t i = 0; i < n && !im->again && im->nodes <= NODES_MAX; i++)
    if (nodes[i].output.n) ok &= import_node(im, &nodes[i]); // one without results does nothing
  return ok && !im->again;
}

// ---- what nncc does not know

typedef struct Missing {
  const char *domain, *op, *first;
  int version, count;
} Missing;

typedef struct Survey {
  const Importer *im;
  Vec(Missing) missing;
  Index ops;  // of those that are missing
  bool *seen; // of each function
} Survey;

static void survey_nodes(Survey *s, const OnnxNode *nodes, size_t n, int depth);

static void survey_node(Survey *s, const OnnxNode *n, int depth) {
  const char *domain = domain_of(n->domain), *op = text(n->op_type);
  for (size_t i = 0; i < n->attribute.n; i++)
    if (n->attribute.data[i].g)
      survey_nodes(s, n->attribute.data[i].g->node.data, n->attribute.data[i].g->node.n, depth);
  const OnnxFunction *f = find_function(s->im, n);
  if (f) {
    bool *seen = &s->seen[f - s->im->model->functions.data];
    if (!*seen) *seen = true, survey_nodes(s, f->node.data, f->node.n, depth + 1);
    return;
  }
  if (nodes_find(domain, op)) return;
  uint64_t hash = hash_text(domain, hash_text(op, 0));
  size_t probe = 0;
  for (uint32_t i; index_next(&s->ops, hash, &probe, &i);) {
    Missing *m = &s->missing.data[i];
    if (strcmp(m->domain, domain) || strcmp(m->op, op)) continue;
    m->count++;
    return;
  }
  index_add(&s->ops, hash, (uint32_t)s->missing.len);
  const char *first = n->name && *n->name ? n->name : n->output.n ? n->output.data[0] : "";
  vec_push(&s->missing, (Missing){domain, op, first, opset_of(s->im, domain), 1});
}

static void survey_nodes(Survey *s, const OnnxNode *nodes, size_t n, int depth) {
  if (depth > NESTING_MAX) return;
  for (size_t i = 0; i < n; i++) survey_node(s, &nodes[i], depth);
}

static bool all_known(Importer *im) {
  Survey s = {.im = im, .seen = xcalloc(im->model->functions.n + 1, 1)};
  const OnnxGraph *g = im->model->graph;
  survey_nodes(&s, g->node.data, g->node.n, 0);
  StrBuf b = {0};
  for (size_t i = 0; i < s.missing.len; i++) {
    const Missing *m = &s.missing.data[i];
    strbuf_printf(&b, "\n   %s%s%s version %d   %d %s, the first `%s`", m->domain, *m->domain ? "." : "", m->op,
                  m->version, m->count, m->count == 1 ? "node" : "nodes", m->first);
  }
  bool ok = !s.missing.len;
  if (!ok)
    diag_error_file(im->diag, im->path, "%zu %s not known%s", s.missing.len, s.missing.len == 1 ? "op is" : "ops are",
                    strbuf_str(&b));
  strbuf_free(&b);
  vec_free(&s.missing);
  index_free(&s.ops);
  free(s.seen);
  return ok;
}

// ---- outputs

// A tensor of no elements can only be given back.
static Value *output_value(Importer *im, OnnxValue *v, const char *name) {
  if (v->value || !v->known || v->known->n) return import_value(im, v, name);
  const Type *t = type_get(im->m, v->known->dtype, v->known->rank, v->known->dims);
  return graph_dense(im->m, name, t, blob_malloc(0))->value;
}

static bool add_outputs(Importer *im, const OnnxGraph *g) {
  bool ok = true;
  Map taken = {0};
  for (size_t i = 0; i < g->output.n; i++) {
    const char *name = intern(im->m->names, text(g->output.data[i].name));
    OnnxValue *v = import_find(im, name);
    if (!v) {
      diag_error_file(im->diag, im->path, "no node makes the output `%s`", name);
      ok = false;
      continue;
    }
    Value *value = output_value(im, v, name);
    ok &= value != NULL;
    if (!value) continue;
    if (map_get(&taken, name)) {
      diag_error_file(im->diag, im->path, "two outputs are named `%s`", name);
      ok = false;
    }
    map_set(&taken, name, value);
    graph_output(im->m, name, value);
    if (!value->name) value->name = name;
  }
  map_free(&taken);
  if (!g->output.n) diag_error_file(im->diag, im->path, "the graph has no output");
  return ok && g->output.n;
}

// That of the file: graphs are called main_graph or torch_jit.
static const char *model_name(Importer *im) {
  const char *slash = strrchr(im->path, '/'), *name = slash ? slash + 1 : im->path;
  return symbol_name(im, arena_strndup(im->m->arena, name, strcspn(name, ".")));
}

static bool import_graph(Importer *im) {
  const OnnxGraph *g = im->model->graph;
  int opset = opset_of(im, "");
  if (!g) return diag_error_file(im->diag, im->path, "it holds no graph"), false;
  if (opset && opset < OPSET_LEAST)
    return diag_error_file(im->diag, im->path, "it is of opset %d; opsets from %d on are known", opset, OPSET_LEAST),
           false;
  im->m->name = model_name(im);
  bool known = all_known(im), ok = add_weights(im, g);
  ok = add_inputs(im, g) && ok && known;
  return ok && import_nodes(im, g->node.data, g->node.n) && add_outputs(im, g);
}

static void close_files(Importer *im) {
  for (size_t i = 0; i < im->externals.len; i++) mapped_unref(im->externals.data[i].file);
  vec_free(&im->externals);
  mapped_unref(im->file);
  free(im->folder);
}

static const void *read_message(Importer *im, const ProtoInfo *of, Arena *a) {
  const char *problem;
  const char *slash = strrchr(im->path, '/');
  im->folder = slash ? xstrndup(im->path, slash == im->path ? 1 : (size_t)(slash - im->path)) : xstrdup(".");
  if (!(im->file = mapped_open(im->path, im->diag))) return NULL;
  const void *message = proto_read(a, of, im->file->data, im->file->size, &problem);
  if (!message) diag_error_file(im->diag, im->path, "it is no ONNX file, or damaged: %s", problem);
  return message;
}

// Once more where it was found on the way that an input's elements have to be known from the start.
static bool import_module(Importer *im) {
  int before = diag_errors(im->diag);
  for (;;) {
    Scope top = {0};
    im->m = module_create(im->diag);
    im->scope = &top;
    im->nesting = im->nodes = 0;
    im->again = false;
    bool ok = import_graph(im);
    map_free(&top.names);
    if (ok || !im->again || diag_errors(im->diag) > before) return ok;
    module_destroy(im->m);
  }
}

Module *onnx_import(Diag *d, const char *path, const OnnxOptions *o) {
  Importer im = {.diag = d, .path = path, .options = o};
  Arena *messages = arena_create();
  im.model = read_message(&im, &proto_Model, messages);
  im.freeze = xcalloc((size_t)o->n_values + 1, sizeof *im.freeze);
  int before = diag_errors(d);
  if (im.model) index_functions(&im);
  bool ok = im.model && import_module(&im);
  if (ok) graph_drop_unused_weights(im.m);
  if (!ok && im.model && diag_errors(d) == before) diag_error_file(d, path, "it cannot be converted");
  arena_destroy(messages);
  close_files(&im);
  index_free(&im.functions);
  free(im.freeze);
  if (ok) return im.m;
  if (im.m) module_destroy(im.m);
  return NULL;
}

bool onnx_read_array(Diag *d, const char *path, Arena *a, OnnxArray *array) {
  Importer im = {.diag = d, .path = path};
  const OnnxTensor *t = read_message(&im, &proto_Tensor, a);
  bool ok = t && tensor_read(&im, "the tensor", t, array);
  close_files(&im);
  return ok;
}
