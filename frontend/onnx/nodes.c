#include "frontend/onnx/nodes.h"
#include <string.h>

static const NodeRow rows[] = {
#define NODE(domain, name, convert, op) {domain, name, convert_##convert, op},
#include "frontend/onnx/nodes.def"
};

const NodeRow *nodes_find(const char *domain, const char *name) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (!strcmp(rows[i].name, name) && !strcmp(rows[i].domain, domain)) return &rows[i];
  return NULL;
}
