// nncc: the command line. The first word chooses a subcommand; without one a model is compiled.
#include "driver/commands.h"
#include "driver/describe.h"
#include "driver/options.h"
#include "ir/core/temporary.h"
#include "ir/graph/op.h"
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// A broken invariant or a fault of ours ends with its own exit status, so that scripts can tell it from bad input.
static void say_bug(int sig) {
  static const char text[] = "nncc: this is a bug of nncc, not of your input; please report it with the model\n";
  (void)sig;
  if (write(2, text, sizeof text - 1)) {}
  temporary_end();
  _exit(EXIT_BUG);
}

static void catch_bugs(void) {
  static char stack[1 << 16];
  sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
  struct sigaction action = {.sa_handler = say_bug, .sa_flags = SA_ONSTACK};
  sigaction(SIGABRT, &action, NULL);
#if !defined(NNCC_SANITIZED)
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
  sigaction(SIGFPE, &action, NULL);
  sigaction(SIGILL, &action, NULL);
#endif
}

// Ends as the signal would have ended it.
static void stop(int sig) {
  temporary_end();
  signal(sig, SIG_DFL);
  raise(sig);
}

static void catch_stops(void) {
  static const int signals[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGQUIT, SIGXCPU};
  struct sigaction action = {.sa_handler = stop}, before;
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
    if (!sigaction(signals[i], NULL, &before) && before.sa_handler != SIG_IGN) sigaction(signals[i], &action, NULL);
}

// A file that may not grow is an error of writing like another, with its message.
static void outgrow_limits(void) { signal(SIGXFSZ, SIG_IGN); }

// Of a library that would go on with half of what it was to write.
static void end_without_memory(void) { json_set_alloc_funcs(xmalloc, free); }

static int print_op_table(void) {
  StrBuf b = {0};
  op_table_markdown(&b);
  fputs(strbuf_str(&b), stdout);
  strbuf_free(&b);
  return EXIT_DONE;
}

// What was printed must have arrived: a full disk is no success.
static int finish(int status) {
  if (!fflush(stdout) && !ferror(stdout)) return status;
  perror("nncc: stdout");
  return status ? status : EXIT_DIAGNOSTICS;
}

int main(int argc, char **argv) {
  catch_bugs();
  catch_stops();
  outgrow_limits();
  end_without_memory();
  argp_err_exit_status = EXIT_USAGE;
  argp_program_version = "nncc " NNCC_VERSION;
  if (argc == 2 && !strcmp(argv[1], "--op-table")) return print_op_table();
  if (argc == 2 && describe_print(argv[1])) return finish(EXIT_DONE);
  const Command *c = argc > 1 && *argv[1] ? commands_find(argv[1]) : NULL;
  if (c) {
    char name[32];
    snprintf(name, sizeof name, "nncc %s", c->name);
    argv[1] = name;
    return finish(c->run(argc - 1, argv + 1));
  }
  argv[0] = "nncc";
  return finish(cmd_compile(argc, argv));
}
