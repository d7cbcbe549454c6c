// Attention as the layers it is made of.
#pragma once
#include "passes/pass.h"

// Puts two linear layers and an attention_core in the place of an OP_ATTENTION; weights of q, k and v that are apart
// are joined. False after a diagnostic: they are not known.
bool open_attention(Module *m, Diag *d, Node *n);
