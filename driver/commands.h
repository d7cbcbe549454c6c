// The subcommands: each parses its arguments with a table of its own and returns the exit status.
#pragma once

enum { EXIT_DONE = 0, EXIT_DIAGNOSTICS = 1, EXIT_USAGE = 2, EXIT_BUG = 70 };

int cmd_compile(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_opt(int argc, char **argv);
int cmd_fmt(int argc, char **argv);
