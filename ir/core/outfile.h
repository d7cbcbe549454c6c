// Files that are whole or absent: the bytes go to a temporary file beside the target, which commit renames.
#pragma once
#include "ir/core/diag.h"
#include <stdio.h>

typedef struct OutFile {
  FILE *file;
  char *path, *temporary; // temporary NULL: written in place (stdout, devices)
} OutFile;

// "-" is stdout. False after a diagnostic.
bool outfile_open(OutFile *o, const char *path, Diag *d);
// Flushes, closes and renames; false after a diagnostic, with the target as it was. Frees *o either way.
bool outfile_commit(OutFile *o, Diag *d);
// Drops what was written.
void outfile_abandon(OutFile *o);
// A whole text in one call.
bool outfile_write(const char *path, const char *bytes, size_t size, Diag *d);
