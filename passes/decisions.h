// What is decided of single layers, in place of one option for all of them: what a file of --decisions= holds, and what
// the search of --max-error= tries.
#pragma once
#include "passes/calibration.h"
#include "passes/compress.h"

typedef struct Decision {
  const char *layer;       // a path, or the op of a layer without one; holds for all that is below a path as well
  Factorization factorize; // FACTORIZE_NONE: it stays whole
  QuantizeMethod integers; // with 8-bit integers; static: in ranges that are known
  DType precision;         // that weights are stored in; f32 where it has integers
} Decision;

typedef struct Decisions {
  Arena *arena;
  Vec(Decision) list;
  Observer observer;
  Calibration *calibration;    // owned; NULL: no ranges are known
  Calibration *moments;        // owned, of the network that `factorize` finds; NULL: they are not known yet
  struct FactorCache *factors; // of a search (graph/factor_cache.h), borrowed; NULL: none
  int held_out;                // of every so many samples a search fitted to all but one; 0: no search decided
} Decisions;

Decisions *decisions_create(void);
void decisions_destroy(Decisions *d); // NULL: nothing happens
// False, with what was expected in *why, where `choice` is no such text: what --factorize takes, what is computed with
// (f32; bf16 or f16, of weights; int8, in known ranges; "int8,dynamic"), or both with a comma.
bool decisions_add(Decisions *d, const char *layer, const char *choice, StrBuf *why);
void decisions_put(Decisions *d, const Decision *decision); // its layer copied
// What is decided of a layer: of its path, else of the longest that it is below of. NULL: nothing.
const Decision *decisions_find(const Decisions *d, const char *layer);
// The same, and f32 where that is nothing; NULL: there are no decisions (d is NULL), options hold for all layers.
const Decision *decisions_of(const Decisions *d, const char *layer);
bool decisions_holds_for(const Decision *d, const char *layer); // whether it is its layer or below of it
void decisions_print(const Decision *d, StrBuf *out);           // "spatial:0.05,int8", "f32"
