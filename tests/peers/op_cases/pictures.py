"""Pooling, resampling and regions of pictures."""
import math

import numpy as np
import torch
import torchvision
from torch.nn import functional as F

from .case import Case, op


@op
def max_pool2d():
    pool = F.max_pool2d
    for shape, args, expected in [
            ([1, 1, 1, 1], "1", lambda x: pool(x, 1)), ([2, 3, 8, 7], "2", lambda x: pool(x, 2)),
            ([1, 17, 13, 11], "3, stride=2, padding=1", lambda x: pool(x, 3, 2, 1)),
            ([1, 16, 9, 5], "[2, 3], stride=[1, 2], padding=[1, 0]", lambda x: pool(x, (2, 3), (1, 2), (1, 0))),
            ([1, 2, 12, 9], "3, stride=1, dilation=2", lambda x: pool(x, 3, 1, 0, 2)),
            ([1, 3, 8, 10], "3, stride=2, ceil_mode=true", lambda x: pool(x, 3, 2, ceil_mode=True)),
            ([1, 2, 5, 6], "2, stride=2, padding=1, ceil_mode=true", lambda x: pool(x, 2, 2, 1, ceil_mode=True)),
            ([1, 2, 3, 4], "1, stride=3, ceil_mode=true", lambda x: pool(x, 1, 3, ceil_mode=True)),
            ([1, 3, 6, 5], "3, stride=2, padding=[0, 1, 2, 0]", lambda x: pool(F.pad(x, [1, 0, 0, 2], value=-math.inf), 3, 2)),
            ([1, 3, 10, 7], "3, stride=2, padding=\"same\"", lambda x: pool(F.pad(x, [1, 1, 0, 1], value=-math.inf), 3, 2))]:
        yield Case(f"y = max_pool2d(x, {args})", {"x": shape}, expected)
    for shape, args, options in [
            ([2, 3, 7, 9], "2", {}), ([1, 17, 5, 6], "3, stride=2, padding=1, ceil_mode=true", {"stride": 2, "padding": 1, "ceil_mode": True}),
            ([1, 2, 9, 8], "[2, 3], stride=1, padding=1, dilation=[3, 2]",
             {"stride": 1, "padding": 1, "dilation": (3, 2)})]:
        kernel = (2, 3) if args[0] == "[" else int(args[0])
        yield Case(f"y, i = max_pool2d(x, {args}, return_indices=true)", {"x": shape},
                   lambda x: pool(x, kernel, return_indices=True, **options), outputs="y, i")


@op
def max_pool3d():
    pool = F.max_pool3d
    for shape, args, expected in [
            ([1, 1, 1, 1, 1], "1", lambda x: pool(x, 1)), ([2, 3, 4, 5, 6], "2", lambda x: pool(x, 2)),
            ([1, 17, 3, 4, 5], "3, stride=1, padding=1", lambda x: pool(x, 3, 1, 1)),
            ([1, 2, 5, 6, 7], "[2, 3, 2], stride=[1, 2, 3], padding=[0, 1, 1], dilation=[2, 1, 3], ceil_mode=true",
             lambda x: pool(x, (2, 3, 2), (1, 2, 3), (0, 1, 1), (2, 1, 3), ceil_mode=True)),
            ([1, 3, 3, 4, 5], "2, padding=[1, 0, 0, 0, 1, 1]", lambda x: pool(F.pad(x, [0, 1, 0, 1, 1, 0], value=-math.inf), 2))]:
        yield Case(f"y = max_pool3d(x, {args})", {"x": shape}, expected)


def mean_of_valid(x, pad, kernel, stride):
    """Mean over the pixels of each window that belong to the picture."""
    inside = F.pad(torch.ones_like(x), pad)
    return F.avg_pool2d(F.pad(x, pad), kernel, stride) / F.avg_pool2d(inside, kernel, stride)


