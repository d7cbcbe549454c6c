#!/bin/sh
# check_linkage.sh model.so name: what a compiled model's library shows and needs: the ABI list and nothing else; libc
# and libm; no symbol newer than glibc 2.28; no text relocation, no constructor, RELRO, no executable stack or segment
# that is written too.
set -eu
export LC_ALL=C
so=$1 name=$2 bad=0

fail() { echo "$so: $*" >&2; bad=1; }

shown=$(nm -D --defined-only "$so" | awk '{print $3}' | sort | tr '\n' ' ')
abi=$(for f in open close arena_bytes run submit wait strerror info; do echo "${name}_$f"; done | sort | tr '\n' ' ')
[ "$shown" = "$abi" ] || fail "shows $shown instead of $abi"

dynamic=$(readelf -dW "$so")
for lib in $(echo "$dynamic" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
  case $lib in libc.so.6 | libm.so.6) ;; *) fail "needs $lib" ;; esac
done
if echo "$dynamic" | grep -q TEXTREL; then fail "has text relocations"; fi
if echo "$dynamic" | grep -Eq '\((INIT|INIT_ARRAY|FINI|FINI_ARRAY)\)'; then fail "runs code when loaded"; fi

newest=$(readelf -VW "$so" | grep -o 'GLIBC_[0-9.]*' | sed s/GLIBC_// | sort -uV | tail -1)
[ "$(printf '%s\n2.28\n' "$newest" | sort -V | tail -1)" = 2.28 ] || fail "needs glibc $newest"

segments=$(readelf -lW "$so")
echo "$segments" | grep -q GNU_RELRO || fail "has no RELRO"
echo "$segments" | grep -q GNU_STACK || fail "leaves its stack executable"
if echo "$segments" | grep -Eq 'RWE'; then fail "has a segment both written and executed"; fi
exit $bad
