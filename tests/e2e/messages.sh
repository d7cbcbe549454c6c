#!/bin/sh
# What the command line says of each mistake, the whole line, and its exit status. tests/messages/check.py finds those
# that no test expects; messages about texts are in tests/diag/ and the unit tests.
. "${0%/*}/lib.sh"

refuses() { # STATUS LINE COMMAND...
  line=$2
  status=$1
  shift 2
  expect "$status" "$@"
  grep -qxF -- "$line" err || { fail "not \`$line\` but:"; cat err; }
}

cat >m.nn <<'M'
nn 1
model fixed(x: f32[2, 4]) -> y { y = relu(x) }
model some(x: f32[N<=4, H, 2*H]) -> y { y = relu(x) }
model rows(x: f32[N, H, 4]) -> y { y = relu(x) }
model picture(x: f32[N, 3, 8, 8]) -> y {
  y = relu(x)
  meta { mean = [0.5, 0.5, 0.5]  std = [0.2, 0.2, 0.0] }
}
model cropped(x: f32[N, 3, 8, 8]) -> y {
  y = relu(x)
  meta { resize = 4  crop = 8 }
}
model maps(x: f32[N, W]) -> y { y = x |> unsqueeze(1) |> unsqueeze(1) }
model even(x: f32[N, H]) -> y {
  assert H % 2 == 0, "an even number"
  y = relu(x)
}
model views(x: u8[N, H, W, 3]) -> y { y = relu(cast(x, f32)) }
model ids(x: i64[N]) -> y { y = embedding(x, parameter([3, 2]) @table) }
M
for model in fixed some rows picture cropped maps even views ids; do expect 0 "$NNCC" m.nn --model=$model --init=1 -o $model.so; done

# ---- usage
compile="$NNCC m.nn --model=fixed"
refuses 2 'nncc: --emit takes so, o, a, ll, s, h, weights, nnir, onnx, loop, dot, py, selftest, not `exe`' $compile --emit=exe
refuses 2 'nncc: -o - needs --emit=KIND' $compile -o -
refuses 2 'nncc: the suffix of `x.exe` is no kind of output: .so .o .a .ll .s .h .weights .nnir .onnx .loop .dot .py' $compile -o x.exe
refuses 2 'nncc: -O takes a whole number from 0 to 3, not `7`' $compile -O7
refuses 2 'nncc: -D takes NAME=VALUE, not `a`' $compile -Da
refuses 2 'nncc: --shape takes INPUT=DIMS, not `a`' $compile --shape=a
refuses 2 'nncc: no model given' "$NNCC"
for command in "" " run" " bench" " inspect" " verify"; do
  # shellcheck disable=SC2086 # words
  refuses 2 "nncc$command: one model at a time, not also \`b.nn\`" "$NNCC" $command a.nn b.nn
done
refuses 2 'nncc opt: one text at a time, not also `b.nnir`' "$NNCC" opt a.nnir b.nnir
refuses 2 'nncc fmt: no file given' "$NNCC" fmt
refuses 2 'nncc fmt: --check writes nothing, so that -o has no meaning' "$NNCC" fmt --check -o x.nn m.nn
refuses 2 'nncc fmt: -o takes one file at a time' "$NNCC" fmt -o x.nn m.nn m.nn
refuses 2 'nncc run: no --input given' "$NNCC" run fixed.so
refuses 2 'nncc run: with --raw stdin is for frames, not for the model' "$NNCC" run - --raw=rgb24,8x8
refuses 2 'nncc run: --raw prints lines of JSON, --json would be one array' "$NNCC" run fixed.so --raw=rgb24,8x8 --json
refuses 2 'nncc run: --maps=y needs the name of a picture to draw, OUT.png' "$NNCC" run fixed.so --input=x.npy --maps=y
refuses 2 'nncc run: x.png is no model; a picture to look at is given by --input' "$NNCC" run fixed.so x.png --input=x.npy
refuses 2 'nncc bench: --profile times one run, not --streams' "$NNCC" bench fixed.so --streams=2 --profile=t.json
refuses 2 'nncc bench: --per-layer times one run, not --streams' "$NNCC" bench fixed.so --streams=2 --per-layer
refuses 2 "nncc verify: verify needs the model's source, not \`fixed.so\`" "$NNCC" verify fixed.so

