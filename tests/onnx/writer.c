#include "tests/onnx/writer.h"
#include "frontend/onnx/encode.h"
#include "ir/core/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- the text

enum { GRAPHS = 8 };

typedef struct Writer {
  char *rest; // lines to come
  struct {
    char name[32];
    StrBuf bytes;
  } graphs[GRAPHS];
  int n_graphs;
} Writer;

static int64_t type_number(const char *name) {
  static const char *const names[] = {"",     "f32", "u8",  "i8",  "u16", "i16", "i32",  "i64", "str",
                                      "bool", "f16", "f64", "u32", "u64", "c64", "c128", "bf16"};
  for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
    if (!strcmp(names[i], name)) return i;
  return strtol(name, NULL, 10);
}

static void list_of_ints(StrBuf *out, int number, char *list) {
  for (char *s; (s = strsep(&list, ","));)
    if (*s && strcmp(s, "-")) encode_int(out, number, strtoll(s, NULL, 10));
}

static void tensor(StrBuf *out, const char *name, const char *type, char *dims, char *elements) {
  int64_t t = type_number(type);
  list_of_ints(out, 1, dims);
  encode_int(out, 2, t);
  if (name) encode_text(out, 8, name);
  for (char *s; (s = strsep(&elements, ","));) {
    if (!*s) continue;
    if (t == 1)
      encode_float(out, 4, strtof(s, NULL));
    else
      encode_int(out, t == 7 ? 7 : 5, strtoll(s, NULL, 10));
  }
}

static StrBuf *graph_named(Writer *w, const char *name) {
  for (int i = 0; i < w->n_graphs; i++)
    if (!strcmp(w->graphs[i].name, name)) return &w->graphs[i].bytes;
  CHECK(false, "no graph %s", name);
}

static void attribute(Writer *w, StrBuf *node, char *word) {
  StrBuf a = {0}, part = {0};
  char *v = strchr(word, '=');
  CHECK(v, "no attribute: %s", word);
  *v++ = 0;
  size_t n = strlen(v);
  encode_text(&a, 1, word);
  int type = 2;
  if (*v == '$')
    encode_text(&a, 21, v + 1);
  else if (*v == '\'')
    encode_bytes(&a, 4, v + 1, n - 2), type = 3;
  else if (*v == '{') {
    v[n - 1] = 0;
    StrBuf *g = graph_named(w, v + 1);
    encode_bytes(&a, 6, strbuf_str(g), g->len), type = 5;
  } else if (*v == '<') {
    v[n - 1] = 0;
    char *rest = v + 1, *t = strsep(&rest, "/"), *dims = strsep(&rest, "/");
    tensor(&part, NULL, t, dims, rest);
    encode_part(&a, 5, &part), type = 4;
  } else if (*v == '[' && v[1] == '\'') {
    v[n - 1] = 0;
    char *list = v + 1;
    for (char *s; (s = strsep(&list, ","));) encode_bytes(&a, 9, s + 1, strlen(s) - 2);
    type = 8;
  } else if (*v == '[') {
    v[n - 1] = 0;
    list_of_ints(&a, 8, v + 1), type = 7;
  } else if (strchr(v, '.'))
    encode_float(&a, 2, strtof(v, NULL)), type = 1;
  else
    encode_int(&a, 3, strtoll(v, NULL, 10));
  encode_int(&a, 20, type);
  encode_part(node, 5, &a);
}

static void names(StrBuf *out, int number, char *list) {
  for (char *s; (s = strsep(&list, ","));)
    if (strcmp(s, "-")) encode_text(out, number, strcmp(s, "_") ? s : "");
}

static void node(Writer *w, StrBuf *graph, int number, char *rest) {
  StrBuf n = {0};
  char *op = strsep(&rest, " "), *dot = strrchr(op, '.'), *word;
  if (dot) *dot = 0;
  names(&n, 1, strsep(&rest, " "));
  names(&n, 2, strsep(&rest, " "));
  encode_text(&n, 4, dot ? dot + 1 : op);
  if (dot) encode_text(&n, 7, op);
  while ((word = strsep(&rest, " ")))
    if (*word == '@')
      encode_text(&n, 3, word + 1);
    else if (*word)
      attribute(w, &n, word);
  encode_part(graph, number, &n);
}

