"""main.py: the same from Python, by the modules that `nncc --emit=py` writes. README.md says how to make them."""
import cnn
import numpy as np
import vit

# A 7 and a 0, drawn by formula: 1 is ink.
y, x = np.mgrid[:28, :28]
seven = ((y > 5) & (y < 10) & (x > 4) & (x < 22)) | ((y >= 10) & (y < 24) & (abs(x - 24.5 + y / 2) < 2))
zero = abs(np.hypot((x - 13.5) * 1.3, y - 13.5) - 8) < 2
drawings = np.stack([seven, zero])[:, None]

for model in cnn.Model(), vit.Model():
    mean, std = (float(model.meta[key].strip("[]")) for key in ("mean", "std"))
    logits = model(((drawings - mean) / std).astype(np.float32))
    print(f"{type(model).__module__}:", *(model.labels[i] for i in logits.argmax(1)))
