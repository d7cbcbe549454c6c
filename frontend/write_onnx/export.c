#include "frontend/write_onnx/export.h"
#include "frontend/onnx/encode.h"
#include "frontend/onnx/proto.h"

// ---- names

// The bytes of the UTF-8 character at s; 0 where there is none.
static int utf8_length(const char *s) {
  const unsigned char *p = (const unsigned char *)s;
  int n = *p < 0x80 ? 1 : *p >= 0xc2 && *p < 0xe0 ? 2 : *p >= 0xe0 && *p < 0xf0 ? 3 : *p >= 0xf0 && *p < 0xf5 ? 4 : 0;
  for (int i = 1; i < n; i++)
    if (p[i] >> 6 != 2) return 0;
  bool long_form = (*p == 0xe0 && p[1] < 0xa0) || (*p == 0xf0 && p[1] < 0x90);
  bool no_character = (*p == 0xed && p[1] > 0x9f) || (*p == 0xf4 && p[1] > 0x8f);
  return long_form || no_character ? 0 : n;
}

const char *export_clean(Export *e, const char *s) {
  StrBuf b = {0};
  for (int n; *s; s += n ? n : 1) {
    n = utf8_length(s);
    bool ok = n > 1 || (n == 1 && (unsigned char)*s >= 0x20 && *s != 0x7f);
    strbuf_write(&b, ok ? s : "_", ok ? (size_t)n : 1);
  }
  const char *cleaned = intern(e->m->names, b.len ? b.s : "_");
  strbuf_free(&b);
  return cleaned;
}

typedef struct NameCount {
  int next; // number to try when the name is asked for again
} NameCount;

static const char *unique(Export *e, Map *taken, const char *hint) {
  const char *base = export_clean(e, hint), *name = base;
  NameCount *count = map_get(taken, base);
  while (count && map_get(taken, name))
    name = intern(e->m->names, arena_printf(e->m->arena, "%s.%d", base, count->next++));
  NameCount *fresh = arena_new(e->m->arena, NameCount);
  fresh->next = 1;
  map_set(taken, name, fresh);
  return name;
}

const char *export_name(Export *e, const char *hint) { return unique(e, &e->values, hint); }
const char *export_node_name(Export *e, const char *hint) { return unique(e, &e->layers, hint); }

// ---- nodes

Term *export_further(Export *e) {
  Term *t = arena_new(e->m->arena, Term);
  vec_push(&vec_last(&e->pending).outputs, t);
  return t;
}

Term *export_op(Export *e, const char *op, int n, Term *const *inputs) {
  while (n && !inputs[n - 1]) n--;
  vec_push(&e->pending, (ExportNode){.op = op, .n_inputs = n});
  vec_last(&e->pending).inputs = arena_memdup(e->m->arena, inputs, sizeof *inputs * (size_t)n);
  return export_further(e);
}

// AttributeProto.AttributeType
enum { TYPE_FLOAT = 1, TYPE_INT = 2, TYPE_STRING = 3, TYPE_FLOATS = 6, TYPE_INTS = 7, TYPE_STRINGS = 8 };

static void end_attribute(Export *e, const char *name, int type, StrBuf *value) {
  StrBuf a = {0};
  encode_text(&a, FIELD_Attribute_name, name);
  strbuf_write(&a, strbuf_str(value), value->len);
  encode_int(&a, FIELD_Attribute_type, type);
  strbuf_free(value);
  encode_part(&vec_last(&e->pending).attributes, FIELD_Node_attribute, &a);
}

void export_int(Export *e, const char *name, int64_t v) {
  StrBuf a = {0};
  encode_int(&a, FIELD_Attribute_i, v);
  end_attribute(e, name, TYPE_INT, &a);
}

void export_float(Export *e, const char *name, double v) {
  StrBuf a = {0};
  encode_float(&a, FIELD_Attribute_f, (float)v);
  end_attribute(e, name, TYPE_FLOAT, &a);
}

void export_text(Export *e, const char *name, const char *s) {
  StrBuf a = {0};
  encode_text(&a, FIELD_Attribute_s, s);
  end_attribute(e, name, TYPE_STRING, &a);
}

