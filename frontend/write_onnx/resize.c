// Pictures, and grids of positions, of another size.
#include "frontend/write_onnx/export.h"

typedef struct Method {
  bool nearest, cubic, align_corners, antialias;
} Method;

// Either the sizes or the factors are given. PyTorch's nearest neighbour is the one at or before the place in the input
// that an output's first corner has.
static Term *resize(Export *e, Term *x, const Method *m, Term *factors, Term *sizes) {
  Term *y = EXPORT(e, "Resize", x, NULL, factors, sizes);
  const char *place = m->nearest ? "asymmetric" : m->align_corners ? "align_corners" : "half_pixel";
  export_text(e, "mode", m->nearest ? "nearest" : m->cubic ? "cubic" : "linear");
  export_text(e, "coordinate_transformation_mode", place);
  if (m->nearest) export_text(e, "nearest_mode", "floor");
  if (m->cubic) export_float(e, "cubic_coeff_a", m->antialias ? -0.5 : -0.75);
  if (m->antialias) export_int(e, "antialias", 1);
  if (m->antialias) export_int(e, "exclude_outside", 1);
  return y;
}

void write_interpolate(Export *e) {
  const Attr *factor = EXPORT_ATTR(e, INTERPOLATE, scale_factor);
  const char *mode = EXPORT_ATTR(e, INTERPOLATE, mode)->s;
  Method m = {.nearest = !strcmp(mode, "nearest"),
              .cubic = !strcmp(mode, "bicubic"),
              .align_corners = EXPORT_ATTR(e, INTERPOLATE, align_corners)->i,
              .antialias = EXPORT_ATTR(e, INTERPOLATE, antialias)->i};
  Term *factors = NULL, *sizes = NULL;
  if (factor->n && !m.align_corners) // which goes by the sizes, ONNX's by the factors where they are given
    factors = export_tensor(e, DT_F32, 1, (int64_t[]){4}, (double[]){1, 1, factor->floats[0], factor->floats[1]});
  else
    sizes = dims_list(e, 4, export_result_type(e)->dims);
  export_out(e, resize(e, export_in(e, 0), &m, factors, sizes));
}

// The tokens behind the prefix as a picture, that of the new size, and back.
static Term *resampled(Export *e, Term *positions, const int64_t *old, const int64_t *new, int64_t prefix, Dim D) {
  const Method m = {.cubic = true, .antialias = true};
  Term *grid = shape_slice(e, positions, 1, prefix, prefix + old[0] * old[1]);
  grid = shape_reshape(e, grid, 4, (Dim[]){1, old[0], old[1], D});
  grid = shape_permute(e, grid, 4, (int64_t[]){0, 3, 1, 2});
  grid = resize(e, grid, &m, NULL, export_list(e, 4, (int64_t[]){1, D, new[0], new[1]}));
  grid = shape_permute(e, grid, 4, (int64_t[]){0, 2, 3, 1});
  grid = shape_reshape(e, grid, 3, (Dim[]){1, new[0] * new[1], D});
  if (!prefix) return grid;
  Term *before = shape_slice(e, positions, 1, 0, prefix);
  return shape_concat(e, 2, (Term *[]){before, grid}, 1);
}

void write_position_embedding(Export *e) {
  const Attr *old = EXPORT_ATTR(e, POSITION_EMBEDDING, old_size), *new = EXPORT_ATTR(e, POSITION_EMBEDDING, new_size);
  Term *x = export_in(e, 0), *positions = export_in(e, IN_POSITION_EMBEDDING_embedding);
  if (old->n && !attr_equal(old, new))
    positions = resampled(e, positions, old->ints, new->ints, EXPORT_ATTR(e, POSITION_EMBEDDING, num_prefix_tokens)->i,
                          export_type(e, IN_POSITION_EMBEDDING_embedding)->dims[2]);
  export_out(e, EXPORT(e, e->row->op, x, positions));
}
