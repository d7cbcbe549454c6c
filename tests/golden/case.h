// One golden case: a text file with the passes to run, the IR before, and the IR after them.
//
//   # What the case shows.
//   # RUN: fuse-epilogue -Rpass-missed=fuse --keep-all
//   ... IR text ...
//   # EXPECT:
//   ... IR text, then the remarks asked for ...
//
// --within=1e-6 in the RUN line: results may change by that, instead of what the passes' rows say.
// --decide=LAYER=CHOICE, repeated: decisions of single layers.
// --ranges=-1:1:0.5: a calibration in which every value lies in that range and every channel has that mean.
// --samples=4: one that saw what layers read on so many made-up inputs.
#pragma once
#include "passes/pass.h"

enum { MOST_WORDS = 8 };

typedef struct Case {
  char *text, *path;
  size_t input_size; // the text up to `# EXPECT:`
  const char *expected;
  char *run, *pipeline; // `run` holds the words of the RUN line
  const PassInfo *first;
  PassOptions options;
  double within;        // 0: as the passes say
  const char *ranges;   // NULL: there is no calibration of them
  size_t samples;       // 0: there is none of layers
  Decisions *decisions; // NULL: there are none; then options.decisions
} Case;

// False, with a message in *why, when the file is not a case. `disable`: a pass to leave out, or NULL.
bool case_read(Case *c, const char *path, const char *disable, StrBuf *why);
void case_free(Case *c);
// What the passes make of the input, as it should stand below `# EXPECT:`.
bool case_run(const Case *c, StrBuf *out, StrBuf *why);
// Whether the reference interpreter gives the same results before and after, within the passes' tolerances.
bool case_same_results(const Case *c, StrBuf *why);
bool case_bless(const Case *c, const char *output);
// Whether what the passes made computes the same after it was written as ONNX and read back.
bool case_same_as_onnx(const Case *c, StrBuf *why);