void export_ints(Export *e, const char *name, int n, const int64_t *v) {
  StrBuf a = {0};
  for (int i = 0; i < n; i++) encode_int(&a, FIELD_Attribute_ints, v[i]);
  end_attribute(e, name, TYPE_INTS, &a);
}

void export_floats(Export *e, const char *name, int n, const double *v) {
  StrBuf a = {0};
  for (int i = 0; i < n; i++) encode_float(&a, FIELD_Attribute_floats, (float)v[i]);
  end_attribute(e, name, TYPE_FLOATS, &a);
}

void export_texts(Export *e, const char *name, int n, const char *const *v) {
  StrBuf a = {0};
  for (int i = 0; i < n; i++) encode_text(&a, FIELD_Attribute_strings, v[i]);
  end_attribute(e, name, TYPE_STRINGS, &a);
}

Term *export_cast(Export *e, Term *x, DType to) {
  Term *y = EXPORT(e, "Cast", x);
  export_int(e, "to", onnx_data_type(to));
  return y;
}

void export_custom(Export *e) {
  const OpInfo *info = op_info(e->node->op);
  Term *operands[MAX_RANK] = {0};
  for (int i = 0; i < e->node->n_operands; i++) operands[i] = export_operand(e, i);
  Term *y = export_op(e, info->name, e->node->n_operands, operands);
  vec_last(&e->pending).domain = "nncc";
  for (int i = 0; i < info->n_attrs; i++) // what such ops have: lists of numbers
    export_ints(e, op_attr(e->node->op, i)->name, e->node->attrs[i].n, e->node->attrs[i].ints);
  export_result(e, 0, y);
  e->custom = true;
  diag_warning(e->d, e->node->span,
               "%s of %s is written as a node of the domain `nncc`, which other programs do not know: ONNX has no op "
               "for windows of open sizes",
               info->name, type_str(e->m, export_type(e, 0)));
}

// ---- constants: one of each content

static Term *constant(Export *e, DType dtype, int rank, const int64_t *dims, const void *data, size_t size) {
  StrBuf t = {0}, key = {0};
  for (int i = 0; i < rank; i++) encode_int(&t, FIELD_Tensor_dims, dims[i]);
  encode_int(&t, FIELD_Tensor_data_type, onnx_data_type(dtype));
  encode_bytes(&t, FIELD_Tensor_raw_data, data, size);
  for (size_t i = 0; i < t.len; i++) strbuf_printf(&key, "%02x", (unsigned char)t.s[i]);
  const char *known = intern(e->m->names, key.s);
  Term *term = map_get(&e->known, known);
  strbuf_free(&key);
  if (term) return strbuf_free(&t), term;
  term = arena_new(e->m->arena, Term);
  term->name = export_name(e, "constant");
  encode_text(&t, FIELD_Tensor_name, term->name);
  encode_part(&e->constants, FIELD_Graph_initializer, &t);
  map_set(&e->known, known, term);
  return term;
}

Term *export_tensor(Export *e, DType dtype, int rank, const int64_t *dims, const double *v) {
  int64_t n = 1;
  for (int i = 0; i < rank; i++) n *= dims[i];
  size_t size = (size_t)n * dtype_size(dtype);
  char *data = xcalloc(size + 1, 1);
  for (int64_t i = 0; i < n; i++) dtype_store(dtype, data, i, v[i]);
  Term *t = constant(e, dtype, rank, dims, data, size);
  free(data);
  return t;
}

Term *export_scalar(Export *e, DType dtype, double v) { return export_tensor(e, dtype, 0, NULL, &v); }

Term *export_integer(Export *e, int64_t v) { return constant(e, DT_I64, 0, NULL, &v, sizeof v); }

Term *export_list(Export *e, int n, const int64_t *v) {
  return constant(e, DT_I64, 1, (int64_t[]){n}, n ? v : (const int64_t[]){0}, sizeof *v * (size_t)n);
}

Term *export_filled(Export *e, DType dtype, int64_t n, double v) {
  double *all = xcalloc((size_t)n + 1, sizeof *all);
  for (int64_t i = 0; i < n; i++) all[i] = v;
  Term *t = export_tensor(e, dtype, 1, &n, all);
  free(all);
  return t;
}

