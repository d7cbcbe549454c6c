#!/usr/bin/env python3
"""Writes pictures/: small PNG and JPEG files, and what Pillow makes of them (decoded, resized), as npz."""
import pathlib

import numpy as np
from PIL import Image

out = pathlib.Path(__file__).resolve().parent / "pictures"
rng = np.random.default_rng(1)
y, x = np.mgrid[0:37, 0:53]
waves = np.stack([127 + 120 * np.sin(x / 3), 127 + 120 * np.cos((x + y) / 5), (x * y) % 256], -1)
rgb = np.clip(waves + rng.normal(0, 20, waves.shape), 0, 255).astype(np.uint8)
picture = Image.fromarray(rgb)

picture.save(out / "rgb.png")
picture.convert("L").save(out / "grey.png")
picture.quantize(16).save(out / "palette.png")
Image.fromarray(np.dstack([rgb, (x * 4 % 256).astype(np.uint8)])).save(out / "alpha.png")
picture.save(out / "rgb.jpg", quality=90)
picture.save(out / "progressive.jpg", quality=60, progressive=True)
picture.convert("L").save(out / "grey.jpg")

golden = {}
for path in sorted(out.glob("*.png")) + sorted(out.glob("*.jpg")):
    image = Image.open(path)
    golden[f"{path.name}/rgb"] = np.asarray(image.convert("RGB"))
golden["rgb.png/grey"] = np.asarray(picture.convert("L"))[..., None]
for name, method in (("bilinear", Image.Resampling.BILINEAR), ("bicubic", Image.Resampling.BICUBIC)):
    for width, height in ((20, 17), (53, 11), (90, 70), (7, 80), (53, 37), (1, 1)):
        golden[f"{name}/{width}x{height}"] = np.asarray(picture.resize((width, height), method))
        golden[f"{name}-grey/{width}x{height}"] = np.asarray(picture.convert("L").resize((width, height), method))[..., None]
np.savez_compressed(out / "pillow.npz", **golden)
