// Pictures: decoded, made grey or coloured, resized and cropped as `nncc run` does.
#include "driver/image.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Diag *d = diag_create();
  Image im = {0};
  bool ok = image_read(fuzz_file(0, data, size), &im, d);
  if (ok) {
    enum { SMALL = 1 << 20, SIDE = 24 };
    CHECK(im.channels == 1 || im.channels == 3, "%d channels", im.channels);
    if (im.width * im.height < SMALL) {
      image_set_channels(&im, 4 - im.channels);
      image_resize(&im, SIDE, SIDE, size % 2 ? FILTER_BILINEAR : FILTER_BICUBIC);
      image_crop(&im, 3, 4, SIDE / 2, SIDE / 2);
    }
    image_free(&im);
  }
  CHECK(!im.pixels, "pixels are left");
  fuzz_end(d, ok);
  return 0;
}
