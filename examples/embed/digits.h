// digits.h: two drawn digits, for main.c and main.cc.
#ifndef DIGITS_H
#define DIGITS_H

enum { SIDE = 28, PIXELS = SIDE * SIDE, PICTURES = 2, CLASSES = 10 };

// Each character is two by two pixels.
static const char *const drawings[PICTURES][SIDE / 2] = {
    {
        "..............", //
        "..............", //
        "..............", //
        "..+########+..", //
        "..+########+..", //
        ".........##+..", //
        "........+##...", //
        "........##+...", //
        ".......+##....", //
        ".......##+....", //
        "......+##.....", //
        "......+##.....", //
        "..............", //
        "..............",
    },
    {
        "..............", //
        "..............", //
        ".....+##+.....", //
        "....+####+....", //
        "....##++##....", //
        "...+#+..+#+...", //
        "...##....##...", //
        "...##....##...", //
        "...##....##...", //
        "...+#+..+#+...", //
        "....##++##....", //
        ".....+##+.....", //
        "..............", //
        "..............",
    },
};

// The models' own normalisation: (grey - mean) / std, as their `meta` says.
static inline float digits_pixel(char ink) {
  float grey = ink == '#' ? 1.0f : ink == '+' ? 0.5f : 0.0f;
  return (grey - 0.1307f) / 0.3081f;
}

// All drawings, one behind the other: f32[PICTURES, 1, SIDE, SIDE].
static inline void digits_draw(float *images) {
  for (int i = 0; i < PICTURES; i++)
    for (int y = 0; y < SIDE; y++)
      for (int x = 0; x < SIDE; x++) *images++ = digits_pixel(drawings[i][y / 2][x / 2]);
}

static inline int digits_best(const float *logits) {
  int best = 0;
  for (int i = 1; i < CLASSES; i++)
    if (logits[i] > logits[best]) best = i;
  return best;
}

#endif
