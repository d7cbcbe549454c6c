#!/bin/sh
# Outputs are whole or absent, whatever ends the writing: a kill, a file that may not grow, a full disk.
. "${0%/*}/lib.sh"
printf 'nn 1\nmodel m(x: f32[N, 256]) -> y { y = linear(x, 300) @fc }\n' >m.nn
compile() { "$NNCC" m.nn --init=1 --emit=so,o,a,weights,nnir,onnx,ll,py -o "$1/m.so"; }
mkdir good
begin=$(date +%s%N)
expect 0 compile good
nanoseconds=$(($(date +%s%N) - begin))
ls good >names
[ "$(wc -l <names)" -eq 8 ] || fail "outputs are missing: $(cat names)"

# check FOLDER OLD: what has an output's name there is that output, or, where OLD is a text, has that.
check() {
  while read -r name; do
    [ ! -e "$1/$name" ] || cmp -s "$1/$name" "good/$name" || [ "$(head -c 20 "$1/$name" | tr -d '\0')" = "$2" ] ||
      fail "$1/$name is neither whole nor absent"
  done <names
}

mkdir killed
kills=${KILLS:-12}
i=0
while [ $i -lt "$kills" ]; do
  while read -r name; do echo before >"killed/$name"; done <names
  "$NNCC" m.nn --init=1 --emit=so,o,a,weights,nnir,onnx,ll,py -o killed/m.so & # its own process, not a shell's
  pid=$!
  sleep "$(awk "BEGIN { print $nanoseconds / 1e9 * $i / $kills }")"
  kill -9 $pid 2>/dev/null # or it is done
  wait $pid 2>/dev/null
  check killed before
  i=$((i + 1))
done
expect 0 compile killed # what the killed ones left is not in the way
while read -r name; do cmp -s "killed/$name" "good/$name" || fail "killed/$name after a run that was not killed"; done <names

refused() { # FOLDER: status 1, a message, nothing half written, no temporary files
  says err "error: "
  check "$1" nothing
  ls "$1" | grep -vxFf names && fail "temporary files were left"
}
for blocks in 8 32 128 512; do
  mkdir limit.$blocks
  expect 1 sh -c 'ulimit -f "$0" && exec "$@"' $blocks "$NNCC" m.nn --init=1 --emit=so,o,a,weights,nnir,onnx,ll,py -o limit.$blocks/m.so
  refused limit.$blocks
done

mkdir disk
if unshare -rm mount -t tmpfs -o size=1m none disk 2>err; then
  for size in 16k 100k 300k 700k; do
    mkdir disk.$size
    expect 1 unshare -rm sh -c 'size=$0; mount -t tmpfs -o size="$size" none disk; "$@"; status=$?; cp -r disk/. "disk.$size"; exit $status' \
      $size "$NNCC" m.nn --init=1 --emit=so,o,a,weights,nnir,onnx,ll,py -o disk/m.so
    refused disk.$size
  done
else
  echo "no full disk: $(cat err)"
fi
finish
