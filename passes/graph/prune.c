// prune: what --prune= asks for. structured:F removes a fraction F of each layer's filters, so that the network becomes
// smaller (prune_structured.c); magnitude:F makes the fraction F of all weights zero, magnitude-per-layer:F of each
// layer's (prune_magnitude.c). The smallest go first.
#include "passes/graph/prune.h"

bool prune_run(PassContext *c) {
  switch (c->options.prune.method) {
  case PRUNE_NONE: return true;
  case PRUNE_STRUCTURED: return prune_structured(c);
  case PRUNE_MAGNITUDE:
  case PRUNE_MAGNITUDE_PER_LAYER: return prune_magnitude(c);
  }
  return true;
}
