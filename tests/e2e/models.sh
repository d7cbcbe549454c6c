#!/bin/sh
# Parameters, shapes and byte inputs from the command line; the generated headers; weight lists.
. "${0%/*}/lib.sh"
cat >bytes.nn <<'M'
nn 1
param classes = 10
model bytes(picture: u8[N<=32, H<=64, W<=64, 3] rgb) -> logits {
  logits = picture |> permute([0, 3, 1, 2]) |> cast(f32) |> normalize([0.5, 0.5, 0.5], [0.2, 0.2, 0.2], scale=255)
        |> conv2d(16, 3, stride=2, padding=1) @conv |> relu |> global_avg_pool |> flatten |> linear(classes) @fc
}
M
expect 0 "$NNCC" verify bytes.nn --init=1
expect 0 "$NNCC" bytes.nn --init=1 -o bytes.so
expect 0 "$NNCC" run bytes.so --input "$SOURCE/tests/e2e/pictures/rgb.png" --output a.npz
says out "f32[1, 10]"
expect 0 "$NNCC" run bytes.so --input "$SOURCE/tests/e2e/pictures" --output b.npz
expect 0 "$NNCC" run bytes.nn -Dclasses=4 --init=1 --input "$SOURCE/tests/e2e/pictures/grey.png"
says out "f32[1, 4]"
expect 1 "$NNCC" bytes.nn -Dclasses=none --init=1 -o x.so
expect 1 "$NNCC" bytes.nn -Dcolours=3 --init=1 -o x.so
expect 0 "$NNCC" bytes.nn --shape picture=2,32,32,3 --init=1 -o fixed.so
expect 1 "$NNCC" run fixed.so --input "$SOURCE/tests/e2e/pictures/rgb.png"
expect 0 "$NNCC" bench fixed.so --seconds 0.02
expect 1 "$NNCC" bench fixed.so --seconds 0.02 --batch 3
expect 0 "$NNCC" bench bytes.so --seconds 0.02 --batch 3
expect 1 "$NNCC" bench bytes.so --seconds 0.02 --batch 33
expect 1 "$NNCC" bytes.nn --shape picture=2,32,32,4 --init=1 -o x.so

# Weights from elsewhere, and what does not fit.
expect 0 "$NNCC" inspect --weights bytes.nn
[ "$(cat out)" = "conv.weight 16x3x3x3
conv.bias 16
fc.weight 10x16
fc.bias 10" ] || fail "weights: $(cat out)"
printf 'nn 1\nmodel m(a: f32[3]) -> y { y = a * constant([1.0, 2.0, 3.0]) + parameter([3]) @shift }\n' >literal.nn
expect 0 "$NNCC" inspect --weights literal.nn
[ "$(cat out)" = "shift 3" ] || fail "weights: $(cat out)"
expect 1 "$NNCC" bytes.nn --weights="$SOURCE/tests/weights/data/stored.npz" -o x.so
says err "4 of 4 weights do not fit"
says err "   conv.weight   expected f32[16, 3, 3, 3]   missing"

expect 0 "$NNCC" "$SOURCE/examples/digits/cnn.nn" --emit=h -o cnn.h
expect 0 "$NNCC" "$SOURCE/examples/digits/vit.nn" --emit=h -o vit.h
printf '#include "cnn.h"\n#include "vit.h"\nint main(void) { return 0; }\n' >both.c
expect 0 cc -std=c99 -Wall -Wextra -pedantic -Werror -c both.c
cp both.c both.cc
expect 0 c++ -Wall -Wextra -pedantic -Werror -c both.cc
finish
