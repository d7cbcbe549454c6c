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
