// From a path to outputs: reading (.nn, .nnir, .onnx), passes, lowering, code generation. Every subcommand goes through
// here.
#pragma once
#include "driver/sizes.h"
#include "frontend/weights/weights.h"

typedef struct Build {
  const BuildOptions *options;
  const char *path;
  Diag *diag;       // borrowed
  Archive *weights; // kept open, its memory is the module's
  Module *module;
  int n_ops;            // as the frontend built it
  bool compressed;      // the lossy passes have run: the module is the network that is compiled
  uint32_t *stands_for; // then, by value id below n_stands_for: the id of the frontend's value that it stands for
  uint32_t n_stands_for;
  TargetInfo *targets;
  int n_targets;
  PassContext passes;
  Decisions *decisions;     // read from the options' file
  Calibration *calibration; // that was read or measured
  LProgram *program;        // the one for all sizes, for the processor that can do most
  Vec(CodegenProgram) programs;
  Vec(LProgram *) lowered;   // the same
  SizesVec sizes;            // that have programs of their own
  Vec(Module *) specialized; // for each of them
  LowerTuner *tuner;         // NULL: none
  CodegenStats stats;
  double begin_ms;
} Build;

// Reads a model, weights attached. False after diagnostics; build_close is due either way.
bool build_open(Build *b, const char *path, const BuildOptions *o, Diag *d);
// Runs the passes up to the last lossy one: the module is then the network that all later ones must leave as it is, and
// the origin of its own values.
bool build_compress(Build *b);
// Runs the passes up to the one of that name. *rest: the passes from it on; NULL: the pipeline is without it.
bool build_until(Build *b, const char *pass, const char **rest);
// Runs the (other) passes that the options ask for. With --stop-after there may be no program afterwards.
bool build_lower(Build *b);
bool build_emit(Build *b, OutputKind kind, const char *path);
// --time-passes, --statistics.
void build_report(const Build *b, FILE *to);
void build_close(Build *b);

// Reads a model alone, without weights' data when `weights` is NULL. *weights is NULL when no file is named or needed.
Module *build_read(const char *path, const ModelOptions *o, Archive **weights, Diag *d);

// All diagnostics on stderr, in colour where that is a terminal.
void build_print(const Diag *d, bool json);
// The folder of a path: "." when it has none; copied.
char *build_folder(const char *path);
// "model" for "some/model.nn"; copied.
char *build_stem(const char *path);
bool build_has_suffix(const char *s, const char *suffix);
// The whole of a file or of stdin ("-"), NUL-terminated; NULL after a diagnostic.
char *build_read_text(const char *path, size_t *size, Diag *d);
