#!/bin/sh
# How run takes and gives arrays, and refuses what does not fit.
. "${0%/*}/lib.sh"
cat >two.nn <<'M'
nn 1
model two(a: f32[N, 4], b: f32[N, 4]) -> sum, product {
  sum = a + b
  product = a * b
}
M
expect 0 "$NNCC" two.nn -o two.so
"$NPZDIFF" --ramp a.npy 3 4
"$NPZDIFF" --ramp wide.npy 3 5
"$NPZDIFF" --ramp long.npy 2 4
expect 0 "$NNCC" run two.so --input a=a.npy --input b=a.npy --output out.npz
says out "product"
"$NPZDIFF" --ramp want.npy 3 4 2
"$NPZDIFF" out.npz sum want.npy "" 0 || fail "the sum"
expect 1 "$NNCC" run two.so --input a=a.npy
says err "no --input gives \`b\`"
expect 1 "$NNCC" run two.so --input a=a.npy --input b=wide.npy
says err "input \`b\` is f32[N, 4], but this array is [3, 5]"
expect 1 "$NNCC" run two.so --input a=a.npy --input b=long.npy
expect 1 "$NNCC" run two.so --input a.npy
expect 1 "$NNCC" run two.so --input "$SOURCE/tests/e2e/pictures"
says err "no input of this model can be a picture"
expect 1 "$NNCC" run two.so --input a=a.npy --input b=a.npy --output out.txt
expect 1 "$NNCC" run /bin/true --input a=a.npy
cp /bin/true true.so
expect 1 "$NNCC" run true.so --input a=a.npy
says err "is no library that nncc made"
expect 0 "$NNCC" bench two.so --seconds 0.05 --batch 4 --json --per-layer
for key in latency_ms median gflops open_ms first_run_ms peak_rss_mb threads batch; do says out "\"$key\""; done
expect 0 "$NNCC" bench two.so --runs 7 --json
says out '"runs": 7,'
expect 0 "$NNCC" bench two.so --seconds 0.05 --streams 2 --batch 4 --json
for key in '"streams": 2' '"threads": 1' '"batch": 4' images_per_s p99; do says out "$key"; done
expect 2 "$NNCC" bench two.so --streams 2 --per-layer
expect 0 "$NNCC" bench --peak --threads 2
says out "2 threads   peak"
expect 0 "$NNCC" bench two.nn --seconds 0.05
says out "latency"
expect 0 "$NNCC" inspect two.nn --json
says out '"layers"'
expect 0 "$NNCC" verify two.nn --json
says out '"threads_equal": true'
expect 0 "$NNCC" run two.so --input a=a.npy --input b=a.npy --json
says out '"output": "product"'
expect 1 sh -c '"$0" inspect two.nn >/dev/full' "$NNCC"
finish
