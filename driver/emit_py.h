// --emit=py: a Python module of ctypes and NumPy for one model.
#pragma once
#include "ir/loop/loop.h"

// Writes it, whole or not at all; `path` "-": stdout. The library is looked for beside it, under the name `library`.
bool emit_py(const LProgram *p, const char *path, const char *library, Diag *d);
