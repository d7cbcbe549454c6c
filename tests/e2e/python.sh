#!/bin/sh
# --emit=py: a module that runs the model, and refuses what does not fit.
. "${0%/*}/lib.sh"
cp "$SOURCE/examples/digits/cnn.nn" "$SOURCE/examples/digits/cnn.safetensors" "$SOURCE/examples/digits/digits.txt" .
expect 0 "$NNCC" cnn.nn -o cnn.py
[ -s libcnn.so ] || fail "no library beside the module"
cat >two.nn <<'M'
nn 1
model lambda(from: f32[N<=4, D], mask: u8[N, D]) -> sum, in_, halves: f32[_, N] {
  weights "none.safetensors"
  sum = from + cast(mask, f32)
  in_ = from * 2.0
  h = from[:, 0::2]
  halves = permute(h, [1, 0])
}
M
sed -i '/weights "none/d; s/halves: f32\[_, N\]/halves/' two.nn
mkdir 'odd "name'
expect 0 "$NNCC" two.nn --emit=py,so -o 'odd "name/two.py'
expect 0 "$NNCC" cnn.nn --tap=layer1 -o other.so
cat >test.py <<'P'
import threading
import numpy as np
import cnn, sys
sys.path.insert(0, 'odd "name')
import two

def refused(kind, text, call, *args, **named):
    try: call(*args, **named)
    except kind as e: assert text in str(e), str(e)
    else: raise AssertionError(f"not refused: {text}")

with np.load(sys.argv[1]) as f: pictures, classes = f["pictures"], f["labels"] if "labels" in f else f["classes"]
images = ((pictures.reshape(-1, 1, 28, 28) / 255 - 0.1307) / 0.3081).astype(np.float32)
model = cnn.Model(threads=1)
logits = model(images)
assert logits.shape == (len(images), 10) and logits.dtype == np.float32
assert (logits.argmax(1) == classes).mean() > 0.99
assert model.labels == [str(i) for i in range(10)] and model.meta["mean"] == "[0.1307]", (model.labels, model.meta)
assert np.array_equal(model(image=np.asfortranarray(images[:7])), logits[:7]), "another memory order"
assert np.array_equal(model(images[::2]), logits[::2]), "every second picture"
outs = [None] * 4
def work(i):
    for n in (1, 3, 2): outs[i] = model(images[i:i + n])
threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
for t in threads: t.start()
for t in threads: t.join()
for i, out in enumerate(outs): assert np.array_equal(out, logits[i:i + 2])
refused(TypeError, "`image` is float32[N, 1, 28, 28], but this array is float64[1, 1, 28, 28]", model, images[:1].astype(float))
refused(TypeError, "`image` is", model, images[:1].astype(">f4"))
refused(ValueError, "`image` is float32[N, 1, 28, 28], but this array is float32[1, 1, 28, 27]", model, images[:1, :, :, 1:])
refused(ValueError, "`image` is", model, images[0])
refused(ValueError, "N is 0, not from 1", model, images[:0])
refused(TypeError, "positional", model)
refused(cnn.Error, "another model than this module's", cnn.Model, library="./other.so")
refused(cnn.Error, "weights", cnn.Model, weights="absent.weights")
refused(cnn.Error, "", cnn.Model, isa="no such thing")
refused(OSError, "absent.so", cnn.Model, library="./absent.so")
model.close()
model.close()
refused(cnn.Error, "the model is closed", model, images)
with cnn.Model(weights=sys.argv[2]) as again: assert np.array_equal(again(images), logits), "weights of a file"

x = np.arange(12, dtype=np.float32).reshape(2, 6)
m = np.ones((2, 6), np.uint8)
result = two.Model()(x, mask=m)
assert np.array_equal(result.sum, x + 1) and np.array_equal(result.in_, x * 2)
assert np.array_equal(result.halves, x[:, ::2].T) and result.halves.shape == (3, 2)
assert two.INPUTS == (("from", "float32", ("N", "D")), ("mask", "uint8", ("N", "D"))) and two.DIMS["N"] == (1, 4)
refused(ValueError, "`mask` is uint8[N, D], but this array is uint8[2, 5], N = 2, D = 6", two.Model(), x, m[:, 1:])
refused(ValueError, "N is 5, not from 1 to 4", two.Model(), np.zeros((5, 6), np.float32), np.zeros((5, 6), np.uint8))
two.Model()(from_=x, mask=m)
P
expect 0 "$NNCC" cnn.nn --emit=weights -o cnn.weights
expect 0 "$PYTHON" -W error test.py "$SOURCE/examples/digits/heldout.npz" cnn.weights
expect 0 "$NNCC" run libcnn.so --weights=cnn.weights --input "$SOURCE/examples/digits/pictures/00_is_6.png"
says out "00_is_6.png   6"
expect 1 "$NNCC" run libcnn.so --weights=cnn.safetensors --input "$SOURCE/examples/digits/pictures/00_is_6.png"
says err "cnn: error: cannot be opened: the weights file is absent, cut short, or not this model's"
expect 0 "$PYTHON" cnn.py
says out "logits = model(image)"
says out "image: float32[N, 1, 28, 28]"
expect 0 "$NNCC" cnn.nn --emit=py -o -
says out "class Model:"
expect 1 "$NNCC" cnn.nn -o no/such/cnn.py
ln -s /dev/full full.py
expect 1 "$NNCC" cnn.nn -o full.py
says err "full.py: error: cannot be written"
finish
