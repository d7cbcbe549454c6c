// Pictures: PNG and JPEG files as 8-bit grey or RGB, rows from the top, and what models ask of them.
#pragma once
#include "ir/core/diag.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct Image {
  int width, height, channels; // channels 1 (grey) or 3 (RGB), interleaved
  uint8_t *pixels;
} Image;

#define IMAGE_MAX_PIXELS (100 << 20)
#define IMAGE_MAX_SIDE (1 << 16)

bool image_is_picture(const char *path); // by its suffix
// False after a diagnostic. An alpha channel is dropped, 16 bits are cut to 8, palettes are resolved.
bool image_read(const char *path, Image *out, Diag *d);
bool image_write_png(const Image *im, const char *path, Diag *d); // "-": stdout; whole or absent
void image_free(Image *im);
void image_set_channels(Image *im, int channels); // grey is ITU-R 601 luma, as Pillow's

typedef enum ImageFilter { FILTER_BILINEAR, FILTER_BICUBIC } ImageFilter;
// Replaces the picture by one of another size, equal to Pillow's Image.resize within one level.
void image_resize(Image *im, int width, int height, ImageFilter filter);
void image_crop(Image *im, int x, int y, int width, int height); // the window must lie inside
