// Pictures as they might have been taken: moved, turned, cut, mirrored, nearer or farther, brighter or darker, of other
// colours. Seeded: the same seed, sample and perturbation give the same picture.
#pragma once
#include "driver/image.h"
#include "ir/core/strbuf.h"

typedef enum PerturbKind {
  PERTURB_SHIFT,      // by up to `amount` of each side
  PERTURB_ROTATION,   // by up to `amount` degrees
  PERTURB_CROP,       // a window somewhere in it, of sides shorter by up to `amount` of themselves
  PERTURB_MIRROR,     // left is right; no amount
  PERTURB_SCALE,      // enlarged or reduced by up to `amount` about its centre
  PERTURB_BRIGHTNESS, // all values times up to 1 + or - `amount`
  PERTURB_COLOUR,     // saturation and the balance of colours changed by up to `amount`; grey stays as it is
  PERTURB_KINDS,
} PerturbKind;

typedef struct Perturbation {
  PerturbKind kind;
  double amount;
  const char *name;
} Perturbation;

// "shift", "rotation:20": an amount that is left out takes its usual value. False, with what was expected in *why.
bool perturb_read(const char *text, size_t n, Perturbation *p, StrBuf *why);
Perturbation perturb_usual(PerturbKind kind);
// Changes the picture, which keeps its size but for PERTURB_CROP. What moves in from outside is the nearest pixel.
void perturb_apply(const Perturbation *p, uint64_t seed, uint64_t sample, Image *im);
// "shift 10%", "rotation 15 degrees", "mirror"
void perturb_print(const Perturbation *p, StrBuf *out);
