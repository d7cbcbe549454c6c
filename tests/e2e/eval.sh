#!/bin/sh
# nncc eval: what it counts, beside what is counted otherwise, and what it says of data that do not fit.
. "${0%/*}/lib.sh"
digits=$SOURCE/examples/digits
cnn=$digits/cnn.nn

# figure NAME...: numbers of out, a JSON object, by an expression of Python about it.
figure() { "$PYTHON" -c "import json, sys; e = json.load(open('out')); print($1)"; }
# holds EXPRESSION
holds() { [ "$(figure "$1")" = True ] || fail "not $1: $(head -c 2000 out)"; }

# ---- accuracy, as PyTorch's own logits have it

"$PYTHON" - "$digits" <<'END' || fail "no data"
import os, sys
import numpy as np
held, logits = np.load(f"{sys.argv[1]}/heldout.npz"), np.load(f"{sys.argv[1]}/heldout_logits.npz")
x, y = held["pictures"], held["labels"]
order = np.argsort(-logits["vit"], axis=1, kind="stable")
confusion = np.zeros((10, 10), int)
np.add.at(confusion, (y, order[:, 0]), 1)
print((order[:, 0] == y).mean(), (order[:, :5] == y[:, None]).any(1).mean(), confusion.tolist(), sep="\n", file=open("vit", "w"))
floats = ((x.astype(np.float32) / np.float32(255) - np.float32(0.1307)) / np.float32(0.3081))[:, None]
np.savez("floats.npz", x=floats, y=y.astype(np.int64))
np.savez("planes.npz", images=x[:, None], labels=y.astype(np.uint8))
np.savez("deep.npz", x=x[:, :, :, None], y=y)
np.savez("unlabelled.npz", x=x[:30])
np.save("x.npy", floats[:30])
np.savez("wrong_rows.npz", x=x.astype(np.int32))
np.savez("two_channels.npz", x=np.zeros((3, 28, 28, 2), np.uint8))
np.savez("no_x.npz", z=x)
np.savez("few_labels.npz", x=x, y=y[:10])
np.savez("float_labels.npz", x=x, y=y.astype(np.float32))
np.savez("class_10.npz", x=x[:2], y=np.array([3, 10]))
np.savez("other_size.npz", x=floats[:3, :, :20])
np.savez("empty.npz", x=x[:0], y=y[:0])
END
expect 0 "$NNCC" eval "$digits/vit.nn" --data "$digits/heldout.npz" --json
holds "abs(e['sets'][0]['top1'] - $(sed -n 1p vit)) < 1e-6"
holds "abs(e['sets'][0]['top5'] - $(sed -n 2p vit)) < 1e-6"
holds "e['confusion'] == $(sed -n 3p vit)"
holds "e['samples'] == 1000 and e['classes'] == 10 and 'agreement' not in e['sets'][0] and 'layers' not in e"
holds "all(p['times'] == e['confusion'][int(p['label'])][int(p['taken_for'])] > 0 for p in e['confused'])"
cp out whole
expect 0 "$NNCC" eval "$digits/vit.nn" --data floats.npz --json --threads 3
cmp -s out whole || fail "floats or threads make a difference"
expect 0 "$NNCC" "$digits/vit.nn" -o vit.so
for data in planes.npz deep.npz; do
  expect 0 "$NNCC" eval vit.so --data $data --json --threads 1
  cmp -s out whole || fail "$data makes a difference"
done
expect 0 "$NNCC" eval "$cnn" --data "$digits/heldout.npz" --limit 7 --confusion c.csv
says out "cnn.nn   7 samples   10 classes"
[ "$(head -n 2 c.csv | cut -c 1-30)" = "label,\"0\",\"1\",\"2\",\"3\",\"4\",\"5\",
\"0\",3,0,0,0,0,0,0,0,0,0" ] || fail "the matrix: $(head -n 2 c.csv)"
expect 0 "$NNCC" eval "$cnn" --data "$digits/heldout.npz"
says out "set     top-1    top-5"
says out "clean   99.4%   100.0%"
says out "8       5               2"

# ---- pictures in folders

