// What a pass sees and may say. Each pass is one row of passes.def and one file with one function, <id>_run; the
// manager (pass_manager.c) alone verifies, times and dumps.
#pragma once
#include "ir/graph/graph.h"
#include "ir/loop/loop.h"
#include "passes/decisions.h"
#include "passes/target.h"
#include <regex.h>

// What can be asked of a compilation at any moment: checked before and after each pass, never just believed.
typedef enum Fact {
  FACT_PRIMITIVE = 1, // no composite op
  FACT_LOWERED = 2,   // there is a program
  FACT_PLANNED = 4,   // all its buffers have their place
} Fact;

typedef enum PassLevel { PASS_GRAPH, PASS_LOOP } PassLevel;
typedef enum PassNeed {
  PASS_OPTIONAL, // may be skipped, as --bisect-pass does
  PASS_ALWAYS,   // without it no program comes out
  PASS_LOSSY,    // makes another network of it, where an option asks for that
} PassNeed;

typedef struct PassContext PassContext;

typedef struct PassInfo {
  const char *name;
  PassLevel level;
  PassNeed needed;
  unsigned requires, establishes; // Facts
  double tolerance;
  const char *help;
  bool (*run)(PassContext *c); // false after a diagnostic
} PassInfo;

// Names of passes are checked when a pipeline runs. NULL: none.
typedef struct PassOptions {
  const char *remarks, *missed; // POSIX extended expressions that pass names must match, -Rpass=, -Rpass-missed=
  const char *print_before, *print_after; // names joined by commas
  bool print_after_all, print_changed;
  const char *stop_after, *disable;
  bool verify_each; // also round trips; passes_options() says yes in debug builds
  int bisect;       // only the first this many optional passes run; -1: all
  Factorization factorize;
  Pruning prune;
  Quantization quantize;
  DType precision;     // that weights of layers are stored in: f32, or rounded to f16 or bf16
  const char *exclude; // what quantize and precision leave in f32: patterns, joined by commas, of layers' paths or
                       // names of ops; NULL: nothing
  const Decisions *decisions; // of single layers, which what is asked above is then limited to; NULL: of all
  bool keep_all;              // plan-memory reuses nothing, so that every value can be read after a run
} PassOptions;

typedef struct PassRun { // one run of one pass
  const PassInfo *pass;
  double seconds;
  int nodes_before, nodes_after;
} PassRun;

typedef struct PassCount { // a statistic: how often a pass did something
  const PassInfo *pass;
  const char *what; // static text: "batch norms folded"
  int64_t n;
} PassCount;

typedef struct PassRefusal { // a layer that a lossy pass leaves as it is
  const PassInfo *pass;
  const char *layer, *why; // in the module's arena
} PassRefusal;

struct PassContext {
  Module *module;
  LProgram *program; // set by `lower`; the caller destroys it
  LBuffer **buffers; // set by `lower`: where each value lives, by value id, NULL for none; as long as the program
  Diag *diag;        // borrowed
  LowerTarget target;
  struct WeightTable
      *weights; // of programs that share them (loop/plan_weights.h), borrowed; NULL: there is one program
  PassOptions options;
  Calibration *calibration;                   // of the module as the running pass finds it, borrowed; NULL: none
  void (*dump)(void *user, const char *text); // takes --print-* output; NULL: nobody asked
  void *dump_user;

  const PassInfo *pass; // the one that runs
  bool stopped;         // --stop-after has been met
  int bisected;         // optional passes seen, as --bisect-pass counts them
  regex_t *remarks, *missed;
  Vec(PassRun) runs;
  Vec(PassCount) counts;
  Vec(PassRefusal) refusals;
};

PassOptions passes_options(void);
// `program` may be NULL, or the module when only loop passes run on a program that was read.
// False after a diagnostic: an option's expression is not one.
bool passes_init(PassContext *c, Module *module, LProgram *program, Diag *diag, const PassOptions *o);
void passes_ask(PassOptions *o);  // for what o->decisions need
void passes_free(PassContext *c); // not the module and the program
// Runs the passes named, joined by commas. False after diagnostics.
bool passes_run(PassContext *c, const char *pipeline);
const char *passes_pipeline(int opt_level);                 // 0..3
bool passes_asked(const PassInfo *p, const PassOptions *o); // whether an option asks for a lossy pass
bool passes_lossy(const PassOptions *o);                    // whether another network is asked for
// What follows the last lossy pass of a pipeline that is asked for: the whole of it where there is none.
const char *passes_after_lossy(const char *pipeline, const PassOptions *o);
// The next pass of a pipeline, the first of it included, that an option asks for and that may learn of data what to do;
// NULL: there is none.
const char *passes_next_learning(const char *pipeline, const PassOptions *o);
// Where a pass stands in a pipeline; NULL where it does not.
const char *passes_place(const char *pipeline, const char *name);
const PassInfo *passes_table(int *n);
const PassInfo *passes_find(const char *name);         // NULL: no such pass
void passes_list(StrBuf *out);                         // names and help, for --help
void passes_times(const PassContext *c, StrBuf *out);  // for --time-passes
void passes_counts(const PassContext *c, StrBuf *out); // statistics of all runs

// ---- for passes (pass.c)
// Says what the running pass did to a node (NULL: to the module), or did not and why, where -Rpass= or -Rpass-missed=
// asks for it.
void pass_remark(PassContext *c, const Node *n, bool missed, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
bool pass_remarks(const PassContext *c, bool missed); // whether anybody listens
void pass_count(PassContext *c, const char *what, int64_t n);
// A missed remark, "LAYER STAYS: WHY", that is kept as well; stays: "stays whole".
void pass_refuse(PassContext *c, const Node *n, const char *stays, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
const char *pass_label(const Node *n); // the layer's path, else the op's name

#define PASS(id, ...) bool id##_run(PassContext *c);
#include "passes/passes.def"
