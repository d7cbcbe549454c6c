// Decoding equals Pillow's; resizing is within one level of it. The arrays are make_pictures.py's.
#include "driver/image.h"
#include "frontend/weights/archive.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
// cmocka.h wants the standard headers before it
#include <cmocka.h>

static int largest_difference(const Image *im, Archive *golden, const char *name, Diag *d) {
  const ArchiveEntry *e = archive_find(golden, name);
  if (!e) fail_msg("no %s", name);
  assert_true(e->rank == 3 && e->dims[0] == im->height && e->dims[1] == im->width && e->dims[2] == im->channels);
  Blob *b = archive_blob(golden, e, d);
  int most = 0;
  for (size_t i = 0; i < b->size; i++) {
    int v = abs(im->pixels[i] - ((const uint8_t *)b->data)[i]);
    most = v > most ? v : most;
  }
  blob_unref(b);
  return most;
}

static void decodes_as_pillow(void **state) {
  Archive *golden = *state;
  Diag *d = diag_create();
  static const char *const names[] = {"rgb.png", "grey.png",        "palette.png", "alpha.png",
                                      "rgb.jpg", "progressive.jpg", "grey.jpg"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char path[512], entry[64];
    snprintf(path, sizeof path, "%s/%s", PICTURES, names[i]);
    snprintf(entry, sizeof entry, "%s/rgb", names[i]);
    Image im;
    assert_true(image_read(path, &im, d));
    image_set_channels(&im, 3);
    assert_int_equal(largest_difference(&im, golden, entry, d), 0);
    if (!i) {
      image_set_channels(&im, 1);
      assert_int_equal(largest_difference(&im, golden, "rgb.png/grey", d), 0);
    }
    image_free(&im);
  }
  diag_destroy(d);
}

static void resizes_as_pillow(void **state) {
  Archive *golden = *state;
  Diag *d = diag_create();
  static const int sizes[][2] = {{20, 17}, {53, 11}, {90, 70}, {7, 80}, {53, 37}, {1, 1}};
  for (int filter = 0; filter < 2; filter++)
    for (int grey = 0; grey < 2; grey++)
      for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char entry[64];
        snprintf(entry, sizeof entry, "%s%s/%dx%d", filter ? "bicubic" : "bilinear", grey ? "-grey" : "", sizes[i][0],
                 sizes[i][1]);
        Image im;
        assert_true(image_read(PICTURES "/rgb.png", &im, d));
        if (grey) image_set_channels(&im, 1);
        image_resize(&im, sizes[i][0], sizes[i][1], filter ? FILTER_BICUBIC : FILTER_BILINEAR);
        assert_in_range(largest_difference(&im, golden, entry, d), 0, 1);
        image_free(&im);
      }
  diag_destroy(d);
}

// Cut short at every length and with a byte changed at every place: a picture or a diagnostic, never a crash.
static void survives_damage(void **state) {
  (void)state;
  static const char *const names[] = {PICTURES "/palette.png", PICTURES "/progressive.jpg"};
  Diag *d = diag_create();
  int refused = 0;
  for (int k = 0; k < 2; k++) {
    FILE *in = fopen(names[k], "rb");
    char bytes[1 << 14], path[] = "damaged_XXXXXX";
    size_t n = fread(bytes, 1, sizeof bytes, in);
    fclose(in);
    close(mkstemp(path));
    for (size_t i = 0; i < 2 * n; i += 3) {
      FILE *out = fopen(path, "wb");
      if (i >= n) bytes[i - n] ^= 0x5a;
      fwrite(bytes, 1, i < n ? i : n, out);
      if (i >= n) bytes[i - n] ^= 0x5a;
      fclose(out);
      Image im;
      if (image_read(path, &im, d))
        image_free(&im);
      else
        refused++, assert_true(diag_errors(d) > 0);
      diag_clear(d);
    }
    unlink(path);
  }
  assert_true(refused > 100);
  diag_destroy(d);
}

static int setup(void **state) {
  Diag *d = diag_create();
  *state = archive_open(PICTURES "/pillow.npz", d);
  diag_destroy(d);
  return !*state;
}

static int teardown(void **state) {
  archive_unref(*state);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(decodes_as_pillow), cmocka_unit_test(resizes_as_pillow),
                                     cmocka_unit_test(survives_damage)};
  return cmocka_run_group_tests(tests, setup, teardown);
}
