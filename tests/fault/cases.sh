#!/bin/sh
# cases.sh EVERY CASE...: commands whose every call fails once; test_fault.c says what is demanded. NNCC, FAULT, MEMORY
# (may be empty), WRITE_FILES and SOURCE are set by CMake.
set -u
every=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

# A folder of its own, with what the commands read.
begin() {
  mkdir "$work/$1" && cd "$work/$1" || exit 1
  mkdir tmp
  export TMPDIR="$work/$1/tmp" XDG_CACHE_HOME="$work/$1/cache"
  printf 'nn 1\nmodel m(x: f32[N, 8, 8]) -> y {\n  weights "w.safetensors"\n' >m.nn
  printf '  y = x |> flatten |> linear(10) @fc |> relu\n  meta { labels = "labels.txt" }\n}\n' >>m.nn
  printf 'zero\none\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n' >labels.txt
  "$WRITE_FILES" || exit 1
  printf 'nn 1\nmodel p(image: f32[N, 1, 28, 28]) -> y {\n  y = image |> conv2d(4, 3) @c |> relu\n' >p.nn
  printf '  meta { mean = [0.5]  std = [0.5] }\n}\n' >>p.nn
  cp "$SOURCE/examples/digits/pictures/00_is_6.png" six.png
  cp "$SOURCE/tests/e2e/pictures/grey.jpg" grey.jpg
}
# try CASE [-o OUTPUT]... COMMAND...
try() {
  echo "== $1"
  shift
  "$FAULT" -e "$every" ${MEMORY:+-m "$MEMORY"} "$@"
  status=$?
  [ $status -eq 77 ] && exit 77
  [ $status -eq 0 ] || bad=1
}

for case in "$@"; do
  begin "$case"
  set -- --jobs=1 -mcpu=x86-64-v3
  case $case in
  library) try library -o m.so -o m.h "$NNCC" m.nn "$@" -o m.so ;;
  threads) try threads -o m.so -o m.h "$NNCC" m.nn --jobs=4 -mcpu=x86-64-v3 -o m.so ;;
  outputs) try outputs -o m.a -o m.o -o m.ll -o m.h -o m.weights -o m.nnir -o m.py -o libm.so \
    "$NNCC" m.nn "$@" --emit=a,o,ll,h,weights,nnir,py -o m.py ;;
  onnx) try onnx -o n.so -o n.h "$NNCC" m.onnx "$@" -o n.so ;;
  import) try import -o i.nn -o i.safetensors "$NNCC" import m.onnx -o i.nn ;;
  run) try run -o out.npz "$NNCC" run m.nn "$@" --input in.npz --output out.npz ;;
  open)
    "$NNCC" m.nn "$@" --emit=so,weights -o m.so || exit 1
    try open -o out.npy "$NNCC" run ./m.so --threads=3 --weights=m.weights --input x=in.npz --output out.npy
    ;;
  pictures)
    "$NNCC" p.nn --init=1 "$@" -o p.so || exit 1
    mkdir folder
    mv six.png folder
    try pictures -o out.safetensors "$NNCC" run ./p.so --input folder --output out.safetensors
    try jpeg "$NNCC" run ./p.so --input grey.jpg
    "$NNCC" p.nn --init=1 "$@" -o p.so
    try maps -o maps.png "$NNCC" run ./p.so --maps=y maps.png --input folder/six.png
    ;;
  verify) try verify "$NNCC" verify m.nn "$@" ;;
  bench)
    "$NNCC" m.nn "$@" -o m.so || exit 1
    try bench "$NNCC" bench ./m.so --seconds=0.01 --threads=2 --profile=trace.json
    ;;
  decisions)
    printf '{"nncc_decisions": 1, "layers": [{"layer": "fc", "choice": "f32"}]}\n' >d.json
    try decisions -o m.so -o m.h "$NNCC" m.nn "$@" --decisions=d.json -o m.so
    ;;
  inspect) try inspect "$NNCC" inspect m.nn ;;
  fmt) try fmt -o f.nn "$NNCC" fmt -o f.nn m.nn ;;
  tune) try tune "$NNCC" p.nn --init=1 "$@" --tune -o p.so ;;
  *)
    echo "no case $case"
    exit 2
    ;;
  esac
done
exit $bad
