// Decoding by libpng and libjpeg-turbo, with limits on what a file may make us allocate.
#include "driver/image.h"
#include "frontend/weights/mapped.h"
#include "ir/core/outfile.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
// jpeglib.h wants stdio.h before it
#include <jerror.h>
#include <jpeglib.h>
#include <png.h>

enum { MAX_SCANS = 500 };

bool image_is_picture(const char *path) {
  const char *dot = strrchr(path, '.');
  return dot && (!strcasecmp(dot, ".png") || !strcasecmp(dot, ".jpg") || !strcasecmp(dot, ".jpeg"));
}

void image_free(Image *im) {
  free(im->pixels);
  *im = (Image){0};
}

static bool allocate(Image *im, const char **why) {
  if (im->width < 1 || im->height < 1 || (int64_t)im->width * im->height > IMAGE_MAX_PIXELS) {
    *why = "the picture is empty or too large";
    return false;
  }
  im->pixels = malloc((size_t)im->width * (size_t)im->height * (size_t)im->channels);
  if (!im->pixels) *why = "there is not enough memory";
  return im->pixels;
}

// ---- PNG

typedef struct PngSource {
  const uint8_t *data;
  size_t left;
  char why[128];
} PngSource;

static void png_pull(png_structp png, png_bytep out, size_t n) {
  PngSource *s = png_get_io_ptr(png);
  if (n > s->left) png_error(png, "the file is cut short");
  memcpy(out, s->data, n);
  s->data += n;
  s->left -= n;
}

static void png_failed(png_structp png, png_const_charp why) {
  PngSource *s = png_get_error_ptr(png);
  snprintf(s->why, sizeof s->why, "%s", why);
  longjmp(png_jmpbuf(png), 1);
}

static void png_warned(png_structp png, png_const_charp why) { (void)png, (void)why; }

// Sets the transformations, and what the picture will be.
static void png_describe(png_structp png, png_infop info, Image *im) {
  png_read_info(png, info);
  png_set_expand(png);
  png_set_strip_16(png);
  png_set_strip_alpha(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  im->width = (int)png_get_image_width(png, info);
  im->height = (int)png_get_image_height(png, info);
  im->channels = png_get_channels(png, info);
}

static bool read_png(const Mapped *file, Image *im, const char **why, PngSource *source) {
  *source = (PngSource){.data = file->data, .left = file->size};
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, source, png_failed, png_warned);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  uint8_t **volatile rows = NULL;
  volatile bool ok = false;
  if (!info) {
    *why = "there is not enough memory";
  } else if (setjmp(png_jmpbuf(png))) {
    *why = source->why;
    ok = false;
  } else {
    png_set_user_limits(png, IMAGE_MAX_SIDE, IMAGE_MAX_SIDE);
    png_set_chunk_malloc_max(png, 8 << 20);
    png_set_read_fn(png, source, png_pull);
    png_describe(png, info, im);
    if ((int64_t)im->width * im->height / 8 / 1100 > (int64_t)file->size)
      png_error(png, "the file is cut short"); // deflate's best is 1032:1
    if (allocate(im, why)) {
      rows = xmalloc(sizeof *rows * (size_t)im->height);
      for (int y = 0; y < im->height; y++) rows[y] = im->pixels + (size_t)y * (size_t)im->width * (size_t)im->channels;
      png_read_image(png, rows);
      png_read_end(png, NULL);
      ok = true;
    }
  }
  free(rows);
  png_destroy_read_struct(&png, &info, NULL);
  return ok;
}

bool image_write_png(const Image *im, const char *path, Diag *d) {
  OutFile o;
  if (!outfile_open(&o, path, d)) return false;
  png_image png = {.version = PNG_IMAGE_VERSION,
                   .width = (png_uint_32)im->width,
                   .height = (png_uint_32)im->height,
                   .format = im->channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB};
  if (png_image_write_to_stdio(&png, o.file, 0, im->pixels, 0, NULL)) return outfile_commit(&o, d);
  diag_error_file(d, path, "cannot be written: %s", png.message);
  outfile_abandon(&o, d);
  return false;
}

// ---- JPEG

typedef struct JpegError {
  struct jpeg_error_mgr base;
  jmp_buf jump;
  char why[JMSG_LENGTH_MAX];
} JpegError;

static void jpeg_failed(j_common_ptr j) {
  JpegError *e = (JpegError *)j->err;
  e->base.format_message(j, e->why);
  longjmp(e->jump, 1);
}

static void jpeg_message(j_common_ptr j, int level) {
  if (level < 0 && j->err->msg_code == JWRN_JPEG_EOF) jpeg_failed(j); // half a picture is no picture
}

// A progressive file may hold any number of scans over the whole picture, each of a few bytes.
static void jpeg_progress(j_common_ptr j) {
  if (j->is_decompressor && ((j_decompress_ptr)j)->input_scan_number > MAX_SCANS) ERREXIT(j, JERR_BAD_PROGRESSION);
}

static bool read_jpeg(const Mapped *file, Image *im, const char **why, JpegError *error) {
  struct jpeg_decompress_struct j;
  struct jpeg_progress_mgr progress = {.progress_monitor = jpeg_progress};
  j.err = jpeg_std_error(&error->base);
  error->base.error_exit = jpeg_failed;
  error->base.emit_message = jpeg_message;
  volatile bool ok = false;
  jpeg_create_decompress(&j);
  if (setjmp(error->jump)) {
    *why = error->why;
    ok = false;
  } else {
    j.progress = &progress;
    jpeg_mem_src(&j, file->data, file->size);
    jpeg_read_header(&j, TRUE);
    j.out_color_space = j.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    im->width = (int)j.image_width, im->height = (int)j.image_height, im->channels = j.num_components == 1 ? 1 : 3;
    if (allocate(im, why)) {
      jpeg_start_decompress(&j);
      while (j.output_scanline < j.output_height) {
        JSAMPROW row = im->pixels + (size_t)j.output_scanline * (size_t)im->width * (size_t)im->channels;
        jpeg_read_scanlines(&j, &row, 1);
      }
      jpeg_finish_decompress(&j);
      ok = true;
    }
  }
  jpeg_destroy_decompress(&j);
  return ok;
}

bool image_read(const char *path, Image *out, Diag *d) {
  Mapped *file = mapped_open(path, d);
  if (!file) return false;
  *out = (Image){0};
  const char *why = "it is neither PNG nor JPEG";
  PngSource png;
  JpegError jpeg;
  bool ok = false;
  if (file->size >= 8 && !png_sig_cmp(file->data, 0, 8))
    ok = read_png(file, out, &why, &png);
  else if (file->size >= 3 && !memcmp(file->data, "\xff\xd8\xff", 3))
    ok = read_jpeg(file, out, &why, &jpeg);
  if (!ok) {
    diag_error_file(d, path, "cannot be read: %s", why);
    image_free(out);
  }
  mapped_unref(file);
  return ok;
}

void image_set_channels(Image *im, int channels) {
  if (channels == im->channels) return;
  size_t n = (size_t)im->width * (size_t)im->height;
  uint8_t *out = xmalloc(n * (size_t)channels);
  for (size_t i = 0; i < n; i++) {
    const uint8_t *p = im->pixels + i * (size_t)im->channels;
    if (channels == 1)
      out[i] = (uint8_t)((p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16);
    else
      memset(out + 3 * i, p[0], 3);
  }
  free(im->pixels);
  im->pixels = out;
  im->channels = channels;
}
