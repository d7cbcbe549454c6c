#!/bin/sh
# -g: a debugger stops in a layer by its name and shows the line of the model that calls it.
. "${0%/*}/lib.sh"
cat >m.nn <<'M'
# Two layers of one shape, which share a kernel without -g.
nn 1
block part(x: [N, C, H, W]) -> y {
  y = x |> conv2d(C, 3, padding=1) @conv |> relu
}

model m(x: f32[N, 8, 12, 10]) -> y {
  h = x |> part @body.0 |> part @body.1
  y = h |> global_avg_pool |> flatten
        |> linear(5) @head
}
M
expect 0 "$NNCC" m.nn --init=1 -g -o m.so
expect 0 "$NNCC" m.nn --init=1 -o plain.so
expect 0 readelf -SW plain.so
grep -q debug out && fail "DWARF without -g"
expect 0 readelf -sW m.so
for layer in body.0.conv body.1.conv head; do grep -qE " m\.[0-9]+\.$layer" out || fail "no symbol for $layer"; done
expect 0 readelf --debug-dump=decodedline m.so
says out "m.nn "
for so in m plain; do
  "$NPZDIFF" --ramp flat.npy 960 1 0.01
  printf 'nn 1\nmodel s(x: f32[N, 1]) -> y { y = reshape(x, [1, 8, 12, 10]) }\n' >shape.nn
  expect 0 "$NNCC" run shape.nn --input flat.npy --output x.npy
  expect 0 "$NNCC" run $so.so --input x.npy --output $so.npz
done
cmp -s m.npz plain.npz || fail "-g changes results"
expect 0 "$NNCC" m.nn --init=1 -g -mcpu=x86-64-v2,x86-64-v3 -o two.so
expect 0 "$NNCC" m.nn --init=1 -g --emit=o,a,ll,s -o all
says all.ll "!DISubprogram(name: \"body.0.conv\""
expect 0 "$NNCC" verify m.nn --init=1 -g

debug() { # COMMANDS... PROGRAM: what gdb says
  gdb -nx -batch -ex 'set breakpoint pending on' -ex 'set debuginfod enabled off' "$@" </dev/null >out 2>&1
}
if command -v gdb >/dev/null && gdb -nx -batch -ex run --args true >out 2>&1 && ! grep -qi ptrace out; then
  debug -ex 'break body.1.conv' -ex 'break head' -ex run -ex backtrace -ex continue --args \
    "$NNCC" run m.so --input x.npy --threads 1
  grep -qE 'Breakpoint 1, .*body\.1\.conv' out || fail "gdb did not stop in body.1.conv: $(cat out)"
  grep -qE '^4[[:space:]]+y = x \|> conv2d\(C, 3, padding=1\) @conv' out || fail "gdb shows another line: $(cat out)"
  grep -qE '^#0 .*body\.1\.conv .* at .*m\.nn:4' out || fail "no backtrace: $(cat out)"
  grep -qE 'Breakpoint 2, .*head' out || fail "gdb did not stop in head: $(cat out)"
  grep -qE '^10[[:space:]]+\|> linear\(5\) @head' out || fail "gdb shows another line of head: $(cat out)"
fi
finish
