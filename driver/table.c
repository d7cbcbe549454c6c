#include "driver/table.h"
#include <string.h>

void table_open(Table *t, const char *alignment) {
  *t = (Table){.alignment = alignment, .columns = (int)strlen(alignment)};
}

void table_cell(Table *t, const char *fmt, ...) {
  char *text = NULL;
  va_list ap;
  va_start(ap, fmt);
  int n = vasprintf(&text, fmt, ap);
  va_end(ap);
  if (n < 0) out_of_memory();
  vec_push(&t->cells, text);
}

// Characters, not bytes, as far as UTF-8 tells.
static int width(const char *s) {
  int n = 0;
  for (; *s; s++) n += (*s & 0xc0) != 0x80;
  return n;
}

void table_print(const Table *t, int indent, FILE *to) {
  int *widths = xcalloc((size_t)t->columns, sizeof *widths);
  for (size_t i = 0; i < t->cells.len; i++) {
    int w = width(t->cells.data[i]), *most = &widths[i % (size_t)t->columns];
    if (w > *most) *most = w;
  }
  StrBuf line = {0};
  for (size_t i = 0; i < t->cells.len; i++) {
    int column = (int)(i % (size_t)t->columns), pad = widths[column] - width(t->cells.data[i]);
    strbuf_fill(&line, ' ', column ? 3 : indent);
    if (t->alignment[column] == 'r') strbuf_fill(&line, ' ', pad);
    for (const char *s = t->cells.data[i]; *s; s++)
      strbuf_putc(&line, (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s);
    if (t->alignment[column] == 'l') strbuf_fill(&line, ' ', pad);
    if (column + 1 < t->columns) continue;
    while (line.len && line.s[line.len - 1] == ' ') line.s[--line.len] = 0;
    fprintf(to, "%s\n", line.s);
    strbuf_clear(&line);
  }
  strbuf_free(&line);
  free(widths);
}

void table_close(Table *t) {
  for (size_t i = 0; i < t->cells.len; i++) free(t->cells.data[i]);
  vec_free(&t->cells);
}

const char *table_count(double v, char buffer[32]) {
  if (v <= 0)
    snprintf(buffer, 32, "-");
  else if (v < 1000)
    snprintf(buffer, 32, "%.0f", v);
  else if (v < 1e5)
    snprintf(buffer, 32, "%d,%03d", (int)v / 1000, (int)v % 1000);
  else if (v < 1e9)
    snprintf(buffer, 32, "%.*f M", v < 1e8 ? 2 : 1, v / 1e6);
  else
    snprintf(buffer, 32, "%.2f G", v / 1e9);
  return buffer;
}

const char *table_bytes(double v, char buffer[32]) {
  if (v < 1000)
    snprintf(buffer, 32, "%.0f B", v);
  else if (v < 1e6)
    snprintf(buffer, 32, "%.0f KB", v / 1e3);
  else
    snprintf(buffer, 32, "%.1f MB", v / 1e6);
  return buffer;
}
