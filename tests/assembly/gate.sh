#!/bin/sh
# The inner loops of what matters most, as LLVM wrote them for AVX-512 and AVX2. NNCC, TILE and HERE are set by CMake.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
bad=0

# judge MODEL CPU WANT SHARE
judge() {
  "$NNCC" "$HERE/$1.nn" --init=1 -mcpu="$2" --emit=s -o "$1-$2.s"
  awk -v want="$3" -v share="$4" -f "$HERE/gate.awk" "$1-$2.s" || bad=1
}

# tile MR NR CPU VERDICT: a register tile alone, which must pass or fail.
tile() {
  "$TILE" "$1" "$2" "$3" tile.s
  verdict=fail
  awk -v want=1 -v share="$share" -v quiet=1 -f "$HERE/gate.awk" tile.s >said && verdict=pass
  [ $verdict = "$4" ] && return
  echo "tile of $1 x $2 for $3: $verdict, not $4"
  cat said
  bad=1
}

judge cnn x86-64-v4 7 40
judge vit x86-64-v4 4 40
judge cnn x86-64-v3 7 40
judge vit x86-64-v3 4 40

share=40
for t in '14 2' '9 3' '6 4' '28 1'; do tile $t x86-64-v4 pass; done
tile 6 1 x86-64-v3 pass
tile 8 4 x86-64-v4 fail # 32 sums leave no register for operands
tile 8 1 x86-64-v3 fail
tile 2 1 x86-64-v2 fail # has no FMA
exit $bad
