// `nncc fmt`: what a layout becomes; every .nn file of the sources, and random layouts of its tokens, come out with the
// same tokens (format.c checks that, and that it parses), and what has come out stays as it is.
#include "frontend/format/format.h"
#include "frontend/format/pieces.h"
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { LAYOUTS = 8, AT_LEAST = 100 };

static const char *scratch(void) { return "format_scratch.nn"; }

static void write_scratch(const StrBuf *text) {
  FILE *f = fopen(scratch(), "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(strbuf_str(text), 1, text->len, f), text->len);
  assert_int_equal(fclose(f), 0);
}

// The layout of a text; false where the text has syntax errors.
static bool format(const StrBuf *text, StrBuf *out, bool *differs) {
  write_scratch(text);
  Diag *d = diag_create();
  bool ok = format_file(d, scratch(), out, differs);
  assert_true(ok == !diag_errors(d));
  diag_destroy(d);
  return ok;
}

// The layout of `text`, which must be right; laid out again it stays.
static void settle(const StrBuf *text, StrBuf *out) {
  StrBuf again = {0};
  bool differs;
  if (!format(text, out, &differs)) fail_msg("syntax errors in:\n%s", strbuf_str(text));
  assert_true(format(out, &again, &differs));
  if (differs) fail_msg("laid out again\n%s\nbecomes\n%s", strbuf_str(out), strbuf_str(&again));
  strbuf_free(&again);
}

// ---- what a layout becomes

static const struct {
  const char *what, *from, *to;
} cases[] = {
    {"spaces", "nn   1\nparam  a=1*( 2+3 )\nlet b = - a\n", "nn 1\nparam a = 1 * (2 + 3)\nlet b = -a\n"},
    {"items", "nn 1 param a = 1; param b = 2;\nlet c = 3 ;", "nn 1\nparam a = 1\nparam b = 2\nlet c = 3\n"},
    {"blank lines before a comment", "\n\n# c\nnn 1\n", "# c\nnn 1\n"},
    {"blank lines", "\n\nnn 1\n\n\n\nlet a = 1\n\n", "nn 1\n\nlet a = 1\n"},
    {"a comment first", "\n\n\n# one\n\nnn 1\n", "# one\n\nnn 1\n"},
    {"carriage returns", "nn 1\r\nlet a = 1 # one\r\n", "nn 1\nlet a = 1  # one\n"},
    {"a body", "nn 1\nblock b(x) -> y\n{ y = x |> relu }\nblock c ( x,k=3,t : [N,C] = x )->y:[N , _]{\n\ny=x\n\n}\n",
     "nn 1\nblock b(x) -> y { y = x |> relu }\nblock c(x, k=3, t: [N, C] = x) -> y: [N, _] {\n  y = x\n}\n"},
    {"braces",
     "nn 1\nblock b(x) -> y { if a { y = x }\nelse if c { y = -x } else { y = x }\nfor i in 0 .. 3 { } z = y }\n",
     "nn 1\nblock b(x) -> y {\n  if a { y = x } else if c { y = -x } else { y = x }\n  for i in 0..3 {}\n  z = y\n}\n"},
    {"semicolons", "nn 1\nblock b(x) -> y { ; a = x; b = a;; y = b;\nc = y ; }\n",
     "nn 1\nblock b(x) -> y {\n  a = x; b = a; y = b\n  c = y\n}\n"},
    {"pipelines", "nn 1\nblock b(x) -> y {\n y = x |> relu\n |> f(1 ,2)@a\n |> g @b.{ i+1 }.c tied\n}\n", NULL},
    {"pipelines", "nn 1\nblock b(x) -> y {\n y = x |> relu\n |> f(1 ,2)@a\n |> g tied@b.{ i+1 }.c\n z =\n x\n}\n",
     "nn 1\nblock b(x) -> y {\n  y = x |> relu\n        |> f(1, 2) @a\n        |> g tied @b.{i + 1}.c\n  z =\n      "
     "x\n}\n"},
    {"paths keep their spaces",
     "nn 1\nblock b(x) -> y {\n y = f(x) @a -1 + f(x)@b [ 0 ]\n z = f(x)@c .shape[1 : : 2, :,::3 ]\n}\n",
     "nn 1\nblock b(x) -> y {\n  y = f(x) @a - 1 + f(x) @b[0]\n  z = f(x) @c .shape[1::2, :, ::3]\n}\n"},
    {"choices", "nn 1\nlet a = b?c:d?-1:!e\nlet f = x[a ? 1:2:3]\n",
     "nn 1\nlet a = b ? c : d ? -1 : !e\nlet f = x[a ? 1 : 2:3]\n"},
    {"types", "nn 1\nmodel m(x:u8[N <= 32,H<=5+ 3,3]rgb)->y{\n y = x<=3\n}\n",
     "nn 1\nmodel m(x: u8[N<=32, H<=5 + 3, 3] rgb) -> y {\n  y = x <= 3\n}\n"},
    {"lists", "nn 1\nlet a = [1,2,\n3,4,]\nlet b = [\n(1,2),\n# two\n(3,4)\n]\nlet c = f(g(1,\n2),\n3\n)\n",
     "nn 1\nlet a = [1, 2,\n         3, 4,]\nlet b = [\n  (1, 2),\n  # two\n  (3, 4)\n]\nlet c = f(g(1,\n            "
     "2),\n          3\n         )\n"},
    {"meta", "nn 1\nmodel m(x: f32[N]) -> y {\n meta { a=1 b = [ 2 ],c=3;d=4\ne = 5 }\n meta {\nf = 6\n}\n}\n",
     "nn 1\nmodel m(x: f32[N]) -> y {\n  meta { a = 1  b = [2], c = 3; d = 4\n         e = 5 }\n  meta {\n    f = 6\n  "
     "}\n}\n"},
    {"comments",
     "nn 1# one\n  # two\nblock b(x) -> y {# three\n# four\n y = x # five\n       # six\n\n# seven\n}# eight\n# nine",
     "nn 1  # one\n# two\nblock b(x) -> y {  # three\n  # four\n  y = x  # five\n         # six\n\n  # seven\n}  # "
     "eight\n# nine\n"},
    {"comments within",
     "nn 1\nlet a = [1, # one\n2]# two\nblock b(x) # three\n-> y\n# four\n{ y = x |> f\n# five\n|> g\n}\n",
     "nn 1\nlet a = [1,  # one\n         2]  # two\nblock b(x)  # three\n    -> y\n# four\n{\n  y = x |> f\n       "
     " # five\n"
     "        |> g\n}\n"},
    {"columns",
     "nn 1\nlet a   = 1   # one\nlet bcd = 22    # two\nlet e = 3\n\nlet f  = [(1,  20, x),\n          (10, 300,  "
     "y)]\n",
     "nn 1\nlet a   = 1  # one\nlet bcd = 22  # two\nlet e = 3\n\nlet f = [(1,  20, x),\n         (10, 300, y)]\n"},
    {"numbers by their ends", "nn 1\nlet f = [\n(1,  20, x),\n(10,  3, yy),\n(2, 300, z),\n]\n",
     "nn 1\nlet f = [\n  (1,  20, x),\n  (10,  3, yy),\n  (2, 300, z),\n]\n"},
    {"characters, not bytes", "nn 1\nlet a  = \"\xc3\xa4\"   # one\nlet bc = \"b\"   # two\n",
     "nn 1\nlet a  = \"\xc3\xa4\"  # one\nlet bc = \"b\"  # two\n"},
};

static void test_cases(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    StrBuf from = {0}, to = {0};
    bool differs;
    strbuf_puts(&from, cases[i].from);
    if (!cases[i].to) {
      assert_false(format(&from, &to, &differs));
    } else {
      settle(&from, &to);
      if (strcmp(strbuf_str(&to), cases[i].to)) fail_msg("%s:\n%sinstead of\n%s", cases[i].what, to.s, cases[i].to);
    }
    strbuf_free(&from);
    strbuf_free(&to);
  }
}

