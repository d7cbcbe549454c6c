#include "driver/knapsack.h"
#include "ir/core/arena.h"
#include <math.h>
#include <stdlib.h>

enum { WIDTH = KNAPSACK_STEPS + 1 };

static int steps_of(double cost, double budget) {
  if (cost <= 0) return 0;
  double steps = ceil(cost / budget * KNAPSACK_STEPS); // infinite or a NaN where there is no budget
  return steps <= KNAPSACK_STEPS ? (int)steps : WIDTH;
}

void knapsack_solve(const KnapsackItem *items, size_t n, int k, double budget, int *taken) {
  double *least = xcalloc(2 * WIDTH, sizeof *least), *before = least, *now = least + WIDTH; // by steps spent at most
  int *choice = xcalloc(n * WIDTH + 1, sizeof *choice);
  for (size_t i = 0; i < n; i++) {
    for (int s = 0; s < WIDTH; s++) now[s] = INFINITY;
    for (int j = 0; j < k; j++) {
      const KnapsackItem *item = &items[i * (size_t)k + (size_t)j];
      for (int cost = steps_of(item->cost, budget), s = cost; s < WIDTH; s++) {
        double time = before[s - cost] + item->time;
        if (time < now[s]) now[s] = time, choice[i * WIDTH + (size_t)s] = j;
      }
    }
    double *swap = before;
    before = now, now = swap;
  }
  int left = KNAPSACK_STEPS;
  for (size_t i = n; i--;) {
    taken[i] = choice[i * WIDTH + (size_t)left];
    left -= steps_of(items[i * (size_t)k + (size_t)taken[i]].cost, budget);
  }
  free(least);
  free(choice);
}