# ---- compiling
refuses 1 'absent.nnir: error: cannot be read: No such file or directory' "$NNCC" absent.nnir -o x.so
refuses 1 'm.nn: error: the passes that were run do not lower it, so that there is no code to write' $compile --passes= -o x.so
refuses 1 'error: target `riscv64-unknown-linux-gnu` is not supported; x86_64-linux-gnu and aarch64-linux-gnu are' \
  $compile --target=riscv64-linux-gnu -o x.so
refuses 1 'x.so: error: `ld` cannot be run: No such file or directory' env PATH=/nowhere $compile -o x.so
mkfifo x.weights
cat x.weights >/dev/null &
refuses 1 'x.weights: error: packed weights need a file that can be rewound' "$NNCC" m.nn --model=ids --init=1 -o x.weights
wait
refuses 1 "m.nn: error: --tune is for one processor, which must be this machine's, one size, and a model in a file" \
  $compile --tune -mcpu=x86-64-v2,x86-64-v3 -o x.so
refuses 1 "--shape: error: 'x=9,2,4': a size is out of its range" "$NNCC" m.nn --model=some --shape=x=9,2,4 --shape=x=1,2,4 -o x.so
refuses 1 "--shape: error: 'x=1,2,5': the input's dimensions cannot be so" \
  "$NNCC" m.nn --model=some --shape=x=1,2,5 --shape=x=1,2,4 -o x.so
refuses 1 "--shape: error: 'x=1,2': the input has another number of dimensions" \
  "$NNCC" m.nn --model=some --shape=x=1,2 --shape=x=1,2,4 -o x.so
refuses 1 "--shape: error: 'x=_,_,4': it fixes no symbolic dimension" "$NNCC" m.nn --model=rows --shape=x=_,_,4 --shape=x=1,2,4 -o x.so
printf 'nn 1\nmodel pair(a: f32[N, 2], b: f32[N, 3]) -> y, z {\n  y = relu(a)\n  z = relu(b)\n}\n' >pair.nn
refuses 1 "--shape: error: 'b=2,3': its dimensions do not agree" \
  "$NNCC" pair.nn --shape=a=1,2 --shape=b=2,3 --shape=a=3,2 --shape=b=3,3 -o x.so

# ---- graphs that no model makes: weights that are computed, which most layers take, or have no data
graph() { # LINE...
  printf '%s\n' "$@" 'output y = %y' >g.nnir
}
graph 'input %x : f32[2, 4, 8, 8]' 'input %w : f32[4, 4, 3, 3]' '%y = conv2d %x, %w : f32[2, 4, 6, 6]'
expect 0 "$NNCC" g.nnir -o x.so
graph 'input %x : f32[2, 4]' 'input %w : f32[3, 4]' '%y = linear %x, %w : f32[2, 3]'
expect 0 "$NNCC" g.nnir -o x.so
graph 'input %x : f32[2, 4, 8]' 'weight @w : f32[4] = missing' '%y = batch_norm %x, @w, @w, @w, @w : f32[2, 4, 8]'
refuses 1 'g.nnir:3:1: error: batch_norm needs known weights and a fixed number of channels' "$NNCC" opt g.nnir --passes=decompose
graph 'input %x : f32[2, 4, 8]' 'weight @w : f32[8, 8] = missing' \
  '%y = attention %x, _, _, _, @w, _, @w, _, @w, _, @w {heads=2} : f32[2, 4, 8]'
refuses 1 'g.nnir:3:1: error: attention needs known weights for q, k and v' "$NNCC" opt g.nnir --passes=decompose
graph 'input %x : f32[1, 9, 4]' 'input %e : f32[1, 4, 4]' \
  '%y = position_embedding %x, %e {old_size=[2, 2], new_size=[3, 3], num_prefix_tokens=0} : f32[1, 9, 4]'
