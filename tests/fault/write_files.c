// write_files: the weights, arrays and the ONNX model that cases.sh has read, in the current folder.
#include "frontend/weights/archive.h"
#include "tests/onnx/writer.h"

static const char model[] = "opset 17\nin x f32 N,3,8,8\nout y\ninit w f32 4,3,1,1 1,2,3,4,5,6,7,8,9,10,11,12\n"
                            "node Conv x,w a @conv kernel_shape=[1,1] pads=[0,0,0,0]\nnode Relu a b\n"
                            "node MaxPool b y kernel_shape=[2,2]";

int main(void) {
  static float numbers[10 * 64];
  for (int i = 0; i < 10 * 64; i++) numbers[i] = (float)(i % 7 - 3) / 8;
  const ArchiveArray weights[] = {{"fc.weight", DT_F32, 2, (Dim[]){10, 64}, numbers},
                                  {"fc.bias", DT_F32, 1, (Dim[]){10}, numbers}};
  const ArchiveArray input = {"x", DT_F32, 3, (Dim[]){2, 8, 8}, numbers};
  Diag *d = diag_create();
  bool ok = archive_write("w.safetensors", weights, 2, d) && archive_write("in.npz", &input, 1, d);
  StrBuf b = {0};
  writer_model(&b, model);
  writer_file("m.onnx", &b);
  strbuf_free(&b);
  diag_destroy(d);
  return !ok;
}
