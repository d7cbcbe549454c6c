// The subcommands: each parses its arguments with a table of its own and returns the exit status.
#pragma once
#include "ir/core/strbuf.h"
#include <argp.h>

enum { EXIT_DONE = 0, EXIT_DIAGNOSTICS = 1, EXIT_USAGE = 2, EXIT_BUG = 70 }; // and EXIT_MEMORY of arena.h

typedef struct Command {
  const char *name, *purpose; // name "": without a subcommand
  int (*run)(int argc, char **argv);
  const struct argp *argp;
} Command;

extern const Command commands[]; // the one without a name first; one without `run` ends them

const Command *commands_find(const char *name); // NULL: there is none
// A line for each of the subcommands, as --help shows them.
void commands_list(StrBuf *out);

int cmd_compile(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_reduce(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_opt(int argc, char **argv);
int cmd_fmt(int argc, char **argv);
int cmd_import(int argc, char **argv);

extern const struct argp cmd_compile_argp, cmd_run_argp, cmd_bench_argp, cmd_inspect_argp, cmd_verify_argp,
    cmd_reduce_argp, cmd_eval_argp, cmd_opt_argp, cmd_fmt_argp, cmd_import_argp;
