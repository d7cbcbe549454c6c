#!/bin/sh
# verify does not pass emptily: it tells a constant layer, one that ignores its input, and a NaN.
. "${0%/*}/lib.sh"
header='nn 1
model m(x: f32[N, 3, 8, 8]) -> y {'
printf '%s\n y = x |> conv2d(8, 3, padding=1) @conv |> relu }\n' "$header" >good.nn
expect 0 "$NNCC" verify good.nn --init=1
printf '%s\n y = (x |> conv2d(8, 3, padding=1) @conv) * 0.0 }\n' "$header" >constant.nn
expect 1 "$NNCC" verify constant.nn --init=1
says err "constant.nn: error: first bad layer: conv (constant)"
says err "constant.nn: error: it is wrong without any optional pass: lowering or code generation is to blame"
printf '%s\n h = x |> conv2d(8, 3, padding=1) @conv\n y = (h - h) / (h - h) }\n' "$header" >nan.nn
expect 1 "$NNCC" verify nan.nn --init=1
says out "not finite"
printf '%s\n y = x * 0.0 + (parameter([3, 8, 8]) @p) }\n' "$header" >deaf.nn
expect 1 "$NNCC" verify deaf.nn --init=1
says out "ignores the input"
# A picture too small for the window is refused, for no lack of memory.
printf 'nn 1\nmodel small(x: f32[H, W]) -> y { y = x |> reshape([1, 1, H, W]) |> conv2d(8, 3) @conv }\n' >small.nn
"$NPZDIFF" --ramp x.npy 1 5
expect 1 "$NNCC" run small.nn --init=1 --input x.npy
says err "small: error: the run failed: an assertion of the model does not hold"
finish
