// Recurrent layers taken apart: the products of all steps with W are one linear layer, then the loop over time.
#pragma once
#include "passes/pass.h"

// lstm, gru or rnn `n` becomes linear and recurrent. False after a diagnostic.
bool recurrence_decompose(Module *m, Diag *d, Node *n);
