// What the tests of readers share: a file to write and to read, and the messages about it.
#pragma once
#include "frontend/weights/archive.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
// cmocka.h wants the standard headers before it
#include <cmocka.h>

typedef struct Fixture {
  Diag *diag;
  char path[64];
} Fixture;

int fixture_setup(void **state);
int fixture_teardown(void **state);
// The bytes as the fixture's file.
void fixture_put(const Fixture *f, const void *bytes, size_t n);
// All bytes of a file, at most 1 MB, to be freed.
char *fixture_read(const char *path, size_t *n);
// The last message is the error `text`, all of it; then there are none.
void fixture_expect(Fixture *f, const char *text);
// The archive's array of that name is 0, 1, 2, ... (of booleans 0, 1, 0, ...) in the shape 2 x 3 x 4.
void fixture_expect_ramp(Archive *a, const char *name, DType dtype, Diag *d);
// Changes up to five places of the bytes by a seeded rule; returns how many bytes are left.
size_t fixture_mutate(char *bytes, size_t n, int round, uint64_t *rng);
// Whatever the fixture's file holds, it opens or there is an error; so does each of its arrays. Whether it opened.
bool fixture_try(Fixture *f);
