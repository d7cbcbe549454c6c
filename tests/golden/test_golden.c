// Runs every golden case of a folder: the text after the passes is the text expected, and the results are the same.
// NNCC_BLESS=1 rewrites expectations. With NNCC_DISABLE_PASS=name only the cases of that pass's folder run, without the
// pass, and each is to fail: check_disabled.sh sees to it.
#include "tests/golden/case.h"
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// cmocka.h wants the standard headers before it
#include <cmocka.h>

static void test_case(void **state) {
  const char *disable = getenv("NNCC_DISABLE_PASS");
  StrBuf out = {0}, why = {0};
  Case c;
  bool ok = case_read(&c, *state, disable, &why) && case_run(&c, &out, &why);
  if (!ok) fail_msg("%s: %s", c.path, strbuf_str(&why));
  if (getenv("NNCC_BLESS") && !disable)
    assert_true(case_bless(&c, strbuf_str(&out)));
  else if (!c.expected)
    fail_msg("%s: nothing is expected below `# EXPECT:`; NNCC_BLESS=1 writes it", c.path);
  else if (strcmp(c.expected, strbuf_str(&out)))
    fail_msg("%s: expected\n%s\ngot\n%s", c.path, c.expected, strbuf_str(&out));
  if (!case_same_results(&c, &why)) fail_msg("%s: %s", c.path, strbuf_str(&why));
  if (!case_same_as_onnx(&c, &why)) fail_msg("%s, as ONNX: %s", c.path, strbuf_str(&why));
  case_free(&c);
  strbuf_free(&out);
  strbuf_free(&why);
}

int main(int argc, char **argv) {
  const char *folder = argc > 1 ? argv[1] : ".", *disable = getenv("NNCC_DISABLE_PASS");
  char pattern[4096];
  snprintf(pattern, sizeof pattern, "%s/%s/*.nnir", folder, disable ? disable : "*");
  glob_t found;
  if (glob(pattern, 0, NULL, &found) != 0) return fprintf(stderr, "no cases match %s\n", pattern), 1;
  struct CMUnitTest *tests = calloc(found.gl_pathc, sizeof *tests);
  for (size_t i = 0; i < found.gl_pathc; i++) {
    char *path = found.gl_pathv[i];
    tests[i] =
        (struct CMUnitTest){strstr(path, folder) ? path + strlen(folder) + 1 : path, test_case, NULL, NULL, path};
  }
  int failed = _cmocka_run_group_tests("golden", tests, found.gl_pathc, NULL, NULL);
  free(tests);
  globfree(&found);
  return failed;
}
