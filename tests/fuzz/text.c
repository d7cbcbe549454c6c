// How libFuzzer changes texts: whole tokens and lines are exchanged, repeated and dropped, numbers are made extreme, so
// that more of what comes out gets past the parser. One time in four it changes bytes as it otherwise does.
#include "ir/core/vec.h"
#include "tests/fuzz/fuzz.h"
#include <ctype.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *out,
                                 size_t max_size, unsigned seed);

static Vec(const char *) words; // of the dictionary

// Every line of the dictionary is a word in double quotes.
int LLVMFuzzerInitialize(int *argc, char ***argv) {
  for (int i = 1; i < *argc; i++) {
    FILE *f = strncmp((*argv)[i], "-dict=", 6) ? NULL : fopen((*argv)[i] + 6, "r");
    char line[128];
    while (f && fgets(line, sizeof line, f)) {
      char *end = strrchr(line, '"');
      if (*line != '"' || end == line) continue;
      *end = 0;
      vec_push(&words, strdup(line + 1));
    }
    if (f) fclose(f);
  }
  return 0;
}

static unsigned next(unsigned *seed, size_t n) {
  *seed = *seed * 1664525u + 1013904223u;
  return n ? (*seed >> 8) % (unsigned)n : 0;
}

// ---- parts of a text: bytes [begin, end)

typedef struct Part {
  size_t begin, end;
} Part;

static bool is_word(uint8_t c) { return isalnum(c) || c == '_'; }

// The token at a place: a word, a number with its point, or one other byte.
static Part token_at(const uint8_t *s, size_t size, size_t at) {
  Part p = {at, at + 1};
  if (!is_word(s[at])) return p;
  while (p.begin && (is_word(s[p.begin - 1]) || s[p.begin - 1] == '.')) p.begin--;
  while (p.end < size && (is_word(s[p.end]) || s[p.end] == '.')) p.end++;
  return p;
}

static Part line_at(const uint8_t *s, size_t size, size_t at) {
  Part p = {at, at};
  while (p.begin && s[p.begin - 1] != '\n') p.begin--;
  while (p.end < size && s[p.end] != '\n') p.end++;
  p.end += p.end < size;
  return p;
}

// A token of the same kind as the one at `from`: word, number or sign; tried for a few times.
static Part token_like(const uint8_t *s, size_t size, size_t from, unsigned *seed) {
  Part p = {from, from + 1};
  for (int i = 0; i < 32; i++) {
    p = token_at(s, size, next(seed, size));
    uint8_t a = s[p.begin], b = s[from];
    if (is_word(a) == is_word(b) && !isdigit(a) == !isdigit(b) && !isspace(a)) break;
  }
  return p;
}

// Puts n bytes in place of a part; the new size, the old one where there is no room.
static size_t replace(uint8_t *s, size_t size, size_t max_size, Part p, const void *with, size_t n) {
  size_t now = size - (p.end - p.begin) + n;
  if (now > max_size) return size;
  memmove(s + p.begin + n, s + p.end, size - p.end);
  memcpy(s + p.begin, with, n);
  return now;
}

static size_t replace_by_part(uint8_t *s, size_t size, size_t max_size, Part p, Part with) {
  size_t n = with.end - with.begin;
  uint8_t *copy = xmalloc(n);
  memcpy(copy, s + with.begin, n);
  size = replace(s, size, max_size, p, copy, n);
  free(copy);
  return size;
}

static size_t replace_by_text(uint8_t *s, size_t size, size_t max_size, Part p, const char *text) {
  return replace(s, size, max_size, p, text, strlen(text));
}

// ---- changes

static const char *number(unsigned *seed, char *small, size_t room) {
  static const char *const extremes[] = {"-1",         "0.0",           "1e-300",      "1e300",
                                         "255",        "65535",         "2147483647",  "2147483648",
                                         "4294967295", "1099511627776", "-2147483649", "9223372036854775807"};
  enum { EXTREMES = sizeof extremes / sizeof *extremes };
  unsigned i = next(seed, 3 * EXTREMES);
  if (i < EXTREMES) return extremes[i];
  snprintf(small, room, "%u", next(seed, i & 1 ? 5 : 40));
  return small;
}

static size_t change(uint8_t *s, size_t size, size_t max_size, unsigned *seed) {
  char small[16];
  size_t at = next(seed, size), to = next(seed, size);
  for (int i = 0; i < 16 && isspace(s[at]); i++) at = next(seed, size);
  Part token = token_at(s, size, at), line = line_at(s, size, at), place = line_at(s, size, to);
  place.end = place.begin;
  switch (next(seed, 8)) {
  case 0: return replace(s, size, max_size, token, "", 0);
  case 1: return replace(s, size, max_size, line, "", 0);
  case 2: return replace_by_part(s, size, max_size, place, line);
  case 3: return replace_by_part(s, size, max_size, (Part){token.begin, token.begin}, token_at(s, size, to));
  case 4:
    if (isdigit(s[token.begin])) return replace_by_text(s, size, max_size, token, number(seed, small, sizeof small));
    return replace_by_part(s, size, max_size, token, token_like(s, size, at, seed));
  case 5:
    if (words.len) return replace_by_text(s, size, max_size, token, words.data[next(seed, words.len)]);
    return size;
  default: return replace_by_part(s, size, max_size, token, token_like(s, size, at, seed));
  }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
  if (!size || next(&seed, 4) == 0) return LLVMFuzzerMutate(data, size, max_size);
  for (unsigned n = 1 + next(&seed, 4); n && size; n--) size = change(data, size, max_size, &seed);
  return size;
}

// One text with a few lines of another.
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *out,
                                 size_t max_size, unsigned seed) {
  if (a_size > max_size) a_size = max_size;
  memcpy(out, a, a_size);
  if (!b_size || !a_size) return a_size;
  Part to = line_at(a, a_size, next(&seed, a_size)), from = line_at(b, b_size, next(&seed, b_size));
  for (unsigned n = next(&seed, 4); n && from.end < b_size; n--) from.end = line_at(b, b_size, from.end).end;
  if (next(&seed, 2)) to.end = to.begin;
  return replace(out, a_size, max_size, to, b + from.begin, from.end - from.begin);
}
