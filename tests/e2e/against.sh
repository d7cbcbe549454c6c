#!/bin/sh
# verify --against: arrays of another framework, for which another model stands that writes inputs and outputs as one file.
. "${0%/*}/lib.sh"
"$NPZDIFF" --ramp a.npy 2 35 0.01
cat >net.nn <<'M'
nn 1
block stage(x: [N, C, H, W]) -> y { y = x |> conv2d(4, 3, padding=1) @conv |> batch_norm @norm |> relu }
model net(x: f32[N, 35]) -> y, z {
  h = x |> reshape([N, 1, 5, 7])
  h = stage(h) @first
  h = stage(h) @second
  y = h |> global_avg_pool |> flatten |> linear(3) @fc
  z = softmax(y, dim=1)
}
M
# framework FILE OUTPUTS: what it computes, its input among it.
framework() {
  sed -e "s/model net(x: f32\[N, 35\]) -> y, z/model framework(a: f32[N, 35]) -> $2/" -e 's/h = x |>/x = 1.0 * a\n  h = a |>/' net.nn >framework.nn
  shift 2
  expect 0 "$NNCC" run framework.nn --init=1 --input a=a.npy "$@"
}
framework net.nn "x, y, z" --tap=first --tap=second.conv --output ref.npz
expect 0 "$NNCC" verify net.nn --init=1 --against ref.npz
says out "reference's"
says out "3 of 3 arrays of ref.npz agree with native code"
expect 0 "$NNCC" verify net.nn --init=1 --against ref.npz --json
says out '"verdict": "fused away"'
says out '"name": "y"'
# Other weights: nothing is wrong with the compiler, so that no pass is named.
expect 1 "$NNCC" verify net.nn --init=2 --against ref.npz
says out "differs, the reference too"
says err "net.nn: error: \`first\` is the first that is not as ref.npz has it, and the reference interpreter's is not either: those arrays are of another network, of other weights or inputs, or it was misread"
grep -q "it is wrong" err && fail "a pass is blamed for other weights"

framework net.nn "x, z" --tap=first --output some.npz
expect 0 "$NNCC" verify net.nn --init=1 --against some.npz
says err "some.npz: warning: holds no array for the output \`y\`"
framework net.nn "x, y, z, h" --output more.npz
expect 0 "$NNCC" verify net.nn --init=1 --against more.npz
says err "more.npz: warning: 1 array is named after no input, output or layer of the model: \`h\`"
framework net.nn "x" --output lone.npz
expect 1 "$NNCC" verify net.nn --init=1 --against lone.npz
says err "lone.npz: error: holds no array named after an output or a layer, such as \`y\`"
framework net.nn "y, z" --output blind.npz
expect 1 "$NNCC" verify net.nn --init=1 --against blind.npz
says err "blind.npz: error: holds no array for the input \`x\`, and no --input gives it"
expect 0 "$NNCC" verify net.nn --init=1 --against blind.npz --input x=a.npy
sed -i 's/linear(3)/linear(5)/' net.nn
expect 1 "$NNCC" verify net.nn --init=1 --against ref.npz
says err "ref.npz: error: \`y\` is f32[2, 3], but the model's f32[2, 5]"
expect 1 "$NNCC" verify net.nn --against absent.npz
says err "absent.npz: error: cannot be read: No such file or directory"
expect 2 "$NNCC" verify net.nn --against ref.npz --prune=structured:0.3
says err "--against holds the model itself, not the smaller network of --prune or --factorize"

# Sums of 32 bits lose what the reference's keep: there compiling is to blame.
cat >cancels.nn <<'M'
nn 1
model cancels(x: f32[2, 64]) -> y { y = mean(x, dim=1) }
M
cat >exact.nn <<'M'
nn 1
model exact(a: f32[2, 35]) -> x, y {
  zeros = slice(a, dims=[1], starts=[0], ends=[1]) * 0.0
  x = concat(zeros + 30000000.0, parameter([2, 62], init=1.0) @ones, zeros - 30000000.0, dim=1)
  y = zeros |> flatten(start_dim=0) |> clamp(min=0.96875)
}
M
expect 0 "$NNCC" run exact.nn --input a=a.npy --output exact.npz
expect 1 "$NNCC" verify cancels.nn --against exact.npz
says out "differs"
says err "cancels.nn: error: \`y\` is not as exact.npz has it, the reference interpreter's is: compiling is to blame"
says err "cancels.nn: error: the outputs of the model as it is really compiled differ from the reference"
says err "cancels.nn: error: it is wrong without any optional pass: lowering or code generation is to blame"
finish
