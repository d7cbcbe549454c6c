#!/bin/sh
# verify.sh MODEL [OPTION...]: nncc verify passes at -O0 and -O2, on three levels of the instruction set.
. "${0%/*}/lib.sh"
model=$1
shift
for options in "-O2 -mcpu=native" "-O0 -mcpu=native" "-O2 -mcpu=x86-64-v3" "-O2 -mcpu=x86-64-v2"; do
  expect 0 "$NNCC" verify "$SOURCE/examples/$model" $options "$@"
  says out "layers agree"
  says out "bitwise equal"
  [ "${BRIEF:-}" ] && break
done
finish
