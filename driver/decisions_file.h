// Decisions as JSON, a layer a line, so that people can read and change them: --save-decisions=, --decisions=.
#pragma once
#include "passes/decisions.h"

// NULL, or false, after diagnostics.
Decisions *decisions_read(const char *path, Diag *d);
bool decisions_write(const Decisions *decisions, const char *model, const char *path, Diag *d);
