#include "driver/maps.h"
#include "driver/image.h"
#include <math.h>
#include <string.h>

enum { SMALL = 32, GAP = 2, BACKGROUND = 64 };

typedef struct Grid {
  DType type;
  const void *data;
  int64_t maps, height, width; // of one map
  int64_t scale, columns;      // pixels an element has
} Grid;

static const nncc_tensor_info *find_output(const nncc_model_info *info, const char *name, int *index) {
  for (*index = 0; *index < info->n_outputs; ++*index)
    if (!strcmp(info->outputs[*index].name, name)) return &info->outputs[*index];
  return NULL;
}

static bool describe(const Session *s, const char *name, Grid *g, Diag *d) {
  const nncc_model_info *info = s->loaded->info;
  int index;
  const nncc_tensor_info *t = find_output(info, name, &index);
  if (!t) return diag_error_file(d, info->name, "there is no output `%s` to draw", name), false;
  int64_t extents[MAX_RANK], n = session_extents(s, index, extents);
  if ((t->rank != 3 && t->rank != 4) || n < 1) {
    diag_error_file(d, info->name, "`%s` has no maps to draw: they are [N, C, H, W] or [N, T, D]", name);
    return false;
  }
  const int64_t *e = extents + t->rank - 2;
  *g = (Grid){.type = loaded_dtype(t), .data = s->outputs[index], .height = e[0], .width = e[1]};
  g->maps = t->rank == 4 ? extents[1] : 1;
  int64_t longer = g->height > g->width ? g->height : g->width;
  g->scale = longer < SMALL ? (SMALL + longer - 1) / longer : 1;
  double ratio = (double)(g->height * g->scale + GAP) / (double)(g->width * g->scale + GAP);
  g->columns = (int64_t)nearbyint(sqrt((double)g->maps * ratio)); // about as wide as high
  if (g->columns < 1) g->columns = 1;
  if (g->columns > g->maps) g->columns = g->maps;
  return true;
}

// What is not finite is black.
static void draw_map(const Grid *g, int64_t map, Image *im, int64_t x0, int64_t y0) {
  int64_t n = g->height * g->width;
  double lo = INFINITY, hi = -INFINITY;
  for (int64_t i = 0; i < n; i++) {
    double v = dtype_load(g->type, g->data, map * n + i);
    if (isfinite(v)) lo = fmin(lo, v), hi = fmax(hi, v);
  }
  for (int64_t y = 0; y < g->height * g->scale; y++)
    for (int64_t x = 0; x < g->width * g->scale; x++) {
      double v = dtype_load(g->type, g->data, map * n + y / g->scale * g->width + x / g->scale);
      double level = isfinite(v) && hi > lo ? (v - lo) / (hi - lo) * 255 : 0;
      im->pixels[(y0 + y) * im->width + x0 + x] = (uint8_t)nearbyint(level);
    }
}

bool maps_draw(const Session *s, const char *name, const char *path, Diag *d) {
  Grid g;
  if (!describe(s, name, &g, d)) return false;
  int64_t rows = (g.maps + g.columns - 1) / g.columns;
  double width = (double)g.columns * (double)(g.width * g.scale + GAP) - GAP;
  double height = (double)rows * (double)(g.height * g.scale + GAP) - GAP;
  if (width * height > IMAGE_MAX_PIXELS || fmax(width, height) > IMAGE_MAX_SIDE) {
    diag_error_file(d, path, "the maps of `%s` make a picture that is too large", name);
    return false;
  }
  Image im = {.width = (int)width, .height = (int)height, .channels = 1};
  im.pixels = xmalloc((size_t)im.width * (size_t)im.height);
  memset(im.pixels, BACKGROUND, (size_t)im.width * (size_t)im.height);
  for (int64_t i = 0; i < g.maps; i++)
    draw_map(&g, i, &im, i % g.columns * (g.width * g.scale + GAP), i / g.columns * (g.height * g.scale + GAP));
  bool ok = image_write_png(&im, path, d);
  image_free(&im);
  return ok;
}
