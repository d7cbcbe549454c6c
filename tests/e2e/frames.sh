#!/bin/sh
# Pictures as they come: raw frames on stdin, --input-format, and a warning at arrays that were not prepared.
. "${0%/*}/lib.sh"
pictures=$SOURCE/tests/e2e/pictures

# raw frames
printf 'nn 1\nmodel look(p: u8[N, H, W, 3] rgb) -> y { y = reshape(cast(p, f32), [N * H * W, 3]) }\n' >look.nn
sed 's/rgb/bgr/' look.nn >look_bgr.nn
frame() { printf '\000\001\002\003\004\005\006\007\010\011\012\013'; }
reversed() { printf '\002\001\000\005\004\003\010\007\006\013\012\011'; }
"$NPZDIFF" --ramp ramp.npy 4 3
raw() { "$NNCC" run "$2" --raw="$1" --output got.npy >out 2>err; }
frame | raw rgb24,2x2 look.nn || fail "rgb24"
"$NPZDIFF" got.npy "" ramp.npy "" 0 || fail "rgb24 as rgb"
reversed | raw bgr24,2x2 look.nn && "$NPZDIFF" got.npy "" ramp.npy "" 0 || fail "bgr24 as rgb"
reversed | raw rgb24,2x2 look_bgr.nn && "$NPZDIFF" got.npy "" ramp.npy "" 0 || fail "rgb24 as bgr"
printf '\002\001\000x\005\004\003y\010\007\006z\013\012\011\377' | raw bgra,2x2 look.nn &&
  "$NPZDIFF" got.npy "" ramp.npy "" 0 || fail "bgra as rgb"
{ frame; frame; frame; } | raw rgb24,2x2 look.nn || fail "three frames"
[ "$(wc -l <out)" -eq 3 ] || fail "not a line a frame: $(cat out)"
sed -n 3p out >last
grep -qE '^\{"frame":2,"ms":[0-9.e+-]+,"outputs":\[\{"output":"y","type":"f32\[4, 3\]","min":0.0,"max":11.0,"mean":5.5\}\]\}$' last ||
  fail "the last line is $(cat last)"
expect 0 sh -c 'head -c 1568 /dev/zero | "$0" run "$1" --raw=gray,28x28' "$NNCC" "$SOURCE/examples/digits/cnn.nn"
[ "$(grep -cE '^\{"frame":[01],"ms":[0-9.e+-]+,"top":\[\{"label":"[0-9]","probability":[0-9.e-]+\}' out)" -eq 2 ] ||
  fail "classes: $(cat out)"
{ frame; printf 'abc'; } | raw rgb24,2x2 look.nn && fail "a frame that is cut short passed"
[ "$(cat err)" = "stdin: error: the last frame is cut short: it has 3 of 12 bytes" ] || fail "cut short: $(cat err)"
[ "$(wc -l <out)" -eq 1 ] || fail "the whole frame before was lost"
expect 0 "$NNCC" run look.nn --raw=rgb24,2x2
[ -s out ] && fail "frames from nothing"
frame | "$NNCC" run look.nn --raw=rgb24,2x2 >/dev/full 2>err && fail "a full disk passed"
says err "stdout: error: cannot be written"
for bad in rgb24 rgb24,2 rgb24,2x rgb24,0x2 rgb24,-2x2 rgb24,2x2x2 yuv420p,2x2 rgb24,99999x1 rgb24,60000x60000 ,2x2; do
  expect 2 "$NNCC" run look.nn --raw=$bad
  says err "--raw takes rgb24, bgr24, gray, rgba or bgra and a size, such as rgb24,640x480, not \`$bad\`"
done
expect 2 "$NNCC" run look.nn --raw=rgb24,2x2 --json
expect 2 "$NNCC" run - --raw=rgb24,2x2

# every format gives what the model's own does
cat >net.nn <<'M'
nn 1
model net(image: f32[N, 3, 24, 24]) -> y {
  y = image |> conv2d(8, 3, padding=1) @conv |> relu |> max_pool2d(2) |> flatten |> linear(5) @fc
  meta { mean = [0.485, 0.456, 0.406]  std = [0.229, 0.224, 0.225]  resize = 32 }
}
model mixed(image: f32[N, 3, 24, 24]) -> y {
  y = (image |> conv2d(3, 3, padding=1, groups=3) @conv) + image |> global_avg_pool
  meta { mean = [0.1, 0.2, 0.3]  std = 0.5 }
}
M
sed -i 's/y = (image |> conv2d(3, 3, padding=1, groups=3) @conv) + image |> global_avg_pool/h = (image |> conv2d(3, 3, padding=1, groups=3) @conv) + image\n  y = global_avg_pool(h)/' net.nn
for model in net mixed; do
  expect 0 "$NNCC" run net.nn --model=$model --init=1 --input "$pictures/rgb.png" --output own.npz
  for format in u8,nhwc,bgr u8,nhwc u8 u8,bgr nhwc bgr f32,nchw,bgr f32,nhwc,rgb; do
    expect 0 "$NNCC" run net.nn --model=$model --init=1 --input-format=$format --input "$pictures/rgb.png" --output got.npz
    "$NPZDIFF" got.npz y own.npz y 1e-5 >diff || fail "$model with $format: $(cat diff)"
  done
  expect 0 "$NNCC" verify net.nn --model=$model --init=1 --input-format=u8,nhwc,bgr -O0
done
expect 0 "$NNCC" net.nn --model=net --init=1 --input-format=u8,nhwc,bgr -Rpass=fold-picture -o net.so
says err "conv reads image as it comes (u8, channels last)"
says net.h "const uint8_t *image"
expect 0 "$NNCC" net.nn --model=net --init=1 --input-format=u8,nhwc,bgr --emit=loop -o - # channels are turned in the weights
grep -q 'concat' out && fail "channels are turned in the picture"
expect 1 "$NNCC" look.nn --input-format=u8 -o look.so
[ "$(cat err)" = "--input-format: error: no input of this model is a picture f32[N, 3, H, W]" ] || fail "$(cat err)"
for bad in u9 u8,u8 u8, nhwc,nchw ""; do
  expect 2 "$NNCC" net.nn --input-format=$bad
  says err "--input-format takes u8 or f32, nhwc or nchw, rgb or bgr, joined by commas, not \`$bad\`"
done

# arrays that were not prepared
expect 0 "$NNCC" net.nn --model=net --init=1 -o net.so
array() { # FACTOR: 1728 values from 0 to 1727 times that
  "$NPZDIFF" --ramp flat.npy 1728 1 "$1"
  printf 'nn 1\nmodel m(x: f32[N, 1]) -> y { y = reshape(x, [1, 3, 24, 24]) }\n' >shape.nn
  expect 0 "$NNCC" run shape.nn --input flat.npy --output image.npy
  expect 0 "$NNCC" run net.so --input image.npy
}
array 0.1476
[ "$(cat err)" = "net: warning: \`image\` has values from 0 to 255, but \`mean\` and \`std\` make pictures range from -2.12 to 2.64: was it normalized?" ] ||
  fail "at bytes: $(cat err)"
array 0.00057
says err "has values from 0 to 0.984, but"
array 0.0015
[ -s err ] && fail "at a bright picture: $(cat err)"
finish
