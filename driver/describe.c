#include "driver/describe.h"
#include <stdio.h>
#include <string.h>

void describe_options(const struct argp *argp, DescribeOption *each, void *user) {
  const struct argp_option *o = argp->options;
  for (; o && (o->name || o->key || o->doc); o++)
    if (!(o->flags & OPTION_HIDDEN)) each(user, o);
  for (const struct argp_child *c = argp->children; c && c->argp; c++) {
    if (c->header) each(user, &(struct argp_option){.doc = c->header});
    describe_options(c->argp, each, user);
  }
}

static bool print(StrBuf *out) {
  fwrite(strbuf_str(out), 1, out->len, stdout);
  strbuf_free(out);
  return true;
}

bool describe_print(const char *argument) {
  static const struct {
    const char *argument;
    void (*make)(StrBuf *out);
  } files[] = {
      {"--completion=bash", describe_bash}, {"--syntax=vim", describe_vim}, {"--syntax=textmate", describe_textmate}};
  StrBuf out = {0};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    if (!strcmp(argument, files[i].argument)) return files[i].make(&out), print(&out);
  const Command *c = !strncmp(argument, "--man=", 6) ? commands_find(argument + 6) : NULL;
  if (c) describe_man(c, &out);
  return c && print(&out);
}
