// onnx_seeds FOLDER: writes small ONNX models to begin with, of the kinds that read each other's parts.
#include "tests/onnx/writer.h"
#include <stdio.h>

static const char *const models[] = {
    "in x f32 N,3,8,8\nin w f32 4,3,3,3\ninit w f32 4,3,1,1 1,2,3,4,5,6,7,8,9,10,11,12\nout y\nout z\n"
    "node Conv x,w a @conv kernel_shape=[1,1] pads=[0,0,0,0]\nnode Relu a y\nnode MaxPool a z kernel_shape=[2,2]",
    "in x f32 N,4,H,W\nout y\ninit zero i64 - 0\ninit rest i64 1 -1\ninit axes i64 1 0\nnode Shape x s\n"
    "node Gather s,zero n\nnode Unsqueeze n,axes n1\nnode Concat n1,rest to axis=0\nnode Reshape x,to y",
    "in x f32 2\nout y\ninit c bool - 1\ngraph yes\nnode Relu x a\nout a\nend\ngraph no\nnode Neg x b\nout b\nend\n"
    "node If c y then_branch={yes} else_branch={no}",
    "in x f32 2\nout y\nout all\ninit n i64 - 2\ngraph body\nin i i64 -\nin c bool -\nin s f32 2\nnode Neg s t\nout c\n"
    "out t\nout t\nend\nnode Loop n,_,x y,all body={body}",
    "in x f32 2,3\nin s f32 3\nout y\nout z\ngraph b\nin t f32 3\nin r f32 3\nnode Add t,r u\nout u\nout u\nend\n"
    "node Scan s,x y,z num_scan_inputs=1 body={b}",
    "in x f32 2\nout y\nfunction scaled a b slope\nnode LeakyRelu a h alpha=$slope\nnode Neg h b\nend\n"
    "node local.scaled x y slope=0.5",
    "in x f32 2\nin z f32 2\nout y\ninit at i64 - -1\nnode SequenceConstruct x,z l\nnode SequenceInsert l,x more\n"
    "node SequenceErase more fewer\nnode SequenceAt fewer,at last\nnode Cast last y to=7",
    "in x f32 2,3,4\nout y\ninit s i64 1 1\ninit e i64 1 3\nnode Slice x,s,e,s a\nnode Constant - k "
    "value=<f32/4/1,2,3,4>\n"
    "node Mul a,k b\nnode ReduceSum b c axes=[1] keepdims=0\nnode Softmax c y axis=-1",
};

int main(int argc, char **argv) {
  for (size_t i = 0; argc == 2 && i < sizeof models / sizeof *models; i++) {
    char path[4096];
    StrBuf b = {0};
    snprintf(path, sizeof path, "%s/case%zu.onnx", argv[1], i);
    writer_model(&b, models[i]);
    writer_file(path, &b);
    strbuf_free(&b);
  }
  return argc != 2;
}
