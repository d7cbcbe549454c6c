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

# Signals that ask it to end: it does by that signal, and leaves no temporary file. A tool that it runs ends with it.
mkdir stopped bin
printf '#!/bin/sh\necho begun >%s/begun\nexec sleep 1000\n' "$PWD" >bin/ld
chmod +x bin/ld
for sig in HUP INT TERM PIPE; do
  rm -f begun
  # A shell starts what is in the background with SIGINT ignored.
  env --default-signal PATH="$PWD/bin:$PATH" "$NNCC" m.nn --init=1 -o stopped/m.so &
  pid=$!
  for _ in $(seq 100); do [ -e begun ] || sleep 0.1; done
  kill -$sig $pid
  wait $pid
  got=$(kill -l $?)
  [ "$got" = $sig ] || fail "SIG$sig ended it by $got"
  [ -z "$(ls -A stopped)" ] || fail "after SIG$sig there is $(ls -A stopped)"
done
printf '#!/bin/sh\necho half >"$TARGET"\nkill -SEGV $$\n' >bin/ld
expect 1 env TARGET=stopped/half PATH="$PWD/bin:$PATH" "$NNCC" m.nn --init=1 -o stopped/m.so
says err "stopped/m.so: error: ld was stopped by signal 11"
printf '#!/bin/sh\necho no room >&2\nexit 1\n' >bin/ld
expect 1 env PATH="$PWD/bin:$PATH" "$NNCC" m.nn --init=1 -o stopped/m.so
says err "stopped/m.so: error: ld failed with status 1:"
says err "no room"
[ "$(ls -A stopped)" = half ] || fail "a failing linker leaves $(ls -A stopped)"
printf '#!/bin/sh\nkill -9 $PPID\n' >bin/ld
expect 1 env TMPDIR="$PWD/stopped" PATH="$PWD/bin:$PATH" "$NNCC" run m.nn --init=1 --input x.npy
says err "m.nn: error: the process that compiles it was stopped by signal 9"
sh -c '"$0" m.nn --init=1 --emit=ll -o - | head -n 1' "$NNCC" >out 2>err
says out "ModuleID"

# Links lead on and stay; a folder is no file; a device is written to, whatever it is a link to.
ln -s real.so link.so
expect 0 "$NNCC" m.nn --init=1 --emit=so -o real.so
cp real.so want.so
echo before >real.so
expect 0 "$NNCC" m.nn --init=1 --emit=so -o link.so
[ -L link.so ] || fail "the link is no link any more"
ln -s /dev/fd/1 stdout.ll
expect 0 "$NNCC" m.nn --init=1 --emit=ll -o stdout.ll
[ -L stdout.ll ] && grep -q ModuleID out || fail "nothing came through a link to stdout"
mkdir folder.so
expect 1 "$NNCC" m.nn --init=1 -o folder.so
says err "folder.so: error: cannot be written: Is a directory"
[ -z "$(ls -A folder.so)" ] && [ -z "$(ls -d folder.so.tmp* 2>/dev/null)" ] || fail "a temporary file stays beside a folder"
expect 1 "$NNCC" m.nn --init=1 -o /proc/m.so
says err "/proc/m.so: error: cannot be written: "
if unshare -rm mount -t tmpfs -o ro none disk 2>/dev/null; then
  expect 1 unshare -rm sh -c 'mount -t tmpfs -o ro none disk; "$@"' - "$NNCC" m.nn --init=1 -o disk/m.so
  says err "disk/m.so: error: cannot be written: Read-only file system"
fi

# Little memory, few files.
if ! ldd "$NNCC" | grep -q asan; then
  mkdir small
  for kilobytes in 330000 360000 400000; do
    sh -c 'ulimit -v "$0" && exec "$@"' $kilobytes "$NNCC" m.nn --init=1 -o small/m.so >out 2>err </dev/null
    case $? in
    0) rm small/m.so small/m.h ;;
    71) says err "nncc: error: out of memory" ;;
    1 | 127) says err "error" ;;
    *) fail "status $? within $kilobytes KB: $(cat err)" ;;
    esac
    [ -z "$(ls -A small)" ] || fail "within $kilobytes KB there is $(ls -A small)"
  done
fi
mkdir few
for files in 4 5 6 8 12; do
  sh -c 'ulimit -n "$0" && exec "$@"' $files "$NNCC" m.nn --init=1 -o few/m.so >out 2>err </dev/null
  status=$?
  [ $status -eq 0 ] && rm few/m.so few/m.h || says err "error"
  [ -z "$(ls -A few)" ] || fail "with $files files there is $(ls -A few)"
done
finish
