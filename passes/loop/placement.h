// Offsets for blocks of memory that each live for a range of time, so that blocks alive together do not overlap.
#pragma once
#include <stdint.h>

typedef struct Slot {
  int64_t size;    // >= 0
  int first, last; // time, inclusive
  int64_t offset;  // the answer
} Slot;

// For each slot, those alive at the same time as it: of slot i, list[begin[i]] to list[begin[i + 1]].
typedef struct Conflicts {
  int *begin, *list;
} Conflicts;

void placement_conflicts(const Slot *slots, int n, Conflicts *c);
void placement_free(Conflicts *c);
int placement_fullest(const Slot *slots,
                      int n); // the time when the sum of sizes alive is largest; no plan needs less than it
// Sets the offsets; returns the memory needed. The same slots always get the same answer.
int64_t placement_run(Slot *slots, int n, const Conflicts *c);