// ---- operands and results

Term *export_operand(Export *e, int i) {
  const Value *v = operand(e->node, i);
  return v ? e->terms[v->id] : NULL;
}

Term *export_in(Export *e, int i) {
  Term *t = export_operand(e, i);
  if (!t || export_type(e, i)->dtype == e->dtype) return t;
  return export_cast(e, t, e->dtype);
}

void export_result(Export *e, int i, Term *t) { e->terms[e->node->results[i]->id] = t; }

void export_out(Export *e, Term *t) {
  DType own = export_result_type(e)->dtype;
  export_result(e, 0, own == e->dtype ? t : export_cast(e, t, own));
}

// ---- a node of the IR

static DType dtype_for(unsigned types, DType own) {
  if (types >> own & 1) return own;
  if (dtype_is_float(own)) return DT_F32;
  return types >> DT_I64 & 1 ? DT_I64 : DT_F64; // which holds the sums that 53 bits do
}

// Results of the IR's node are named after what it is: its output, its own name, the layer.
static void name_results(Export *e, const char *layer, const char *const *outputs) {
  for (int i = 0; i < e->node->n_results; i++) {
    const Value *v = e->node->results[i];
    Term *t = e->terms[v->id];
    t->name = outputs[v->id] ? outputs[v->id] : export_name(e, v->name ? v->name : layer);
  }
}

// Where the node stands in the model's source.
static const char *place_of(Export *e) {
  const Span *s = &e->node->span;
  int line, column;
  if (!s->file) return NULL;
  diag_position(e->d, *s, &line, &column);
  return arena_printf(e->m->arena, "%s:%d:%d", diag_source_name(e->d, s->file), line, column);
}

static void put_node(Export *e, ExportNode *n, const char *layer, bool has_layer_name, const char *place) {
  StrBuf b = {0};
  const char *part = arena_printf(e->m->arena, "%s/%s", layer, n->op);
  for (int i = 0; i < n->n_inputs; i++) encode_text(&b, FIELD_Node_input, n->inputs[i] ? n->inputs[i]->name : "");
  for (size_t i = 0; i < n->outputs.len; i++) {
    Term *t = n->outputs.data[i];
    if (!t->name) t->name = export_name(e, part);
    encode_text(&b, FIELD_Node_output, t->name);
  }
  encode_text(&b, FIELD_Node_name, export_node_name(e, has_layer_name ? layer : part));
  encode_text(&b, FIELD_Node_op_type, n->op);
  strbuf_write(&b, strbuf_str(&n->attributes), n->attributes.len);
  const Type *t = export_result_type(e);
  if (t->blocked_axis >= 0 && n->op == e->row->op) // where a reader of the graph looks for what it is about
    place = arena_printf(e->m->arena, "%s%s%s", type_str(e->m, t), place ? " " : "", place ? place : "");
  if (place) encode_text(&b, FIELD_Node_doc_string, export_clean(e, place));
  if (n->domain) encode_text(&b, FIELD_Node_domain, n->domain);
  encode_part(&e->nodes, FIELD_Graph_node, &b);
  strbuf_free(&n->attributes);
  vec_free(&n->outputs);
}

void export_node(Export *e, const Node *n, const char *const *outputs) {
  e->node = n;
  e->row = export_row(n->op);
  e->dtype = n->n_operands && operand(n, 0) ? dtype_for(e->row->types, operand(n, 0)->type->dtype) : DT_I64;
  e->row->write(e);
  const char *layer = n->name ? n->name : op_info(n->op)->name, *place = place_of(e);
  name_results(e, layer, outputs);
  size_t main = 0; // the node that stands for the layer
  while (main + 1 < e->pending.len && strcmp(e->pending.data[main].op, e->row->op)) main++;
  for (size_t i = 0; i < e->pending.len; i++) put_node(e, &e->pending.data[i], layer, i == main, place);
  e->pending.len = 0;
}

void export_free(Export *e) {
  map_free(&e->values);
  map_free(&e->layers);
  map_free(&e->known);
  free(e->terms);
  strbuf_free(&e->nodes);
  strbuf_free(&e->constants);
  vec_free(&e->dims);
  vec_free(&e->pending);
}
