#!/bin/sh
# What compiled models are as objects, for each instruction set and each kind: nothing that is written and executed, no
# text relocations, no executable stack, only the ABI's names, nothing that runs when loaded.
. "${0%/*}/lib.sh"
export LC_ALL=C
model=$SOURCE/examples/digits/cnn.nn

abi() { # MORE...
  for f in open close arena_bytes run submit wait strerror info "$@"; do echo "cnn_$f"; done | sort | tr '\n' ' '
}

# object FILE NAMES: a relocatable object, or an archive of some.
object() {
  sections=$(readelf -SW "$1")
  echo "$sections" | grep -E ' WAX[A-Z]* ' && fail "$1: a section both written and executed"
  echo "$sections" | grep -Eq '\.(preinit_array|init_array|fini_array|ctors|dtors|init|fini)( |\.)' && fail "$1: code that runs when loaded"
  stacks=$(echo "$sections" | grep -c 'GNU-stack')
  [ "$stacks" -ge 1 ] || fail "$1: does not say that its stack is not executed"
  echo "$sections" | grep 'GNU-stack' | grep -q ' X ' && fail "$1: its stack is executed"
  shown=$(nm -g --defined-only "$1" | awk 'NF == 3 { print $3 }' | sort | tr '\n' ' ')
  [ "$shown" = "$2" ] || fail "$1: shows $shown instead of $2"
}

for cpu in x86-64-v2 x86-64-v3 x86-64-v4 native x86-64-v2,x86-64-v3,x86-64-v4,native; do
  expect 0 "$NNCC" "$model" -mcpu=$cpu --emit=so,o,a -o cnn.so
  expect 0 sh "$SOURCE/tests/runtime/check_linkage.sh" cnn.so cnn
  object cnn.o "$(abi)"
  object cnn.a "$(abi)"
done
expect 0 "$NNCC" "$model" --emit=o,selftest -o cnn.o
object cnn.o "$(abi selftest)"
if expect 0 "$NNCC" "$model" -O0 -g --emit=so,o -o cnn.so; then
  expect 0 sh "$SOURCE/tests/runtime/check_linkage.sh" cnn.so cnn
  object cnn.o "$(abi)"
fi
if command -v aarch64-linux-gnu-ld >/dev/null && "$NNCC" "$model" --target=aarch64-linux-gnu --emit=so,o,a -o cnn.so 2>err; then
  expect 0 sh "$SOURCE/tests/runtime/check_linkage.sh" cnn.so cnn
  object cnn.o "$(abi)"
  object cnn.a "$(abi)"
fi

# Loading, opening, running and closing leave the floating-point state as it was: lone.c says where they do not.
expect 0 "$NNCC" "$model" -mcpu=x86-64-v2,x86-64-v3,native -o cnn.so
for isa in - x86-64-v2; do expect 0 "$LONE" ./cnn.so cnn out.npy $isa 3; done

# These checks find what they look for.
printf 'int cnn_open, other;\n__attribute__((constructor)) static void f(void) {}\n' >bad.c
cc -c bad.c -o bad.o || fail "no C compiler"
failures_before=$failures
object bad.o "$(abi)" >found
[ $failures -gt $((failures_before + 1)) ] && failures=$failures_before || fail "a bad object is not found out: $(cat found)"
cc -shared -fPIC bad.c -o bad.so && expect 1 sh "$SOURCE/tests/runtime/check_linkage.sh" bad.so cnn
finish