@op
def avg_pool2d():
    pool = F.avg_pool2d
    for shape, args, expected in [
            ([1, 1, 1, 1], "1", lambda x: pool(x, 1)), ([2, 3, 8, 7], "2", lambda x: pool(x, 2)),
            ([1, 17, 13, 11], "3, stride=2, padding=1", lambda x: pool(x, 3, 2, 1)),
            ([1, 16, 9, 5], "[2, 3], stride=[1, 2], padding=[1, 1]", lambda x: pool(x, (2, 3), (1, 2), (1, 1))),
            ([1, 2, 7, 7], "3, stride=2, padding=1, count_include_pad=false", lambda x: pool(x, 3, 2, 1, count_include_pad=False)),
            ([1, 3, 8, 10], "3, stride=2, ceil_mode=true", lambda x: pool(x, 3, 2, ceil_mode=True)),
            ([1, 2, 6, 8], "3, stride=2, padding=1, ceil_mode=true", lambda x: pool(x, 3, 2, 1, ceil_mode=True)),
            ([1, 2, 6, 9], "3, stride=2, padding=1, ceil_mode=true, count_include_pad=false",
             lambda x: pool(x, 3, 2, 1, ceil_mode=True, count_include_pad=False)),
            ([1, 3, 6, 5], "3, stride=2, padding=[0, 1, 2, 0]", lambda x: pool(F.pad(x, [1, 0, 0, 2]), 3, 2)),
            ([1, 3, 10, 7], "3, stride=2, padding=\"same\", count_include_pad=false", lambda x: mean_of_valid(x, [1, 1, 0, 1], 3, 2))]:
        yield Case(f"y = avg_pool2d(x, {args})", {"x": shape}, expected)
    taps = lambda x: sum(x[:, :, 2 * i:2 * i + 5, 3 * k:3 * k + 5] for i in range(3) for k in range(2)) / 6
    yield Case("y = avg_pool2d(x, [3, 2], stride=1, dilation=[2, 3])", {"x": [1, 5, 9, 8]}, taps)


@op
def avg_pool3d():
    pool = F.avg_pool3d
    for shape, args, expected in [
            ([1, 1, 1, 1, 1], "1", lambda x: pool(x, 1)), ([2, 3, 4, 5, 6], "2", lambda x: pool(x, 2)),
            ([1, 17, 3, 4, 5], "3, stride=1, padding=1, count_include_pad=false",
             lambda x: pool(x, 3, 1, 1, count_include_pad=False)),
            ([1, 2, 5, 6, 7], "[2, 3, 2], stride=[1, 2, 3], padding=[0, 1, 1], ceil_mode=true",
             lambda x: pool(x, (2, 3, 2), (1, 2, 3), (0, 1, 1), ceil_mode=True)),
            ([1, 3, 4, 4, 5], "2, stride=1, dilation=[1, 2, 3]",
             lambda x: (lambda v: sum(v[..., 3 * k:3 * k + 2] for k in range(2)) / 2)(
                 sum(pool(x, (2, 1, 1), 1)[:, :, :, 2 * i:2 * i + 2] for i in range(2)) / 2))]:
        yield Case(f"y = avg_pool3d(x, {args})", {"x": shape}, expected)


@op
def adaptive_avg_pool2d():
    for shape, size in [
            ([1, 1, 1, 1], 1), ([2, 3, 7, 7], 1), ([1, 5, 13, 11], [5, 3]), ([1, 17, 6, 4], [3, 2]), ([1, 2, 3, 5], 7),
            ([1, 16, 8, 8], [1, 8])]:
        yield Case(f"y = adaptive_avg_pool2d(x, {size})", {"x": shape}, lambda x: F.adaptive_avg_pool2d(x, size))


@op
def adaptive_max_pool2d():
    for shape, size in [
            ([1, 1, 1, 1], 1), ([2, 3, 7, 7], 1), ([1, 5, 13, 11], [5, 3]), ([1, 17, 6, 4], [3, 2]), ([1, 2, 3, 5], 7)]:
        yield Case(f"y = adaptive_max_pool2d(x, {size})", {"x": shape}, lambda x: F.adaptive_max_pool2d(x, size))


@op
def global_max_pool():
    for shape in [1, 1, 1, 1], [2, 3, 7, 7], [1, 17, 5, 13], [1, 16, 1, 9], [3, 33, 4, 2]:
        yield Case("y = global_max_pool(x)", {"x": shape}, lambda x: x.amax((2, 3), keepdim=True))


