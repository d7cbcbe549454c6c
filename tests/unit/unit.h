// What the unit tests share: cmocka with its required headers, and modules from text.
#pragma once
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include "ir/graph/graph.h"
#include <string.h>

// Reads the text; w.safetensors holds `pos_embed`, f16[1, 17, 8], and `short`, which is cut.
Module *unit_open(Diag *diag, const char *text, size_t size);
// The same with a Diag of its own; fails the test with the messages where it is refused. Free with unit_drop.
Module *unit_read(const char *text);
// The messages that reading the text gives, as text; NULL where it is accepted. Free it.
char *unit_messages(const char *text, size_t size);
// Fails unless reading `text` gives the message `expected`, or these lines.
void unit_refused(const char *text, const char *expected);
void unit_drop(Module *m); // and its Diag
// print, read, compare, print again: the same. Fails the test with what differs.
void unit_round_trip(Module *m);
// The module is in order; fails the test with the problems.
void unit_verify(Module *m);

// xorshift64*: a seeded sequence.
static inline uint64_t unit_random(uint64_t *state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * 0x2545f4914f6cdd1d;
}
