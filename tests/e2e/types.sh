#!/bin/sh
# Arrays of every element type through nncc run, the Python module, C, and back.
. "${0%/*}/lib.sh"
cat >types.nn <<'M'
nn 1
model types(a: f64[N, 3], b: i16[N, 3], c: u16[N, 3], d: u32[N, 3], e: u64[N, 3], f: i8[N, 3]) -> af, bf, cf, df, ef, ff {
  af = a + 0.1
  bf = b * 3
  cf = c - 1
  df = minimum(d, 7)
  ef = where(e > 7, e + 1, e)
  ff = cast(f, u64)
}
M
cat >make.py <<'P'
import numpy as np
np.savez("in.npz", a=np.array([[1 / 3, 2, -1e300], [0, 5e-5, 6]]), b=np.array([[1, -2, 30000], [4, 5, 6]], np.int16),
         c=np.array([[0, 1, 65535], [3, 4, 5]], np.uint16), d=np.array([[0, 2**32 - 1, 7], [8, 9, 2**31]], np.uint32),
         e=np.array([[0, 2**53, 2**64 - 2], [2**63, 2**63 - 1, 8]], np.uint64), f=np.array([[-1, 0, 127], [1, 2, 3]], np.int8))
P
cat >check.py <<'P'
import numpy as np
import types_ as compiled
x, y = np.load("in.npz"), np.load("out.npz")
want = {"af": x["a"] + 0.1, "bf": x["b"] * np.int16(3), "cf": x["c"] - np.uint16(1), "df": np.minimum(x["d"], 7),
        "ef": np.where(x["e"] > 7, x["e"] + np.uint64(1), x["e"]), "ff": x["f"].astype(np.uint64)}
result = compiled.Model()(*[x[k] for k in "abcdef"])
for k, v in want.items():
    for got in (y[k], getattr(result, k)):
        assert got.dtype == v.dtype and np.array_equal(got, v), (k, got, v)
P
expect 0 "$PYTHON" make.py
expect 0 "$NNCC" types.nn --emit=py,so -o types_.py
expect 0 "$NNCC" run libtypes_.so --input in.npz --output out.npz
expect 0 "$PYTHON" check.py
expect 0 "$NNCC" verify types.nn --input in.npz
printf '#include "types.h"\nint main(void) { return types_selftest(); }\n' >main.c
expect 0 "$NNCC" types.nn --emit=selftest -o types.o
for type in 'const double *a' 'const int16_t *b' 'const uint16_t *c' 'const uint32_t *d' 'const uint64_t *e'; do
  says types.h "$type"
done
expect 0 cc -Wall -Werror main.c types.o -lpthread -lm -o main
expect 0 ./main

# Numpy's own numbers serve for f32; other types are refused.
printf 'nn 1\nmodel m(x: f32[N, 3]) -> y { y = x * 2 }\n' >m.nn
printf 'import numpy as np\nnp.save("x.npy", np.ones((2, 3)))\nnp.save("i.npy", np.ones((2, 3), np.uint32))\n' >more.py
expect 0 "$PYTHON" more.py
expect 0 "$NNCC" run m.nn --input x.npy
says out "mean 2"
expect 1 "$NNCC" run m.nn --input i.npy
says err "input \`x\` is of type f32, but this array of u32"
printf 'nn 1\nmodel m(x: u16[3]) -> y { y = x - 70000 }\n' >large.nn
expect 1 "$NNCC" large.nn -o large.so
says err "70000 does not fit a tensor of u16"
printf 'nn 1\nmodel m(x: u128[3]) -> y { y = x }\n' >unknown.nn
expect 1 "$NNCC" unknown.nn -o unknown.so
finish
