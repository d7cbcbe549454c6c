#include "driver/raw.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *name; // ffmpeg's
  int bytes;
  bool grey, bgr;
} formats[] = {
    {"rgb24", 3, false, false}, {"bgr24", 3, false, true}, {"gray", 1, true, false}, {"rgba", 4, false, false},
    {"bgra", 4, false, true},   {"rgb0", 4, false, false}, {"bgr0", 4, false, true},
};

// A side, and the place behind it; 0 where it is none.
static int side(const char *s, char **end) {
  errno = 0;
  long v = strtol(s, end, 10);
  return errno || *end == s || *s < '0' || *s > '9' || v < 1 || v > IMAGE_MAX_SIDE ? 0 : (int)v;
}

bool raw_parse(const char *text, RawFormat *f) {
  size_t n = strcspn(text, ",");
  char *end = (char *)text;
  *f = (RawFormat){0};
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
    if (strlen(formats[i].name) == n && !strncmp(formats[i].name, text, n))
      *f = (RawFormat){.bytes = formats[i].bytes, .grey = formats[i].grey, .bgr = formats[i].bgr};
  if (!f->bytes || !text[n]) return false;
  f->width = side(text + n + 1, &end);
  if (!f->width || *end != 'x') return false;
  f->height = side(end + 1, &end);
  return f->height && !*end && (int64_t)f->width * f->height <= IMAGE_MAX_PIXELS;
}

bool raw_read(const RawFormat *f, FILE *from, Image *out, Diag *d) {
  size_t pixels = (size_t)f->width * (size_t)f->height, size = pixels * (size_t)f->bytes;
  *out = (Image){.width = f->width, .height = f->height, .channels = f->grey ? 1 : 3, .pixels = xmalloc(size)};
  size_t got = fread(out->pixels, 1, size, from);
  if (got == size) {
    for (size_t i = 0; (f->bgr || f->bytes == 4) && i < pixels; i++) { // in place: a pixel never grows
      const uint8_t *p = out->pixels + i * (size_t)f->bytes, red = p[f->bgr ? 2 : 0], blue = p[f->bgr ? 0 : 2];
      uint8_t *q = out->pixels + 3 * i, green = p[1];
      q[0] = red, q[1] = green, q[2] = blue;
    }
    return true;
  }
  if (ferror(from))
    diag_error_file(d, "stdin", "cannot be read: %s", strerror(errno));
  else if (got)
    diag_error_file(d, "stdin", "the last frame is cut short: it has %zu of %zu bytes", got, size);
  image_free(out);
  return false;
}
