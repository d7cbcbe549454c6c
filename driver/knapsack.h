// The multiple-choice knapsack problem: one item of each group, the least time in all within a budget.
#pragma once
#include <stddef.h>

typedef struct KnapsackItem {
  double time, cost; // cost INFINITY: it cannot be had
} KnapsackItem;

// `items`: n groups of k; the first of each costs nothing. taken[i]: the item of group i. By dynamic programming over
// the budget in KNAPSACK_STEPS, costs rounded up (Kellerer, Pferschy and Pisinger 2004, 11.5), so that the budget
// holds.
enum { KNAPSACK_STEPS = 4096 };
void knapsack_solve(const KnapsackItem *items, size_t n, int k, double budget, int *taken);
