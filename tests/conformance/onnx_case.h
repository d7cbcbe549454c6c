// One case of ONNX's backend suite. It is a folder with model.onnx and test_data_set_0/, which holds input_0.pb, ...,
// output_0.pb, ...; or with data.json alone, which names one of the suite's light models: real networks whose weights
// are made by their nodes, whose input is counted up from 0 to 1 and whose expected outputs lie beside them.
#pragma once
#include <stdbool.h>

enum { REASON_SIZE = 600 };

typedef struct OnnxJudge {
  bool reference;     // by the reference interpreter, not by native code
  int level, threads; // of native code
} OnnxJudge;

typedef struct OnnxOutcome {
  bool passed;
  bool frozen;              // the elements of an input were compiled in
  char reason[REASON_SIZE]; // of a failure, in one line
} OnnxOutcome;

// `data` is the suite's folder of data, `name` the case's path there: node/test_abs.
void onnx_case_run(const OnnxJudge *judge, const char *data, const char *name, OnnxOutcome *outcome);
