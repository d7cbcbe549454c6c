#include "driver/commands.h"
#include <string.h>

const Command commands[] = {
    {"", "compile vision networks to native code", cmd_compile, &cmd_compile_argp},
    {"run", "a model on arrays or pictures", cmd_run, &cmd_run_argp},
    {"bench", "how long it takes, layer by layer", cmd_bench, &cmd_bench_argp},
    {"inspect", "its layers, parameters, operations and receptive field", cmd_inspect, &cmd_inspect_argp},
    {"verify", "native code against the reference, layer by layer", cmd_verify, &cmd_verify_argp},
    {"reduce", "a model that fails to a small one that fails alike", cmd_reduce, &cmd_reduce_argp},
    {"eval", "its accuracy on labelled pictures, and beside the network it was made of", cmd_eval, &cmd_eval_argp},
    {"opt", "passes on a text: .nnir in, .nnir out", cmd_opt, &cmd_opt_argp},
    {"import", "an ONNX model as a .nn file", cmd_import, &cmd_import_argp},
    {"fmt", "the layout of .nn files", cmd_fmt, &cmd_fmt_argp},
    {0},
};

const Command *commands_find(const char *name) {
  const Command *c = commands;
  while (c->name && strcmp(c->name, name)) c++;
  return c->name ? c : NULL;
}

void commands_list(StrBuf *out) {
  strbuf_puts(out, "Other commands, each with its own --help:\n");
  for (const Command *c = commands + 1; c->name; c++) strbuf_printf(out, "  nncc %-8s %s\n", c->name, c->purpose);
}
