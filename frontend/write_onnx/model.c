// The model around the nodes: inputs, outputs, weights, metadata; and the file, in which weights are streamed from
// where they lie, so that no second copy of them is made.
#include "frontend/onnx/encode.h"
#include "frontend/onnx/proto.h"
#include "frontend/write_onnx/export.h"
#include "frontend/write_onnx/write_onnx.h"
#include "ir/core/check.h"
#include "ir/core/outfile.h"
#include <errno.h>
#include <inttypes.h>

// Of late 2024, so that many readers take it: the first in which pools round sizes up as PyTorch does.
enum { IR_VERSION = 10, OPSET = 22 };
enum { LOCATION_EXTERNAL = 1, EXTERNAL_ALIGNMENT = 4096 }; // so that a reader can map each weight
static const uint64_t LARGEST_MESSAGE = INT32_MAX;         // protobuf's

// ---- names

static void take_names(Export *e) {
  Module *m = e->m;
  e->terms = xcalloc(m->n_values + 1, sizeof *e->terms);
  for (size_t i = 0; i < m->inputs.len; i++) {
    Term *t = e->terms[m->inputs.data[i]->id] = arena_new(m->arena, Term);
    t->name = export_name(e, m->inputs.data[i]->name);
  }
}

// Outputs that are results take their names, the first of each value; the others are copies.
static const char **name_outputs(Export *e, const char **of_value) {
  Module *m = e->m;
  const char **names = arena_array(m->arena, const char *, m->outputs.len);
  for (size_t i = 0; i < m->outputs.len; i++) {
    const Output *o = &m->outputs.data[i];
    const Term *input = e->terms[o->value->id];
    bool is_input = input && !strcmp(input->name, o->name);
    names[i] = is_input ? input->name : export_name(e, o->name);
    if (o->value->kind == VALUE_RESULT && !of_value[o->value->id]) of_value[o->value->id] = names[i];
  }
  return names;
}

static void name_weights(Export *e) {
  for (size_t i = 0; i < e->m->weights.len; i++) {
    const Weight *w = e->m->weights.data[i];
    Term *t = e->terms[w->value->id] = arena_new(e->m->arena, Term);
    t->name = export_name(e, w->name);
  }
}

// ---- values with their types

static void put_value(Export *e, StrBuf *out, int field, const char *name, const Type *t) {
  StrBuf info = {0}, type = {0}, tensor = {0}, shape = {0}, text = {0};
  encode_text(&info, FIELD_ValueInfo_name, name);
  encode_int(&tensor, FIELD_TensorType_elem_type, onnx_data_type(t->dtype));
  for (int i = 0; i < t->rank; i++) {
    StrBuf d = {0};
    strbuf_clear(&text);
    if (dim_is_const(t->dims[i]))
      encode_int(&d, FIELD_Dimension_value, t->dims[i]);
    else
      dim_print(e->m->dims, t->dims[i], &text), encode_text(&d, FIELD_Dimension_param, text.s);
    encode_part(&shape, FIELD_Shape_dim, &d);
  }
  encode_part(&tensor, FIELD_TensorType_shape, &shape);
  encode_part(&type, FIELD_Type_tensor_type, &tensor);
  encode_part(&info, FIELD_ValueInfo_type, &type);
  encode_part(out, field, &info);
  strbuf_free(&text);
}

static void put_copy(Export *e, const char *from, const char *to) {
  StrBuf b = {0};
  encode_text(&b, FIELD_Node_input, from);
  encode_text(&b, FIELD_Node_output, to);
  encode_text(&b, FIELD_Node_name, export_node_name(e, to));
  encode_text(&b, FIELD_Node_op_type, "Identity");
  encode_part(&e->nodes, FIELD_Graph_node, &b);
}

// ---- metadata

static void put_json_string(StrBuf *b, const char *s) {
  strbuf_putc(b, '"');
  for (; *s; s++)
    if (*s == '"' || *s == '\\')
      strbuf_printf(b, "\\%c", *s);
    else if ((unsigned char)*s < 0x20)
      strbuf_printf(b, "\\u%04x", (unsigned char)*s);
    else
      strbuf_putc(b, *s);
  strbuf_putc(b, '"');
}

// A string as it is, all else as JSON.
static void put_meta(StrBuf *b, const Attr *a) {
  switch (a->kind) {
  case ATTR_STRING: strbuf_puts(b, a->s); return;
  case ATTR_INT: strbuf_printf(b, "%" PRId64, a->i); return;
  case ATTR_BOOL: strbuf_puts(b, a->i ? "true" : "false"); return;
  case ATTR_FLOAT: strbuf_double(b, a->f); return;
  default: break;
  }
  strbuf_putc(b, '[');
  for (int i = 0; i < a->n; i++) {
    if (i) strbuf_puts(b, ", ");
    if (a->kind == ATTR_STRINGS)
      put_json_string(b, a->strings[i]);
    else if (a->kind == ATTR_FLOATS)
      strbuf_double(b, a->floats[i]);
    else
      strbuf_printf(b, "%" PRId64, a->ints[i]);
  }
  strbuf_putc(b, ']');
}

