// Files that are whole or absent: the bytes go to a temporary file beside the target, which commit renames.
#pragma once
#include "ir/core/diag.h"
#include <stdio.h>

typedef struct OutFile {
  FILE *file;
  char *path, *target, *temporary; // as given, without links, beside that; written in place (stdout, devices): NULL
} OutFile;

// "-" is stdout. False after a diagnostic.
bool outfile_open(OutFile *o, const char *path, Diag *d);
// Flushes, closes and renames; false after a diagnostic, with the target as it was. Frees *o either way.
bool outfile_commit(OutFile *o, Diag *d);
// Drops what was written. A temporary file that stays is a warning.
void outfile_abandon(OutFile *o, Diag *d);
// A whole text in one call.
bool outfile_write(const char *path, const char *bytes, size_t size, Diag *d);