// ---- random layouts

static uint32_t roll(uint32_t *seed, uint32_t n) {
  *seed ^= *seed << 13, *seed ^= *seed >> 17, *seed ^= *seed << 5;
  return *seed % n;
}

// White space, and perhaps comments; at least a newline, or a space, where one stood.
static void put_space(StrBuf *b, const Piece *p, uint32_t *seed) {
  static const char *const spaces[] = {" ", "  ", "\t", " \r", "      ", "\f "};
  static const char *const lines[] = {
      "\n", "\n\n", " \t\n\n\n", "# c\n", "   #\xc3\xa9 #  \t\n", "\n  # d\n# e\n", "  # f\n    # g\n"};
  bool in_path = p->kind == TOK_PATH_TEXT || p->kind == TOK_PATH_OPEN || p->kind == TOK_PATH_CLOSE;
  if (in_path) return;
  if (p->newlines) {
    strbuf_puts(b, lines[roll(seed, 7)]);
    strbuf_fill(b, ' ', (int)roll(seed, 9));
  } else if (!roll(seed, 12)) {
    strbuf_puts(b, lines[roll(seed, 7)]);
  } else if (p->space || !roll(seed, 5)) {
    strbuf_puts(b, spaces[roll(seed, 6)]);
  }
}

static void scramble(const Pieces *v, const char *text, StrBuf *out, uint32_t *seed) {
  int in_path = 0; // where newlines and comments end it
  for (size_t i = 0; i < v->len; i++) {
    const Piece *p = &v->data[i];
    in_path += (p->kind == TOK_PATH_OPEN) - (p->kind == TOK_PATH_CLOSE);
    if (in_path && p->kind != TOK_PATH_OPEN && p->kind != TOK_PATH_CLOSE)
      strbuf_fill(out, ' ', p->space + (int)roll(seed, 2));
    else
      put_space(out, p, seed);
    strbuf_write(out, text + p->begin, p->end - p->begin);
    if (p->kind == PIECE_COMMENT) strbuf_putc(out, '\n');
  }
}