@op
def interpolate():
    """In single precision where PyTorch looks for the nearest pixel by it."""
    methods = [(mode, corners, antialias) for mode in ("bilinear", "bicubic")
               for corners, antialias in ((False, False), (True, False), (False, True))]
    for k, (shape, size, factor) in enumerate([
            ([1, 1, 1, 1], 3, None), ([2, 3, 5, 7], [10, 14], None), ([1, 17, 9, 4], [4, 9], None), ([1, 2, 6, 5], None, 2.0),
            ([1, 3, 7, 10], None, [1.3, 0.35]), ([1, 4, 3, 16], [3, 33], None), ([1, 2, 41, 3], None, 3.0)]):
        args = f", size={size}" if size else f", scale_factor={factor}"
        factor = tuple(factor) if isinstance(factor, list) else factor
        yield Case(f"y = interpolate(x{args})", {"x": shape}, lambda x: F.interpolate(x.float(), size, factor).double())
        for mode, corners, antialias in methods[k % 3::3]:
            args_of = f', mode="{mode}", align_corners={str(corners).lower()}, antialias={str(antialias).lower()}'
            yield Case(f"y = interpolate(x{args}{args_of})", {"x": shape},
                       lambda x: F.interpolate(x, size, factor, mode, corners, antialias=antialias))


@op
def global_avg_pool():
    for shape in [1, 1, 1, 1], [2, 3, 7, 7], [1, 17, 5, 13], [1, 16, 1, 9], [3, 33, 4, 2]:
        yield Case("y = global_avg_pool(x)", {"x": shape}, lambda x: x.mean((2, 3), keepdim=True))


def regions_case(picture, regions, size, args="", scale=1.0, **kwargs):
    """Regions of one to four pixels a part, also beyond the borders. Places of samples are exact in f32."""
    rng = np.random.default_rng(regions)
    parts = rng.choice([1, 2, 4], (regions, 2)) - rng.choice([0, 0.125, 0.25], (regions, 2))
    low = np.round(rng.uniform(-0.3, 0.9, (regions, 2)) * [picture[3], picture[2]] * 8) / 8
    boxes = (np.concatenate([low, low + parts * [size[1], size[0]]], 1) / scale).astype(np.float32)
    index = rng.integers(0, picture[0], regions)
    return Case(f"y = roi_align(x, b, i, {list(size)}{args})", {"x": picture, "b": boxes, "i": index},
                lambda x, b, i: torchvision.ops.roi_align(x, torch.cat([i[:, None].double(), b], 1), size, scale, **kwargs))


def greatest_of_regions(x, b, i):
    """ONNX's `max`, which PyTorch does not have: of the products that linear interpolation adds."""
    y = torch.empty(len(b), x.shape[1], 2, 2, dtype=torch.float64)
    for r, p, q in [(r, p, q) for r in range(len(b)) for p in range(2) for q in range(2)]:
        start, part = b[r, :2], (b[r, 2:] - b[r, :2]).clamp(min=1) / 2
        products = []
        for k, l in [(k, l) for k in range(4) for l in range(4)]:
            v, u = float(start[1] + part[1] * (p + (k + 0.5) / 4)), float(start[0] + part[0] * (q + (l + 0.5) / 4))
            for row, high in (int(v), 1 - v % 1), (int(v) + 1, v % 1):
                for column, wide in (int(u), 1 - u % 1), (int(u) + 1, u % 1):
                    products.append(high * wide * x[i[r], :, row, column])
        y[r, :, p, q] = torch.stack(products).amax(0)
    return y


@op
def roi_align():
    yield regions_case([1, 1, 1, 1], 3, (1, 1))
    yield regions_case([1, 3, 13, 11], 17, (2, 2))
    yield regions_case([2, 3, 17, 23], 7, (3, 5), ", spatial_scale=0.25, aligned=true", 0.25, aligned=True)
    yield regions_case([3, 5, 7, 9], 5, (7, 7), ", sampling_ratio=2", sampling_ratio=2)
    yield regions_case([2, 17, 5, 13], 4, (1, 4), ", 0.5, 4, true", 0.5, sampling_ratio=4, aligned=True)
    inner = np.array([[0.5, 1, 6.25, 3.5], [2, 2, 2.5, 2.25], [0, 0, 7, 4]], np.float32)
    yield Case('y = roi_align(x, b, i, 2, sampling_ratio=4, mode="max")',
               {"x": [2, 5, 6, 9], "b": inner, "i": np.array([1, 0, 1])}, greatest_of_regions)