static void put_entry(StrBuf *out, int field, const char *key, const char *value) {
  StrBuf entry = {0};
  encode_text(&entry, FIELD_StringEntry_key, key);
  encode_text(&entry, FIELD_StringEntry_value, value);
  encode_part(out, field, &entry);
}

static void put_metadata(Export *e, StrBuf *out) {
  const Module *m = e->m;
  for (size_t i = 0; i < m->meta.len; i++) {
    StrBuf value = {0};
    put_meta(&value, &m->meta.data[i].value);
    put_entry(out, FIELD_Model_metadata_props, export_clean(e, m->meta.data[i].key),
              export_clean(e, strbuf_str(&value)));
    strbuf_free(&value);
  }
}

static void put_opset(StrBuf *out, const char *domain, int version) {
  StrBuf b = {0};
  encode_text(&b, FIELD_OperatorSet_domain, domain);
  encode_int(&b, FIELD_OperatorSet_version, version);
  encode_part(out, FIELD_Model_opset_import, &b);
}

// ---- weights

typedef struct Initializer {
  Weight *weight;
  StrBuf head; // of its TensorProto, all but the elements
  uint64_t size;
} Initializer;

typedef Vec(Initializer) Initializers;

static void find_weights(Export *e, Initializers *list) {
  for (size_t i = 0; i < e->m->weights.len; i++) {
    Weight *w = e->m->weights.data[i];
    if (!graph_use_count(e->m, w->value)) continue;
    Initializer in = {.weight = w, .size = (uint64_t)weight_count(w) * dtype_size(w->type->dtype)};
    for (int k = 0; k < w->type->rank; k++) encode_int(&in.head, FIELD_Tensor_dims, w->type->dims[k]);
    encode_int(&in.head, FIELD_Tensor_data_type, onnx_data_type(w->type->dtype));
    encode_text(&in.head, FIELD_Tensor_name, e->terms[w->value->id]->name);
    vec_push(list, in);
  }
}

// In their own type, which may not be the one in which they are stored, some elements at a time.
static void stream_elements(Weight *w, FILE *f) {
  enum { CHUNK = 1024 };
  char chunk[CHUNK * 8];
  size_t each = dtype_size(w->type->dtype);
  DType stored = w->type->dtype;
  const char *data = w->source == WEIGHT_SPLAT ? NULL : weight_data(w, &stored);
  CHECK(data || w->source == WEIGHT_SPLAT, "weight %s has no data", w->name);
  int64_t n = weight_count(w);
  if (data && stored == w->type->dtype)
    fwrite(data, each, (size_t)n, f);
  else
    for (int64_t at = 0; at < n; at += CHUNK) {
      int64_t count = min_i64(n - at, CHUNK);
      for (int64_t i = 0; i < count; i++)
        if (data)
          dtype_convert(w->type->dtype, chunk, i, stored, data, at + i);
        else
          dtype_store(w->type->dtype, chunk, i, w->splat);
      fwrite(chunk, each, (size_t)count, f);
    }
  weight_drop_cache(w);
}

static void stream_inside(const Initializers *list, FILE *f) {
  for (size_t i = 0; i < list->len; i++) {
    const Initializer *in = &list->data[i];
    StrBuf b = {0}, raw = {0};
    encode_head(&raw, FIELD_Tensor_raw_data, in->size);
    encode_head(&b, FIELD_Graph_initializer, in->head.len + raw.len + in->size);
    fwrite(b.s, 1, b.len, f);
    fwrite(in->head.s, 1, in->head.len, f);
    fwrite(raw.s, 1, raw.len, f);
    stream_elements(in->weight, f);
    strbuf_free(&b);
    strbuf_free(&raw);
  }
}

static uint64_t size_inside(const Initializers *list) {
  uint64_t sum = 0;
  for (size_t i = 0; i < list->len; i++) {
    StrBuf b = {0};
    encode_head(&b, FIELD_Tensor_raw_data, list->data[i].size);
    uint64_t tensor = list->data[i].head.len + b.len + list->data[i].size;
    strbuf_clear(&b);
    encode_head(&b, FIELD_Graph_initializer, tensor);
    sum += b.len + tensor;
    strbuf_free(&b);
  }
  return sum;
}

static uint64_t aligned(uint64_t offset) { return (uint64_t)round_up((int64_t)offset, EXTERNAL_ALIGNMENT); }

// Where the elements are, in place of them.
static void refer_to(const Initializers *list, const char *location, StrBuf *graph) {
  uint64_t offset = 0;
  for (size_t i = 0; i < list->len; i++) {
    const Initializer *in = &list->data[i];
    char text[2][24];
    StrBuf t = {0};
    snprintf(text[0], sizeof text[0], "%" PRIu64, offset);
    snprintf(text[1], sizeof text[1], "%" PRIu64, in->size);
    strbuf_write(&t, in->head.s, in->head.len);
    put_entry(&t, FIELD_Tensor_external_data, "location", location);
    put_entry(&t, FIELD_Tensor_external_data, "offset", text[0]);
    put_entry(&t, FIELD_Tensor_external_data, "length", text[1]);
    encode_int(&t, FIELD_Tensor_data_location, LOCATION_EXTERNAL);
    encode_part(graph, FIELD_Graph_initializer, &t);
    offset = aligned(offset + in->size);
  }
}