static void value_info(StrBuf *graph, int number, char *rest) {
  StrBuf info = {0}, type = {0}, t = {0}, shape = {0};
  char *name = strsep(&rest, " "), *dtype = strsep(&rest, " "), *dims = rest;
  if (strcmp(name, "_")) encode_text(&info, 1, name);
  if (dtype) {
    encode_int(&t, 1, type_number(dtype));
    for (char *s; (s = strsep(&dims, ","));) {
      StrBuf d = {0};
      if (!strcmp(s, "-")) continue;
      char *end;
      int64_t v = strtoll(s, &end, 10);
      if (end != s && !*end)
        encode_int(&d, 1, v);
      else if (strcmp(s, "_"))
        encode_text(&d, 2, s);
      encode_part(&shape, 1, &d);
    }
    encode_part(&t, 2, &shape);
    encode_part(&type, 1, &t);
    encode_part(&info, 2, &type);
  }
  encode_part(graph, number, &info);
}

static void external(StrBuf *graph, char *rest) {
  StrBuf t = {0};
  char *name = strsep(&rest, " "), *type = strsep(&rest, " "), *dims = strsep(&rest, " "), *word;
  tensor(&t, name, type, dims, NULL);
  while ((word = strsep(&rest, " "))) {
    StrBuf entry = {0};
    char *v = strchr(word, '=');
    *v++ = 0;
    encode_text(&entry, 1, word);
    encode_text(&entry, 2, v);
    encode_part(&t, 13, &entry);
  }
  encode_int(&t, 14, 1);
  encode_part(graph, 5, &t);
}

// Lines until "end" or the last one. In functions nodes are field 7.
static void lines(Writer *w, StrBuf *graph, StrBuf *model, int node_field) {
  for (char *line; w->rest && (line = strsep(&w->rest, "\n"));) {
    char *rest = line + strspn(line, " "), *word = strsep(&rest, " ");
    if (!strcmp(word, "end")) return;
    if (!strcmp(word, "node")) node(w, graph, node_field, rest);
    if (!strcmp(word, "in")) value_info(graph, 11, rest);
    if (!strcmp(word, "out")) value_info(graph, 12, rest);
    if (!strcmp(word, "external")) external(graph, rest);
    if (!strcmp(word, "init")) {
      StrBuf t = {0};
      char *name = strsep(&rest, " "), *type = strsep(&rest, " "), *dims = strsep(&rest, " ");
      tensor(&t, name, type, dims, rest);
      encode_part(graph, 5, &t);
    }
    if (!strcmp(word, "graph")) {
      StrBuf inner = {0};
      lines(w, &inner, NULL, 1);
      CHECK(w->n_graphs < GRAPHS, "too many graphs");
      snprintf(w->graphs[w->n_graphs].name, sizeof w->graphs[0].name, "%s", rest);
      w->graphs[w->n_graphs++].bytes = inner;
    }
    if (!strcmp(word, "function")) {
      StrBuf f = {0}, opset = {0};
      encode_text(&f, 1, strsep(&rest, " "));
      names(&f, 4, strsep(&rest, " "));
      names(&f, 5, strsep(&rest, " "));
      if (rest) names(&f, 6, rest);
      encode_int(&opset, 2, 17);
      encode_part(&f, 9, &opset);
      encode_text(&f, 10, "local");
      lines(w, &f, NULL, 7);
      encode_part(model, 25, &f);
    }
  }
}

void writer_model(StrBuf *out, const char *text) {
  char *copy = strdup(text);
  Writer w = {.rest = copy};
  StrBuf graph = {0}, opset = {0};
  int version = 17;
  if (sscanf(text, "opset %d", &version) == 1) strsep(&w.rest, "\n");
  encode_int(out, 1, 8);
  lines(&w, &graph, out, 1);
  encode_part(out, 7, &graph);
  encode_int(&opset, 2, version);
  encode_part(out, 8, &opset);
  for (int i = 0; i < w.n_graphs; i++) strbuf_free(&w.graphs[i].bytes);
  free(copy);
}

void writer_file(const char *path, const StrBuf *bytes) {
  FILE *f = fopen(path, "wb");
  CHECK(f && fwrite(strbuf_str(bytes), 1, bytes->len, f) == bytes->len && !fclose(f), "cannot write %s", path);
}
