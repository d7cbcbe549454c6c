// Completion for bash: commands, options, and files where neither is meant.
#include "driver/describe.h"

static void put_option(void *user, const struct argp_option *o) {
  StrBuf *out = user;
  if (o->key > 0x20 && o->key < 0x7f) strbuf_printf(out, " -%c", o->key);
  if (o->name) strbuf_printf(out, " --%s%s", o->name, o->arg && !(o->flags & OPTION_ARG_OPTIONAL) ? "=" : "");
}

static void put_options(StrBuf *out, const Command *c) {
  strbuf_puts(out, "options='--help --usage --version");
  describe_options(c->argp, put_option, out);
  strbuf_puts(out, "' ;;\n");
}

void describe_bash(StrBuf *out) {
  strbuf_puts(out, "# Completion of nncc for bash, made by nncc --completion=bash.\n"
                   "_nncc() {\n"
                   "  local cur=${COMP_WORDS[COMP_CWORD]} options commands=\"");
  for (const Command *c = commands + 1; c->name; c++) strbuf_printf(out, "%s%s", c > commands + 1 ? " " : "", c->name);
  strbuf_puts(out, "\"\n  case ${COMP_WORDS[1]} in\n");
  for (const Command *c = commands + 1; c->name; c++) {
    strbuf_printf(out, "    %s) ", c->name);
    put_options(out, c);
  }
  strbuf_puts(out, "    *) ");
  put_options(out, commands);
  strbuf_puts(out, "  esac\n"
                   "  COMPREPLY=()\n"
                   "  if [[ $cur == -* ]]; then\n"
                   "    mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
                   "    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null\n"
                   "  elif [[ $COMP_CWORD -eq 1 ]]; then\n"
                   "    mapfile -t COMPREPLY < <(compgen -W \"$commands\" -- \"$cur\"; compgen -f -- \"$cur\")\n"
                   "  fi\n"
                   "}\n"
                   "complete -o default -F _nncc nncc\n"); // what is empty becomes names of files
}
