// Raw frames, as `ffmpeg -f rawvideo -pix_fmt rgb24` writes them, one behind the other.
#pragma once
#include "driver/image.h"
#include <stdio.h>

typedef struct RawFormat {
  int width, height; // 0: none was given
  int bytes;         // a pixel
  bool grey, bgr;
} RawFormat;

// "rgb24,640x480"; false where it is none.
bool raw_parse(const char *text, RawFormat *f);
// The next frame; false at the end, or after a diagnostic, with no pixels, where the last one is cut short.
bool raw_read(const RawFormat *f, FILE *from, Image *out, Diag *d);