static int files;

static void check_file(const char *path) {
  Diag *d = diag_create();
  StrBuf text = {0}, out = {0};
  bool differs;
  if (format_file(d, path, &out, &differs)) {
    settle(&out, &text);
    assert_string_equal(text.s, out.s);
    uint32_t file = diag_add_source(d, path, out.s, out.len);
    uint32_t seed = 0x9e3779b9u + (uint32_t)out.len;
    Pieces pieces = {0};
    pieces_read(d, file, &pieces);
    for (int k = 0; k < LAYOUTS; k++) {
      strbuf_clear(&text);
      strbuf_clear(&out);
      size_t size;
      scramble(&pieces, diag_source_text(d, file, &size), &text, &seed);
      settle(&text, &out);
    }
    vec_free(&pieces);
    files++;
  }
  strbuf_free(&text);
  strbuf_free(&out);
  diag_destroy(d);
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *at) {
  (void)st, (void)at;
  size_t n = strlen(path);
  if (type == FTW_F && n > 3 && !strcmp(path + n - 3, ".nn")) check_file(path);
  return 0;
}

static void test_layouts(void **state) {
  (void)state;
  static const char *const folders[] = {SOURCE_DIR "/examples", SOURCE_DIR "/bench", SOURCE_DIR "/tests"};
  for (int i = 0; i < 3; i++) assert_int_equal(nftw(folders[i], visit, 16, FTW_PHYS), 0);
  assert_true(files >= AT_LEAST);
  unlink(scratch());
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_layouts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
