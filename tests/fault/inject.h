// Runs a command in which one system call fails, or at which a signal comes, whichever process or thread of it calls:
// the kernel asks us before each call (seccomp_unotify(2)).
#pragma once
#include <stdbool.h>

enum { INJECT_CALLS = 16 };

typedef struct Fault {
  const char *name;
  int calls[INJECT_CALLS]; // numbers of system calls; ended by -1
  int error;               // errno that the call gives, 0: it is done
  int signal;              // to the command, 0: none
  long at;                 // at which of these calls, from 1; 0: at none, they are counted
} Fault;

typedef struct Outcome {
  int status;      // waitpid's
  long calls;      // that there were, of all processes
  bool hung;       // and was killed
  char caller[16]; // program of the call in question
  int number;      // which system call it was
} Outcome;

// Returns once all processes of the command have ended. Its input is empty, its outputs go to the files `out` and
// `err`. Where the kernel does not let us, it exits with a message and the status 77.
Outcome inject(char *const *command, const Fault *f);
