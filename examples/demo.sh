#!/bin/sh
# make demo: compiles the trained digit networks and an ImageNet network, and lets them look at pictures.
set -eu
cd "$(dirname "$0")/.."
NNCC=${NNCC:-build/nncc} BUILD=${BUILD:-build} PYTHON=${PYTHON:-python3}
out=$BUILD/demo
mkdir -p "$out"

say() { printf '\n$ %s\n' "$*"; }
show() {
  say "$@"
  "$@"
}

for model in cnn vit; do
  show "$NNCC" examples/digits/$model.nn -v -o "$out/$model.so"
  show "$NNCC" run "$out/$model.so" --input examples/digits/pictures
  show "$NNCC" bench "$out/$model.so" --seconds 0.5
done
show "$PYTHON" examples/digits/evaluate.py --nncc "$NNCC"

say "$PYTHON" examples/efficientnet_lite0/fetch.py "$out/efficientnet_lite0"
"$PYTHON" examples/efficientnet_lite0/fetch.py "$out/efficientnet_lite0"
show "$NNCC" "$out/efficientnet_lite0/efficientnet_lite0.nn" -v -o "$out/efficientnet_lite0.so"
show "$NNCC" run "$out/efficientnet_lite0.so" --input "$out/efficientnet_lite0/pictures"
show "$NNCC" bench "$out/efficientnet_lite0.so" --seconds 1
