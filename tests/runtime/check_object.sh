#!/bin/sh
# check_object.sh nncc_rt.o: the runtime as linked into models: it shows nncc_rt_* alone, asks libc for nothing that is
# not listed here, holds no writable data, runs nothing when loaded, and stays on its baseline instruction set.
set -eu
export LC_ALL=C
object=$1 bad=0

fail() { echo "$object: $*" >&2; bad=1; }

known='_GLOBAL_OFFSET_TABLE_ aligned_alloc clock_gettime close free getpid lseek malloc memcmp memcpy memset mmap munmap
open pthread_create@GLIBC_2.2.5 pthread_join@GLIBC_2.2.5 read sigfillset sigprocmask snprintf strchr strcmp strlen
strncmp strrchr syscall'
for symbol in $(nm -u "$object" | awk '{print $2}'); do
  echo $known | tr ' ' '\n' | grep -qxF "$symbol" || fail "needs $symbol"
done
shown=$(nm --defined-only -g "$object" | awk '{print $3}')
[ -n "$shown" ] || fail "shows nothing"
for symbol in $shown; do
  case $symbol in nncc_rt_*) ;; *) fail "shows $symbol" ;; esac
done
size -A "$object" | awk '$1 ~ /^\.(data|bss|tdata|tbss)$/ && $2 > 0 || $1 ~ /^\.(init_array|ctors)/ {print $1}' |
  grep . && fail "has writable data or constructors"
if objdump -d "$object" | grep -q '%[yz]mm\|\bvmov'; then fail "uses AVX"; fi
exit $bad
