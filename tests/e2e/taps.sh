#!/bin/sh
# --tap: inner values as further outputs; --maps: pictures of them.
. "${0%/*}/lib.sh"
cat >m.nn <<'M'
nn 1
block part(x: [N, C, H, W]) -> y { y = x |> conv2d(C, 3, padding=1) @conv |> batch_norm @norm |> relu }
block two(x) -> a, b { a, b = split(x, 2, dim=1) @halves }
block body(x) -> h {
  h = x |> conv2d(4, 3) @stem |> part @block.0
  h = h + (part(h) @block.1)
}
model m(x: f32[N, 3, 12, 10]) -> y {
  h = body(x)
  y = h |> flatten |> linear(5) @head
}
model written(x: f32[N, 3, 12, 10]) -> y, stem, first, conv {
  stem = x |> conv2d(4, 3) @stem
  conv = stem |> conv2d(4, 3, padding=1) @block.0.conv
  first = conv |> batch_norm @block.0.norm |> relu
  h = first + (part(first) @block.1)
  y = h |> flatten |> linear(5) @head
}
model twice(x: f32[N, 4, 12, 10]) -> y { y = part(part(x) tied @p) tied @p }
model several(x: f32[N, 4, 12, 10]) -> y {
  a, b = two(x)
  y = a + b
}
M
"$NPZDIFF" --ramp flat.npy 360 1
expect 0 "$NNCC" m.nn --model=m --init=3 --tap=stem --tap=block.0 --tap=block.0.conv --tap=stem -o m.so
says m.h "float *y, float *stem, float *block_0, float *block_0_conv)"
expect 0 "$NNCC" bench m.so --runs 1
taps="--tap=stem --tap=block.0 --tap=block.0.conv --tap=head"
expect 0 "$NNCC" verify m.nn --model=m --init=3 $taps
says out "bitwise equal"
expect 0 "$NNCC" verify m.nn --model=m --init=3 $taps -O0

printf 'nn 1\nmodel ramp(x: f32[N, 1]) -> x4 {\n  x4 = x |> reshape([1, 3, 12, 10])\n}\n' >ramp.nn
expect 0 "$NNCC" run ramp.nn --input flat.npy --output x4.npy
expect 0 "$NNCC" run m.nn --model=m --init=3 $taps --input x=x4.npy --output tapped.npz
expect 0 "$NNCC" run m.nn --model=written --init=3 --input x=x4.npy --output written.npz
for pair in y:y stem:stem block.0:first block.0.conv:conv; do
  "$NPZDIFF" tapped.npz "${pair%:*}" written.npz "${pair#*:}" 1e-5 || fail "$pair differ"
done
"$NPZDIFF" tapped.npz head tapped.npz y 0 || fail "a tapped output differs from itself"

expect 1 "$NNCC" m.nn --model=m --init=3 --tap=blok.0 --tap=block.2.x -o bad.so
says err "m: error: there is no layer \`blok.0\` to tap; did you mean \`block.0\`?"
says err "m: error: there is no layer \`block.2.x\` to tap"
expect 1 "$NNCC" m.nn --model=twice --init=3 --tap=p.conv -o bad.so
says err "error: there are 2 layers \`p.conv\`"
expect 1 "$NNCC" m.nn --model=several --tap=halves -o bad.so
says err "several: error: the layer \`halves\` has several values"
expect 1 "$NNCC" run m.so --tap=stem --input x=x4.npy
says err "m.so: error: a compiled model has its outputs: --tap needs its source"
[ -e bad.so ] && fail "a bad tap left a library"

expect 0 "$NNCC" run m.nn --model=m --init=3 --maps=block.0 maps.png --input x=x4.npy
expect 0 "$NNCC" run m.so --maps=block.0 again.png --input x=x4.npy
cmp -s maps.png again.png || fail "source and library draw other maps"
printf 'nn 1\nmodel look(p: u8[N, H, W, 1]) -> p2 { p2 = cast(p, f32) }\n' >look.nn
expect 0 "$NNCC" run look.nn --input maps.png --output look.npz --json
says out '"type": "f32[1, 82, 66, 1]"' # four maps of 10 x 8, each element 4 x 4 pixels, 2 between them
says out '"max": 255.0'
expect 1 "$NNCC" run m.so --maps=y maps.png --input x=x4.npy
says err "m: error: \`y\` has no maps to draw: they are [N, C, H, W] or [N, T, D]"
expect 1 "$NNCC" run m.so --maps=z maps.png --input x=x4.npy
says err "m: error: there is no output \`z\` to draw"
expect 1 "$NNCC" run m.so --maps=stem no/such/maps.png --input x=x4.npy
says err "no/such/maps.png: error: cannot be written: No such file or directory"
ln -s /dev/full full.png
expect 1 "$NNCC" run m.so --maps=stem full.png --input x=x4.npy
says err "full.png: error: cannot be written"
expect 2 "$NNCC" run m.so --maps=stem --input x=x4.npy
expect 2 "$NNCC" run m.so maps.png --input x=x4.npy
finish
