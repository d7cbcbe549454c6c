#include "driver/tune_cache.h"
#include "ir/core/checked.h"
#include "ir/core/outfile.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER "nncc tuning 1\n"
enum { FIELDS = 5, FILE_MOST = 64 << 20 };

static char *path_in(const char *folder) {
  const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  if (folder) return xprintf("%s/tune.txt", folder);
  if (cache && *cache) return xprintf("%s/nncc/tune.txt", cache);
  return xprintf("%s/.cache/nncc/tune.txt", home && *home ? home : "/tmp");
}

// ---- lines: machine, work, candidate, microseconds, microseconds of the estimate's, parted by tabs

// Cuts the line in place; false where it is none of ours.
static bool parse_line(char *line, char *field[FIELDS], double *us, double *estimate) {
  for (int i = 0; i < FIELDS; i++) {
    field[i] = line;
    size_t n = strcspn(line, "\t");
    if ((line[n] == '\t') != (i + 1 < FIELDS) || !n) return false;
    line += n;
    if (*line) *line++ = 0;
  }
  char *end[2];
  *us = strtod(field[3], &end[0]);
  *estimate = strtod(field[4], &end[1]);
  return !*end[0] && !*end[1] && isfinite(*us) && isfinite(*estimate) && *us > 0 && *estimate > 0;
}

static void print_line(StrBuf *b, const char *machine, const Tuned *t) {
  strbuf_printf(b, "%s\t%s\t%s\t%.3f\t%.3f\n", machine, t->work, t->taken, t->us, t->estimate_us);
}

// The file's text, NUL-terminated, without its first line; NULL where there is none of this version. *known: whether
// that is for sure.
static char *read_file(const char *path, char **owned, bool *known) {
  FILE *f = fopen(path, "rb");
  *known = f || errno == ENOENT;
  StrBuf b = {0};
  char chunk[1 << 14];
  size_t n;
  while (f && b.len < FILE_MOST && (n = fread(chunk, 1, sizeof chunk, f))) strbuf_write(&b, chunk, n);
  if (f) *known = !ferror(f);
  if (f) fclose(f);
  strbuf_puts(&b, "");
  *owned = b.s;
  return b.s && !strncmp(b.s, HEADER, sizeof HEADER - 1) ? b.s + sizeof HEADER - 1 : NULL;
}

// The next whole line of *text, cut off; NULL at the end.
static char *next_line(char **text) {
  char *line = *text, *end = line ? strchr(line, '\n') : NULL;
  if (!end) return NULL;
  *end = 0;
  *text = end + 1;
  return line;
}

// ---- the cache

// By work; of equal ones, which still stand in the file's text, the earlier line first.
static int by_work(const void *a, const void *b) {
  const Tuned *x = a, *y = b;
  int c = strcmp(x->work, y->work);
  return c ? c : x->work < y->work ? -1 : 1;
}

void tune_cache_open(TuneCache *c, const char *folder, const char *machine) {
  *c = (TuneCache){.path = path_in(folder), .machine = xstrdup(machine)};
  bool known;
  char *owned, *text = read_file(c->path, &owned, &known), *line, *field[FIELDS];
  double us, estimate;
  while ((line = next_line(&text)))
    if (parse_line(line, field, &us, &estimate) && !strcmp(field[0], machine))
      vec_push(&c->entries, (Tuned){field[1], field[2], us, estimate});
  if (c->entries.len) qsort(c->entries.data, c->entries.len, sizeof *c->entries.data, by_work);
  size_t kept = 0;
  for (size_t i = 0; i < c->entries.len; i++) {
    Tuned *t = &c->entries.data[i];
    if (i + 1 < c->entries.len && !strcmp(t->work, t[1].work)) continue;
    c->entries.data[kept++] = (Tuned){xstrdup(t->work), xstrdup(t->taken), t->us, t->estimate_us};
  }
  c->entries.len = kept;
  free(owned);
}

// Where the entry of some work stands, or would.
static size_t place_of(const TuneCache *c, const char *work) {
  size_t first = 0, end = c->entries.len;
  while (first < end) {
    size_t middle = first + (end - first) / 2;
    if (strcmp(c->entries.data[middle].work, work) < 0)
      first = middle + 1;
    else
      end = middle;
  }
  return first;
}

static Tuned *find(const TuneCache *c, const char *work) {
  size_t i = place_of(c, work);
  return i < c->entries.len && !strcmp(c->entries.data[i].work, work) ? &c->entries.data[i] : NULL;
}

const Tuned *tune_cache_find(const TuneCache *c, const char *work) { return find(c, work); }

void tune_cache_put(TuneCache *c, const char *work, const char *taken, double us, double estimate_us) {
  Tuned *t = find(c, work);
  if (!t) {
    size_t i = place_of(c, work);
    vec_push(&c->entries, (Tuned){0});
    t = &c->entries.data[i];
    memmove(t + 1, t, (c->entries.len - 1 - i) * sizeof *t);
    *t = (Tuned){.work = xstrdup(work)};
  }
  free(t->taken);
  t->taken = xstrdup(taken);
  t->us = us;
  t->estimate_us = estimate_us;
}

static void make_folders(const char *path) {
  char *copy = xstrdup(path);
  for (char *s = strchr(copy + 1, '/'); s; s = strchr(s + 1, '/')) {
    *s = 0;
    mkdir(copy, 0777); // what fails here fails again when the file is written
    *s = '/';
  }
  free(copy);
}

// What the file says of other machines and other work, as text; false where it cannot be read.
static bool keep_others(const TuneCache *c, StrBuf *b) {
  bool known;
  char *owned, *text = read_file(c->path, &owned, &known), *line, *field[FIELDS];
  double us, estimate;
  while ((line = next_line(&text))) {
    if (!parse_line(line, field, &us, &estimate)) continue;
    if (!strcmp(field[0], c->machine) && find(c, field[1])) continue;
    print_line(b, field[0], &(Tuned){field[1], field[2], us, estimate});
  }
  free(owned);
  return known;
}

void tune_cache_save(const TuneCache *c, Diag *d) {
  make_folders(c->path);
  char *lock_path = xprintf("%s.lock", c->path);
  int lock = open(lock_path, O_CREAT | O_RDWR | O_CLOEXEC, 0666);
  if (lock >= 0) flock(lock, LOCK_EX); // without it, what another process writes now may be lost
  StrBuf b = {0};
  strbuf_puts(&b, HEADER);
  bool ok = keep_others(c, &b);
  for (size_t i = 0; i < c->entries.len; i++) print_line(&b, c->machine, &c->entries.data[i]);
  Diag *own = diag_create();
  if (lock < 0 || !ok || !outfile_write(c->path, strbuf_str(&b), b.len, own))
    diag_warning_file(d, c->path, "cannot be written: what was measured is not kept");
  diag_destroy(own);
  strbuf_free(&b);
  if (lock >= 0) close(lock);
  free(lock_path);
}

void tune_cache_close(TuneCache *c) {
  for (size_t i = 0; i < c->entries.len; i++) free(c->entries.data[i].work), free(c->entries.data[i].taken);
  vec_free(&c->entries);
  free(c->path);
  free(c->machine);
  *c = (TuneCache){0};
}
