// Man pages, of what --help says.
#include "driver/describe.h"
#include <ctype.h>
#include <string.h>

// Text for roff: no hyphenation of options, no accidental requests.
static void put(StrBuf *out, const char *s, size_t n) {
  bool begins = !out->len || out->s[out->len - 1] == '\n';
  for (size_t i = 0; i < n; i++) {
    if (begins && (s[i] == '.' || s[i] == '\'')) strbuf_puts(out, "\\&");
    if (s[i] == '-')
      strbuf_puts(out, "\\-");
    else if (s[i] == '\\')
      strbuf_puts(out, "\\e");
    else
      strbuf_putc(out, s[i]);
    begins = s[i] == '\n';
  }
}

static void put_text(StrBuf *out, const char *s) { put(out, s, strlen(s)); }

static void put_bold(StrBuf *out, const char *before, const char *s) {
  strbuf_puts(out, "\\fB");
  put_text(out, before);
  put_text(out, s);
  strbuf_puts(out, "\\fR");
}

static void put_option(void *user, const struct argp_option *o) {
  StrBuf *out = user;
  if (!o->name && !o->key) {
    strbuf_puts(out, ".SS ");
    put(out, o->doc, strcspn(o->doc, ":"));
    strbuf_putc(out, '\n');
    return;
  }
  bool is_short = o->key > 0 && o->key < 0x80 && isprint(o->key);
  strbuf_puts(out, ".TP\n");
  if (is_short) put_bold(out, "-", (char[]){(char)o->key, 0});
  if (is_short && o->arg) strbuf_printf(out, " \\fI%s\\fR", o->arg);
  if (is_short && o->name) strbuf_puts(out, ", ");
  if (o->name) put_bold(out, "--", o->name);
  bool optional = o->flags & OPTION_ARG_OPTIONAL;
  if (o->name && o->arg) strbuf_printf(out, "%s=\\fI%s\\fR%s", optional ? "[" : "", o->arg, optional ? "]" : "");
  strbuf_putc(out, '\n');
  put_text(out, o->doc);
  strbuf_putc(out, '\n');
}

static void put_common(StrBuf *out) {
  static const struct argp_option common[] = {
      {.doc = "Help:"},
      {.name = "help", .key = '?', .doc = "print what there is"},
      {.name = "usage", .doc = "print it in short"},
      {.name = "version", .key = 'V', .doc = "print the version"},
  };
  for (size_t i = 0; i < sizeof common / sizeof *common; i++) put_option(out, &common[i]);
}

// Behind the options: what argp's --help prints last, line by line.
static void put_notes(StrBuf *out, const char *notes) {
  if (!notes) return;
  strbuf_puts(out, ".SH NOTES\n.nf\n");
  put_text(out, notes + 1);
  strbuf_puts(out, "\n.fi\n");
}

void describe_man(const Command *c, StrBuf *out) {
  const struct argp *a = c->argp;
  const char *dash = *c->name ? "-" : "", *space = *c->name ? " " : "", *notes = strchr(a->doc, '\v');
  strbuf_puts(out, ".TH NNCC");
  for (const char *s = *c->name ? dash : ""; *s; s++) strbuf_putc(out, *s);
  for (const char *s = c->name; *s; s++) strbuf_putc(out, (char)toupper((unsigned char)*s));
  strbuf_printf(out, " 1 \"\" \"%s\" \"nncc\"\n.SH NAME\nnncc%s%s \\- ", argp_program_version, dash, c->name);
  put_text(out, c->purpose);
  strbuf_printf(out, "\n.SH SYNOPSIS\n\\fBnncc%s%s\\fR [\\fIOPTION\\fR...] %s\n.SH DESCRIPTION\n", space, c->name,
                a->args_doc);
  put(out, a->doc, notes ? (size_t)(notes - a->doc) : strlen(a->doc));
  strbuf_puts(out, "\n.SH OPTIONS\n");
  describe_options(a, put_option, out);
  put_common(out);
  if (!*c->name) {
    strbuf_puts(out, ".SH COMMANDS\n.nf\n");
    commands_list(out);
    strbuf_puts(out, ".fi\n");
  }
  put_notes(out, notes);
  strbuf_puts(out, ".SH SEE ALSO\n");
  const char *comma = "";
  for (const Command *o = commands; o->name; o++) {
    if (o == c) continue;
    strbuf_printf(out, "%s\\fBnncc%s%s\\fR(1)", comma, *o->name ? "-" : "", o->name);
    comma = ", ";
  }
  strbuf_putc(out, '\n');
}
