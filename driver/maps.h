// --maps=NAME: the feature maps of an output drawn as a grid of grey pictures.
#pragma once
#include "driver/loaded.h"

// Draws output `name` of a run, of its first picture, into a PNG: [N, C, H, W] as C maps, [N, T, D] as one of T rows,
// each from its least value (black) to its greatest (white). Small maps are enlarged. False after a diagnostic.
bool maps_draw(const Session *s, const char *name, const char *path, Diag *d);
