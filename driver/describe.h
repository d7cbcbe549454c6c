// What is made from the tables of options and words, when nncc is built or installed: man pages, completion, syntax
// files for editors. Nothing of it is kept in the sources.
#pragma once
#include "driver/commands.h"

// One option of a command, those of its tables' children included, or (key and name absent) the title of a group.
typedef void DescribeOption(void *user, const struct argp_option *option);
void describe_options(const struct argp *argp, DescribeOption *each, void *user);

void describe_man(const Command *c, StrBuf *out); // a page for man(1)
void describe_bash(StrBuf *out);                  // completion
void describe_vim(StrBuf *out);                   // syntax/nn.vim
void describe_textmate(StrBuf *out);              // nn.tmLanguage.json

// `nncc --man=COMMAND`, `--completion=bash`, `--syntax=vim` or `textmate`: prints it. False where the argument is
// another.
bool describe_print(const char *argument);
