// What the subcommands' option tables share. Each subcommand has one argp table of its own and these two as children.
#pragma once
#include "codegen/codegen.h"
#include "driver/input_format.h"
#include "ir/core/vec.h"
#include "passes/pass.h"
#include <argp.h>

// How a model is read: -D, --shape, --model, --input-format, --tap, --weights, --init.
typedef struct ModelOptions {
  Vec(const char *) defines, shapes, taps; // "classes=10", "image=8,3,224,224", "layer1.0.conv1"
  const char *model, *weights;
  InputFormat input_format;
  bool has_init;
  uint64_t init;
  bool json_diagnostics;
  bool is_text;       // graph IR whatever the suffix says
  bool allow_missing; // weights without data are no error: nobody will look at them
} ModelOptions;

// How it is compiled.
typedef struct BuildOptions {
  ModelOptions model;
  CodegenOptions codegen;
  PassOptions passes;
  bool no_winograd, reproducible;
  int tune;               // --tune=THREADS: measure choices of lowering on so many threads; 0: do not
  const char *tune_cache; // the folder of what was measured; NULL: the user's. Without `tune` it is only read
  LowerTuner *tuner;      // who decides instead
  const char *calibrate, *save_calibration; // what --quantize=int8,static is to know of values, and where to keep it
  const char *decisions;                    // --decisions=: a file; NULL: none
  const Decisions *decided;                 // what such a file would hold, borrowed; NULL: nothing
  double max_error;                         // --max-error=: of the outputs, relative; 0: nothing is searched for
  const char *save_decisions;               // where to keep what was found; NULL: nowhere
  bool has_observer;
  const char *pipeline; // --passes=; NULL: that of the -O level
  bool time_passes, statistics;
  bool verbose; // -v: say what was made; twice: also the commands that are run
  bool quiet;   // print no IR
} BuildOptions;

enum { OPTIONS_KEY_DIAGNOSTICS = 0x180 };
#define OPTIONS_DIAGNOSTICS_ROW                                                                                        \
  { "diagnostics", OPTIONS_KEY_DIAGNOSTICS, "FORMAT", 0, "of messages: text, or json, an object a line", 0 }

extern const struct argp options_model;    // input: ModelOptions *; all but --weights and --init
extern const struct argp options_seed;     // the same; --init
extern const struct argp options_compress; // input: BuildOptions *; what changes the network
extern const struct argp options_search;   // the same; --max-error, for the command that can keep what it found
extern const struct argp options_build;    // input: BuildOptions *; contains all of these

void options_init(BuildOptions *o);
void options_free(BuildOptions *o);
bool options_lossy(const BuildOptions *o); // whether they ask for another network than the model
void options_plain(BuildOptions *o);       // asks for the model's own network
void options_free_model(ModelOptions *o);

// Parses argv[0] as the command's name, with clang's single-dash long options; a usage mistake exits with 2.
void options_parse(const struct argp *argp, int argc, char **argv, void *input);
// --diagnostics=json or text: whether it is json, or a usage error.
bool options_diagnostics(const char *text, struct argp_state *state);
// A number in [min, max], or a usage error that names the option.
int64_t options_int(const char *option, const char *text, int64_t min, int64_t max, struct argp_state *state);
double options_double(const char *option, const char *text, double min, double max, struct argp_state *state);
