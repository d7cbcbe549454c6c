// Aligned columns of text: what every subcommand prints.
#pragma once
#include "ir/core/strbuf.h"
#include "ir/core/vec.h"
#include <stdio.h>

typedef struct Table {
  const char *alignment; // 'l' or 'r' a column
  int columns;
  Vec(char *) cells; // row after row
} Table;

void table_open(Table *t, const char *alignment);
void table_cell(Table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void table_print(const Table *t, int indent, FILE *to);
void table_close(Table *t);

// 25.56 M, 118.0 M, 9,408 below a hundred thousand; 0 is "-".
const char *table_count(double v, char buffer[32]);
// 1.7 MB, 51 KB
const char *table_bytes(double v, char buffer[32]);
