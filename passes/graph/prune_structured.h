// What the parts of structured pruning share: prune_structured.c decides how many go, prune_rank.c which, by data.
#pragma once
#include "passes/graph/channels.h"
#include "passes/graph/prune_fit.h"

typedef struct PruneClass { // of channels that go together, by its first number
  double score;             // the sum over its filters
  int filters;
  int layer;   // one that has some of them; -1: none
  int readers; // the first of those that read it; -1: none
  bool unread; // a layer reads it of which there is no data
} PruneClass;

typedef struct PruneLayer {
  ChannelLayer at;
  const int *numbers; // of its filters
  int64_t n_filters, n_inputs;
  int group; // in union-find over layers
  double macs, bytes, squares;
  double *missing; // of each output, what is to be added to the bias; NULL: nothing, or it is not known
  PruneFit *fit;   // NULL: no data, or none of its inputs may go
  bool fitted;     // its weights are those of `fit`
} PruneLayer;

typedef struct PruneReader { // an input of a layer
  int layer, channel, next;  // next of the same class; -1: none
} PruneReader;

typedef struct PruneCandidate {
  int class;
  double score;
} PruneCandidate;

typedef struct Prune {
  PassContext *pass;
  Channels *channels;
  LayerData data;
  Vec(PruneLayer) layers;
  Vec(PruneReader) readers; // of one class and layer side by side
  PruneClass *classes;
  bool *removed;
} Prune;

bool prune_takes_bias(const Node *n); // whether removed inputs can be made up for
// Fits for all layers that data is known of, and who reads which class.
void prune_rank_open(Prune *p);
// Removes `gone` of n classes, those first without which the layers that read them lose least. False: there is no data
// for all of them.
bool prune_rank(Prune *p, int64_t n, const PruneCandidate *candidates, int64_t gone);
// The layer's fit for what was removed in the end, some of its inputs among that.
void prune_rank_settle(Prune *p, PruneLayer *l);