cp -r "$digits/pictures" flat
for picture in flat/*.png; do echo "${picture##*/} $(echo "${picture##*_}" | cut -c 1)"; done >labels.txt
expect 0 "$NNCC" eval "$cnn" --data flat --labels labels.txt --json
holds "e['sets'] == [{'name': 'clean', 'top1': 1.0, 'top5': 1.0}] and e['confused'] == [] and e['samples'] == 20"
mkdir classes
for picture in flat/*.png; do
  label=$(echo "${picture##*_}" | cut -c 1)
  mkdir -p "classes/$label"
  cp "$picture" "classes/$label"
done
expect 0 "$NNCC" eval "$cnn" --data classes --json
holds "e['sets'][0]['top1'] == 1.0 and e['samples'] == 20"
for label in 0 1 2 3 4 5 6 7 8 9; do mv classes/$label classes/n0$label; done
expect 0 "$NNCC" eval "$cnn" --data classes/ --json # known by their order
holds "e['sets'][0]['top1'] == 1.0 and e['samples'] == 20"
printf '# of ten digits\r\n\n%s\t7 \n' "$(ls flat | head -n 1)" >one.txt
expect 0 "$NNCC" eval "$cnn" --data "flat/$(ls flat | head -n 1)" --labels one.txt --json
holds "e['sets'][0]['top1'] == 0.0 and len(e['confused']) == 1 and e['confused'][0]['label'] == '7'"

# ---- perturbed

expect 0 "$NNCC" eval "$cnn" --data "$digits/heldout.npz" --perturb=all --json
holds "[s['name'].split()[0] for s in e['sets']] == 'clean shift rotation crop mirror scale brightness colour'.split()"
holds "e['sets'][4]['top1'] < 0.6 and min(s['top1'] for s in e['sets'] if s['name'] != 'mirror') > 0.97"
cp out whole
expect 0 "$NNCC" eval "$cnn" --data "$digits/heldout.npz" --perturb=all --json --threads 1
cmp -s out whole || fail "perturbations depend on threads"
expect 0 "$NNCC" eval "$cnn" --data "$digits/heldout.npz" --perturb=shift:0.3,rotation:60
says out "shift 30%"
says out "rotation 60 degrees"
cp out seed1
expect 0 "$NNCC" eval "$cnn" --data "$digits/heldout.npz" --perturb=shift:0.3,rotation:60 --seed 2
cmp -s out seed1 && fail "the seed makes no difference"

expect 0 "$NNCC" eval "$cnn" --data classes --perturb=rotation:60 --repeat 3 --json
holds "e['samples'] == 60 and e['sets'][0]['top1'] == 1.0 and e['sets'][1]['top1'] * 20 % 1 > 0.01" # not by three

# ---- beside the network that it was made of

expect 0 "$NNCC" eval "$digits/vit.nn" --data "$digits/heldout.npz" --prune=structured:0.3 --layers --json --limit 100
holds "0.9 < e['sets'][0]['agreement'] < 1 and 0.01 < e['sets'][0]['error'] < 0.3"
holds "[l['name'] for l in e['layers'] if l['op'] == 'linear'][-1] == 'head'"
holds "all('snr_db' not in l for l in e['layers'] if l['name'] in ('patch_embed.proj', 'pos_embed', 'blocks.0.norm1'))"
holds "all(5 < l['snr_db'] < 40 for l in e['layers'] if l['name'].endswith(('fc2', 'attn.proj')))"
cp out whole
expect 0 "$NNCC" eval "$digits/vit.nn" --data "$digits/heldout.npz" --prune=structured:0.3 --layers --json --limit 100 --threads 1
cmp -s out whole || fail "layers depend on threads"
expect 0 "$NNCC" eval "$cnn" --data "$digits/heldout.npz" --factorize=spatial:0.5 --layers
says out "layer1.conv.horizontal   conv2d"
says out "signal/noise"
expect 0 "$NNCC" eval "$cnn" --data unlabelled.npz --reference "$digits/vit.nn"
says out "set     agreement"
expect 0 "$NNCC" eval "$cnn" --data x.npy --reference "$cnn"
says out "clean      100.0%   0.00%"

# ---- what does not fit

# refused MESSAGE OPTION...: exactly one error.
refused() {
  message=$1
  shift
  expect 1 "$NNCC" eval "$cnn" "$@"
  [ "$(head -n 1 err)" = "$message" ] || fail "not \`$message\` but: $(cat err)"
}
refused "nowhere.npz: error: cannot be read: No such file or directory" --data nowhere.npz
mkdir none
refused "none: error: holds no .png, .jpg or .jpeg, nor folders of them" --data none
mv classes/n09 classes/ten
rm -r classes/n08
refused "classes: error: its folder \`n00\` is no class of the model, and there are 9 folders for 10 classes, so that their order does not say either" --data classes
refused "wrong_rows.npz: error: \`x\` is i32[1000, 28, 28]: neither pictures (u8, [N, H, W], [N, H, W, C] or [N, C, H, W] with 1 or 3 channels) nor rows of floats" --data wrong_rows.npz
refused "two_channels.npz: error: \`x\` is u8[3, 28, 28, 2]: neither pictures (u8, [N, H, W], [N, H, W, C] or [N, C, H, W] with 1 or 3 channels) nor rows of floats" --data two_channels.npz
refused "no_x.npz: error: holds no array \`x\` of pictures or of inputs (and \`y\` of their labels)" --data no_x.npz
refused "few_labels.npz: error: \`y\` must be whole numbers, one for each of the 1000 pictures or inputs" --data few_labels.npz
refused "float_labels.npz: error: \`y\` must be whole numbers, one for each of the 1000 pictures or inputs" --data float_labels.npz
refused "class_10.npz: error: \`y\` has the class 10, which the model does not know" --data class_10.npz
refused "empty.npz: error: there is nothing in it" --data empty.npz
refused "x[0]: error: input \`image\` is f32[N, 1, 28, 28], but this array is [1, 1, 20, 28]" --data other_size.npz --reference "$cnn"
refused "unlabelled.npz: error: nothing says how good the answers are: give --labels=FILE, a folder for each class, or --reference=MODEL" --data unlabelled.npz
refused "floats.npz: error: only pictures can be perturbed, not arrays of floats" --data floats.npz --perturb=mirror
refused "c.csv: error: without labels nothing is confused" --data unlabelled.npz --reference "$cnn" --confusion c.csv
printf 'a.png 3\nb.png ten\nc.png\n' >labels.txt
refused "labels.txt: error: line 2: \`ten\` is no class of the model" --data flat --labels labels.txt
says err "labels.txt: error: line 3: a line is the name of a picture, a space and its label, not \`c.png\`"
printf 'a.png 3\n' >labels.txt
refused "labels.txt: error: has no label for \`$(ls flat | head -n 1)\`" --data flat --labels labels.txt
cp flat/00_is_6.png good.png
head -c 100 good.png >flat/00_is_6.png
refused "flat/00_is_6.png: error: cannot be read: the file is cut short" --data flat --reference "$cnn"
printf 'nn 1\nmodel m(x: f32[N, 4], y: f32[N, 4]) -> z { z = x + y }\n' >two.nn
expect 1 "$NNCC" eval two.nn --data x.npy --reference "$cnn"
says err "m: error: it has 2 inputs; samples are of one"
printf 'nn 1\nmodel m(x: f32[N, 1, 28, 28]) -> z, s { z = x |> flatten |> linear(3) @a; s = relu(z) }\n' >scores.nn
expect 1 "$NNCC" eval scores.nn --init=1 --data x.npy --reference "$cnn"
says err "m: error: eval needs an output of f32 scores, one for each class: the only one, or as long as there are labels"
printf 'nn 1\nmodel m(x: f32[N, 1, 28, 28]) -> z { z = x |> flatten |> linear(3) @a }\n' >three.nn
expect 1 "$NNCC" eval three.nn --init=1 --data x.npy --reference "$cnn"
says err "$cnn: error: it has 10 classes, \`three.nn\` has 3"
printf 'nn 1\nmodel m(x: u8[N, 1, 28, 28]) -> z { z = x |> cast(f32) |> flatten |> linear(10) @a }\n' >bytes.nn
expect 1 "$NNCC" eval bytes.nn --init=1 --data floats.npz
says err "m: error: \`x\` holds floats, but the input \`x\` is of u8"

# misused MESSAGE OPTION...
misused() {
  message=$1
  shift
  expect 2 "$NNCC" eval "$cnn" "$@"
  [ "$(head -n 1 err)" = "nncc eval: $message" ] || fail "not \`$message\` but: $(cat err)"
}
misused "no --data given"
misused "one model at a time, not also \`two.nn\`" two.nn
misused "--layers compares a smaller network with the model's own: it needs the model's source and an option that makes it smaller" --data flat --layers
misused "--perturb takes all, shift[:AMOUNT], rotation[:AMOUNT], crop[:AMOUNT], mirror, scale[:AMOUNT], brightness[:AMOUNT], colour[:AMOUNT], not \`noise\`" --data flat --perturb=shift,noise
misused "--perturb=shift:AMOUNT takes a number above 0, at most 0.5, not \`10%\`" --data flat --perturb=shift:10%
misused "--perturb=rotation:AMOUNT takes a number above 0, at most 180, not \`0\`" --data flat --perturb=rotation:0
misused "--perturb=mirror takes no amount" --data flat --perturb=mirror:1
expect 2 "$NNCC" eval
[ "$(head -n 1 err)" = "nncc eval: no model given" ] || fail "$(cat err)"
finish
