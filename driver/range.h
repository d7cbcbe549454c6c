// Whether what is fed to a model was prepared as its `meta` says.
#pragma once
#include "driver/feed.h"

// Warns where the picture that was given as an array of floats cannot have been normalized by `mean` and `std`.
void range_check(const Feed *f, Diag *d);
