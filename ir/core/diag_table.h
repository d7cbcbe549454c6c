// What a Diag holds. Private to diag.c, which collects, and diag_print.c and diag_json.c, which print.
#pragma once
#include "ir/core/diag.h"
#include "ir/core/vec.h"

enum { DIAG_ERROR_CAP = 50 };

typedef struct Source {
  char *name, *text;
  size_t size;
} Source;

typedef struct Message {
  Severity severity;
  Span span;
  const char *file; // for messages about a file as a whole
  const char *group;
  bool missed;
  char *text;
  Vec(const char *) expected;
  uint32_t order; // notes share the order of the message they follow
} Message;

struct Diag {
  Arena *arena;
  Vec(Source) sources;
  Vec(Message) messages;
  int errors;
  bool dropped_last; // notes of a dropped message are dropped with it
};

typedef Vec(const Message *) MessageVec;

// NULL for no place.
const Source *diag_source(const Diag *d, uint32_t file);
// All messages but notes, in the order in which they are printed; the notes of one stand behind it in `messages`.
MessageVec diag_sorted(const Diag *d);
