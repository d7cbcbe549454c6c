// Each bad NAME.nn here gives exactly the messages in NAME.txt, and an expectation that is missing fails.
// NNCC_BLESS=1 writes the expectations; read the difference. A line "# options: -Da=1 --model=m --shape=x=1,2" in the
// file gives the command line's options. parts/ holds what the files use.
#include "frontend/frontend.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { AT_LEAST = 60, MOST_OPTIONS = 8 };

static char *read_file(const char *path) {
  FILE *f = fopen(path, "rb");
  if (!f) return NULL;
  StrBuf b = {0};
  char chunk[4096];
  for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;) strbuf_write(&b, chunk, n);
  fclose(f);
  char *text = strdup(strbuf_str(&b));
  strbuf_free(&b);
  return text;
}

static void write_file(const char *path, const char *text) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_true(fputs(text, f) >= 0);
  assert_int_equal(fclose(f), 0);
}

typedef struct Options {
  FrontendOptions o;
  const char *defines[MOST_OPTIONS], *shapes[MOST_OPTIONS];
} Options;

// `text` is cut into words.
static void read_options(char *text, Options *r) {
  *r = (Options){.o = {.defines = r->defines, .shapes = r->shapes}};
  char *line = strstr(text, "# options: ");
  if (!line) return;
  line[strcspn(line, "\n")] = 0;
  for (char *w = strtok(line + strlen("# options: "), " "); w; w = strtok(NULL, " ")) {
    assert_true(r->o.n_defines < MOST_OPTIONS && r->o.n_shapes < MOST_OPTIONS);
    if (!strncmp(w, "-D", 2))
      r->defines[r->o.n_defines++] = w + 2;
    else if (!strncmp(w, "--shape=", 8))
      r->shapes[r->o.n_shapes++] = w + 8;
    else if (!strncmp(w, "--model=", 8))
      r->o.model = w + 8;
    else
      fail_msg("unknown option %s", w);
  }
}

static void check_file(void **state) {
  const char *name = *state;
  char expectation[256];
  snprintf(expectation, sizeof expectation, "%.*s.txt", (int)(strlen(name) - strlen(".nn")), name);
  char *source = read_file(name), *expected = read_file(expectation);
  Options options;
  read_options(source, &options);
  Diag *d = diag_create();
  const char *weights;
  Module *m = frontend_compile(d, name, &options.o, &weights);
  assert_true(!m == (diag_errors(d) > 0));
  StrBuf printed = {0};
  diag_print(d, &printed, false);
  if (m) module_destroy(m);
  diag_destroy(d);
  assert_true(printed.len > 0);
  if (getenv("NNCC_BLESS"))
    write_file(expectation, strbuf_str(&printed));
  else if (!expected)
    fail_msg("%s is missing", expectation);
  else
    assert_string_equal(strbuf_str(&printed), expected);
  strbuf_free(&printed);
  free(source);
  free(expected);
}

static int is_source(const struct dirent *e) {
  size_t n = strlen(e->d_name);
  return n > 3 && !strcmp(e->d_name + n - 3, ".nn");
}

int main(void) {
  struct dirent **files;
  int n = chdir(DIAG_DIR) ? -1 : scandir(".", &files, is_source, alphasort);
  if (n < AT_LEAST) {
    fprintf(stderr, "only %d bad files in " DIAG_DIR "\n", n);
    return 1;
  }
  struct CMUnitTest *tests = calloc((size_t)n, sizeof *tests);
  for (int i = 0; i < n; i++)
    tests[i] =
        (struct CMUnitTest){.name = files[i]->d_name, .test_func = check_file, .initial_state = files[i]->d_name};
  int failed = _cmocka_run_group_tests("bad files", tests, (size_t)n, NULL, NULL);
  free(tests);
  for (int i = 0; i < n; i++) free(files[i]);
  free(files);
  return failed;
}
