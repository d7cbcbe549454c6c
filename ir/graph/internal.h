// What the files of this folder share and nobody else needs.
#pragma once
#include "ir/graph/graph.h"

typedef struct TypeTable TypeTable;
TypeTable *type_table_create(void);
void type_table_destroy(TypeTable *t);

// Weights by name; grown when a weight was added, made anew after some were dropped.
typedef struct WeightIndex WeightIndex;
void weight_index_destroy(WeightIndex *index);

// The value with its next free id and no uses.
Value *value_create(Module *m, ValueKind kind, const Type *type);
// A node of these operand slots and attributes before `before` (NULL: last), results still missing.
Node *node_create(Module *m, const NodeSpec *spec, int n_slots, const Attr *attrs, Node *before);

// ---- text: what printer and reader agree on

enum { DENSE_MAX = 64 }; // elements that stand in the text; more go to the side file

// %name and @name are plain when made of these bytes; other names are quoted. A value's name of digits only is quoted
// too, since plain digits number the values without a name.
static inline bool is_name_byte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '-';
}
// As attribute lists and meta entries show it.
void attr_print(const Module *m, const Attr *a, StrBuf *out);
// Writes the weights that `graph_print` names by hash, as safetensors with their hashes as keys. False after a
// diagnostic.
bool side_write(Module *m, const char *path);
// Whether the weight's elements go to the side file.
bool side_needed(const Weight *w);
void side_key(Weight *w, char key[17]);