refuses 1 'g.nnir:3:1: error: position_embedding needs a known weight to resample it' "$NNCC" g.nnir -o x.so

# ---- running
"$NPZDIFF" --ramp x.npy 2 4
"$NPZDIFF" --ramp wide.npy 2 3
refuses 1 'fixed: error: cannot run with --batch=9' "$NNCC" bench fixed.so --batch=9
refuses 1 'x.npy: error: say which input it is for: --input a=x.npy' "$NNCC" run pair.nn --input x.npy
refuses 1 'x.npy: error: input `x` is of type i64, but this array of f32' "$NNCC" run ids.so --input x=x.npy
mkdir empty
refuses 1 'empty: error: holds no .png, .jpg or .jpeg' "$NNCC" run picture.so --input empty
refuses 1 'picture: error: `meta` has a mean, std, scale, resize or crop that makes no sense' \
  "$NNCC" run picture.so --input "$SOURCE/tests/e2e/pictures/rgb.png"
printf '\211PNG\r\n\032\n' >cut.png
expect 1 "$NNCC" run cropped.so --input cut.png
says err "cut.png: error: cannot be read: "
refuses 1 "$SOURCE/tests/e2e/pictures/rgb.png: error: the picture is too small to be cropped as the model asks, or too oblong" \
  "$NNCC" run cropped.so --input "$SOURCE/tests/e2e/pictures/rgb.png"
refuses 1 "$SOURCE/tests/e2e/pictures/rgb.png: error: verify takes arrays, not pictures" \
  "$NNCC" verify m.nn --model=picture --input "$SOURCE/tests/e2e/pictures/rgb.png"
refuses 1 'even: error: the run failed: an assertion of the model does not hold' \
  "$NNCC" run even.so --input x=wide.npy
expect 0 "$NNCC" run fixed.so --input x=x.npy --output y.npz
refuses 1 'y.npz: error: holds no array named after an input, such as `x`' "$NNCC" run fixed.so --input y.npz
mkdir pictures
cp "$SOURCE/tests/e2e/pictures/rgb.png" pictures
expect 0 "$NNCC" run maps.so --input x=x.npy --maps=y pictures/drawn.png
refuses 1 'y: error: has another shape for each picture, and cannot be written as one array' \
  "$NNCC" run views.so --input pictures --output views.npz
"$NPZDIFF" --ramp long.npy 1 200000
refuses 1 'long.png: error: the maps of `y` make a picture that is too large' \
  "$NNCC" run maps.so --input x=long.npy --maps=y long.png
echo 'const int fake_info[64] = {99};' >fake.c
expect 0 cc -shared -o fake.so fake.c
refuses 1 'fake.so: error: was made by another version of nncc (ABI 99, this is 3)' "$NNCC" run fake.so --input x=x.npy
printf 'nn 1\nmodel m(x: f32[N]) -> y { y = identity(x) }\n' >nothing.nn
refuses 1 'nothing.nn: error: no layer could be compared' "$NNCC" verify nothing.nn
printf 'nn 1\nmodel m(x: f32[1024, 1024, 1024, 1024]) -> y {\n  y = x\n  for i in 0..20 { y = max_pool2d(y, 3, stride=1, padding=1) }\n}\n' >huge.nn
refuses 1 'error: the model needs more than 64 TB for its activations' "$NNCC" huge.nn -o x.so

# ---- every bad file of tests/diag: the same text from the command line, and status 1
cd "$SOURCE/tests/diag" || exit 1
for text in [0-9]*.txt; do
  options=$(sed -n 's/.*# options: //p' "${text%.txt}.nn")
  case $text in
  122* | 123*) continue ;; # where the command line itself looks at options first
  esac
  grep -q ': error: ' "$text" || continue
  # shellcheck disable=SC2086 # words
  "$NNCC" "${text%.txt}.nn" $options -o "$work/x.so" >"$work/out" 2>"$work/err"
  status=$?
  [ $status -eq 1 ] || fail "status $status of ${text%.txt}.nn"
  cmp -s "$text" "$work/err" || { fail "${text%.txt}.nn says"; diff "$text" "$work/err"; }
done
finish
