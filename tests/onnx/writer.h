// ONNX files for tests, from a text of lines:
//
//   opset 13                       of the default domain; first, if at all
//   in x f32 2,N,3                 an input; `-` for no dimensions
//   out y                          an output
//   init k i64 2 3,-1              an initializer: shape, elements
//   external w f32 4 location=w.bin offset=16
//   node Split x,_ a,b @cut axis=1 split=[1,2] mode='DCR' modes=['a','b'] bias=0.5 value=<i64 2 3,4> then_branch={yes}
//   graph yes  ...  end            a graph for an attribute; stands before the node that has it
//   function Twice x y alpha ...  end    of domain "local", its inputs, outputs and attributes
//
// `_` is no name; `@cut` the node's; `local.Twice` an op of a domain; `alpha=$beta` takes the caller's attribute.
#pragma once
#include "ir/core/strbuf.h"

void writer_model(StrBuf *out, const char *text);
void writer_file(const char *path, const StrBuf *bytes);