static void stream_beside(const Initializers *list, FILE *f) {
  static const char zeros[EXTERNAL_ALIGNMENT];
  uint64_t offset = 0;
  for (size_t i = 0; i < list->len; i++) {
    const Initializer *in = &list->data[i];
    stream_elements(in->weight, f);
    offset += in->size;
    if (i + 1 < list->len) fwrite(zeros, 1, (size_t)(aligned(offset) - offset), f);
    offset = aligned(offset);
  }
}

// ---- the whole

typedef struct Written {
  StrBuf before, graph; // what stands before the graph's bytes; their first part
  Initializers weights; // their second part
} Written;

static void write_graph(Export *e, StrBuf *graph) {
  Module *m = e->m;
  take_names(e);
  const char **of_value = arena_array(m->arena, const char *, m->n_values + 1);
  const char **outputs = name_outputs(e, of_value);
  name_weights(e);
  StrBuf values = {0};
  for (const Node *n = m->first; n; n = n->next) {
    export_node(e, n, of_value);
    for (int i = 0; i < n->n_results; i++) {
      const Value *v = n->results[i];
      if (!of_value[v->id]) put_value(e, &values, FIELD_Graph_value_info, e->terms[v->id]->name, v->type);
    }
  }
  for (size_t i = 0; i < m->outputs.len; i++) {
    const char *from = e->terms[m->outputs.data[i].value->id]->name;
    if (from != outputs[i]) put_copy(e, from, outputs[i]);
  }
  strbuf_write(graph, strbuf_str(&e->nodes), e->nodes.len);
  encode_text(graph, FIELD_Graph_name, export_clean(e, m->name));
  for (size_t i = 0; i < m->inputs.len; i++) {
    const Value *v = m->inputs.data[i];
    put_value(e, graph, FIELD_Graph_input, e->terms[v->id]->name, v->type);
  }
  for (size_t i = 0; i < m->outputs.len; i++)
    put_value(e, graph, FIELD_Graph_output, outputs[i], m->outputs.data[i].value->type);
  strbuf_write(graph, strbuf_str(&values), values.len);
  strbuf_write(graph, strbuf_str(&e->constants), e->constants.len);
  strbuf_free(&values);
}

static void write_around(Export *e, Written *w, uint64_t graph_size) {
  encode_int(&w->before, FIELD_Model_ir_version, IR_VERSION);
  encode_text(&w->before, FIELD_Model_producer_name, "nncc");
  put_opset(&w->before, "", OPSET);
  if (e->custom) put_opset(&w->before, "nncc", 1);
  put_metadata(e, &w->before);
  encode_head(&w->before, FIELD_Model_graph, graph_size);
}

// Both files are whole before either takes its place.
static bool write_files(Written *w, const char *path, const char *data_path, Diag *d) {
  OutFile model = {0}, data = {0};
  if (data_path && !outfile_open(&data, data_path, d)) return false;
  if (!outfile_open(&model, path, d)) return outfile_abandon(&data, d), false;
  fwrite(w->before.s, 1, w->before.len, model.file);
  fwrite(w->graph.s, 1, w->graph.len, model.file);
  if (data_path)
    stream_beside(&w->weights, data.file);
  else
    stream_inside(&w->weights, model.file);
  if (data_path && (fflush(model.file) || !outfile_commit(&data, d))) {
    if (data.file) diag_error_file(d, path, "cannot be written: %s", strerror(errno));
    outfile_abandon(&data, d);
    outfile_abandon(&model, d);
    return false;
  }
  return outfile_commit(&model, d);
}

static bool write_model(Export *e, Written *w, const char *path, bool external, Diag *d) {
  write_graph(e, &w->graph);
  if (e->failed) return false;
  find_weights(e, &w->weights);
  uint64_t inside = size_inside(&w->weights);
  external |= w->graph.len + inside > LARGEST_MESSAGE;
  if (!external) {
    write_around(e, w, w->graph.len + inside);
    return write_files(w, path, NULL, d);
  }
  if (!strcmp(path, "-")) {
    diag_error_file(d, "stdout", "weights beside the model need its name: -o FILE.onnx");
    return false;
  }
  const char *data_path = arena_printf(e->m->arena, "%s.data", path), *slash = strrchr(data_path, '/');
  refer_to(&w->weights, slash ? slash + 1 : data_path, &w->graph);
  write_around(e, w, w->graph.len);
  return write_files(w, path, data_path, d);
}

bool write_onnx(Module *m, const char *path, const WriteOnnxOptions *o, Diag *d) {
  Export e = {.m = m, .d = d};
  Written w = {0};
  bool ok = write_model(&e, &w, path, o->external_data, d);
  for (size_t i = 0; i < w.weights.len; i++) strbuf_free(&w.weights.data[i].head);
  vec_free(&w.weights);
  strbuf_free(&w.before);
  strbuf_free(&w.graph);
  export_free(&e);
  return ok;
}
