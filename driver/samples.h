// What a network is judged or calibrated with: pictures in a folder, in one folder a class, or rows of arrays, each
// with the class that it is of, where that is known.
#pragma once
#include "driver/image.h"
#include "frontend/weights/archive.h"

typedef struct Sample {
  char *path;    // of a picture; NULL: a row of the array
  int64_t row;   // of the array
  int64_t label; // -1: not known
} Sample;

typedef struct SampleClasses { // what the model knows of its classes
  const char *const *names;    // NULL: nothing
  int64_t n;                   // 0: not known
} SampleClasses;

typedef struct Samples {
  Vec(Sample) list;
  Blob *array; // NULL: all are files
  DType dtype; // of the array: u8 where its rows are pictures, else f32
  int rank;
  int64_t dims[MAX_RANK]; // of the array; of pictures rows are [H, W], [H, W, C] or [C, H, W]
  bool labelled;          // every sample has a label
} Samples;

// `data`: a folder of pictures, a folder of folders of pictures (a folder a class, as torchvision's ImageFolder has
// them), a picture, or an npz file whose array `x` (or `pictures`, `images`) holds pictures (u8) or
// the model's inputs (floats), and whose array `y` (or `labels`), if any, their labels. `labels`: a text of lines `name
// label`, or NULL; a label is the name of a class or its number. False after diagnostics.
bool samples_open(Samples *s, const char *data, const char *labels, const SampleClasses *classes, Diag *d);
void samples_close(Samples *s);
// Keeps `n` of them, evenly spread over the list.
void samples_limit(Samples *s, size_t n);
// Moves every n-th of them, from the n-th on, to *other, which is closed like the rest.
void samples_part(Samples *s, size_t n, Samples *other);
// What a search calibrates with: all but every n-th, which go to *held, of at most 1024, spread evenly.
void samples_hold_out(Samples *s, size_t n, Samples *held);
// Every n-th of them, from the first on, to be closed like them.
void samples_copy(Samples *to, const Samples *from, size_t n);
// Each of them `n` times, so that perturbations make so many of it.
void samples_repeat(Samples *s, size_t n);

bool samples_are_pictures(const Samples *s);
// Sample i of samples that are pictures, to be freed with image_free; false after a diagnostic. Safe to call from many
// threads, each with a Diag of its own.
bool samples_picture(const Samples *s, size_t i, Image *im, Diag *d);
// Sample i of samples that are none: as many floats as a row has. Lives as long as the samples.
const float *samples_row(const Samples *s, size_t i);
// "some/folder/cat.png", "x.npz[12]": for messages and tables.
void samples_name(const Samples *s, size_t i, StrBuf *out);
