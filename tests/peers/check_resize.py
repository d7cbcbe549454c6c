#!/usr/bin/env python3
"""Compares how `nncc run` prepares pictures with Pillow: resize by both filters, up, down and oblong, and centre crop.

    check_resize.py [--nncc build/nncc]

A model that changes nothing shows what the preparation made; every value must lie within one level of 255 of Pillow's.
Needs python3-pil and numpy.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
#        picture     resize to  crop (height, width), or None
CASES = [((97, 61), (31, 31), None), ((64, 48), (64, 48), None), ((33, 70), (112, 91), None),
         ((5, 3), (40, 40), None), ((301, 200), (17, 90), None), ((120, 80), 64, (56, 56)), ((80, 121), 65, (48, 64)), ((40, 50), 96, (96, 96))]


def picture(height, width, seed):
    """Smooth waves, hard edges and noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width][..., None]
    wave = 127 + 120 * np.sin(x / rng.uniform(2, 9, 3) + y / rng.uniform(2, 9, 3))
    edges = 255 * ((x // 7 + y // 5) % 2)
    noise = rng.integers(0, 256, (height, width, 3))
    part = 3 * y // height
    return np.where(part == 0, wave, np.where(part == 1, edges, noise)).clip(0, 255).astype(np.uint8)


def by_pillow(pixels, resize, crop, kind):
    image = Image.fromarray(pixels)
    if isinstance(resize, int):
        shorter = min(image.size)
        resize = tuple(int(resize * side / shorter) for side in reversed(image.size))
    image = image.resize(tuple(reversed(resize)), FILTERS[kind])
    if crop:
        top, left = (round((side - want) / 2) for side, want in zip(resize, crop))
        image = image.crop((left, top, left + crop[1], top + crop[0]))
    return np.asarray(image, np.float32).transpose(2, 0, 1)


def by_nncc(nncc, folder, pixels, resize, crop, kind):
    height, width = crop or resize
    listed = lambda value: value if isinstance(value, int) else list(value)
    meta = f'resize = {listed(resize)}  interpolation = "{kind}"' + (f"  crop = {list(crop)}" if crop else "")
    body = f"  y = image |> max_pool2d(1) |> relu\n  meta {{ {meta} }}\n"
    (folder / "m.nn").write_text(f"nn 1\nmodel show(image: f32[1, 3, {height}, {width}]) -> y {{\n{body}}}\n")
    Image.fromarray(pixels).save(folder / "in.png")
    arguments = [folder / "m.nn", "--input", folder / "in.png", "--output", folder / "out.npz"]
    subprocess.run([nncc, "run", *arguments], check=True, stdout=subprocess.DEVNULL)
    return 255 * np.load(folder / "out.npz")["y"][0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nncc", default=ROOT / "build" / "nncc")
    nncc = parser.parse_args().nncc
    failed = False
    for k, (size, resize, crop) in enumerate(CASES):
        for kind in FILTERS:
            pixels = picture(*size, seed=k)
            with tempfile.TemporaryDirectory() as folder:
                found = by_nncc(nncc, pathlib.Path(folder), pixels, resize, crop, kind)
            expected = by_pillow(pixels, resize, crop, kind)
            error = np.abs(found - expected).max() if found.shape == expected.shape else float("inf")
            print(f"{size} -> {resize} {crop or ''} {kind:9} at most {error:.2f} levels apart")
            failed |= not error <= 1.001
    sys.exit(failed)


if __name__ == "__main__":
    main()
