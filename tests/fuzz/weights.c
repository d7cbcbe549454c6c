// A packed weights file, as a compiled model maps it when it is opened: the bytes as they are, and with the zeros that
// stand between header and weights. Each is opened by a model of other weights and by one that its header is right for.
#include "tests/fuzz/fuzz.h"
#include "tests/runtime/toy.h"
#include <string.h>

static void open_model(const char *path, const nncc_model_info *info) {
  NnccRtModel model = toy;
  nncc_options o = NNCC_OPTIONS_INIT;
  nncc_model *m;
  model.info = info;
  o.threads = 1;
  o.weights_path = path;
  int32_t status = nncc_rt_open(&model, &m, &o);
  CHECK(status == NNCC_OK || status == NNCC_E_WEIGHTS, "%s", nncc_rt_strerror(status));
  CHECK(!m == (status != NNCC_OK), "a model in spite of status %d", status);
  nncc_rt_close(m);
}

static void open_file(const uint8_t *data, size_t size) {
  const char *path = fuzz_file(0, data, size);
  NnccRtWeightsHeader header = {0};
  memcpy(&header, data, size < sizeof header ? size : sizeof header);
  nncc_model_info info = toy_info;
  open_model(path, &info);
  info.weights_bytes = header.bytes;
  info.weights_hash = header.hash;
  open_model(path, &info);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  open_file(data, size);
  if (size < sizeof(NnccRtWeightsHeader)) return 0;
  size_t rest = size - sizeof(NnccRtWeightsHeader);
  uint8_t *whole = xcalloc(NNCC_RT_WEIGHTS_OFFSET + rest, 1);
  memcpy(whole, data, sizeof(NnccRtWeightsHeader));
  memcpy(whole + NNCC_RT_WEIGHTS_OFFSET, data + sizeof(NnccRtWeightsHeader), rest);
  open_file(whole, NNCC_RT_WEIGHTS_OFFSET + rest);
  free(whole);
  return 0;
}
