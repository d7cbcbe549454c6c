// What memory.c, loaded into a command, shares with test_fault.c: a file that both map.
#pragma once
#include <stdatomic.h>
#include <stdbool.h>

#define MEMORY_VARIABLE "FAULT_MEMORY" // names the file

enum { MEMORY_PLACES = 1 << 16 };

typedef struct Memory {
  long at;           // the allocation that fails, from 1; 0: none does, and places are noted
  bool lasting;      // and all after it
  atomic_long calls; // allocations so far
  // Each chain of callers that allocates, and its first allocation.
  struct {
    unsigned long hash;
    long first;
  } places[MEMORY_PLACES];
} Memory;
