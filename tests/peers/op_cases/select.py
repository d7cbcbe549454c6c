"""Results whose length the data decides."""
import math

import numpy as np
import torch
import torchvision

from .case import Case, op


def nms_case(pictures, classes, boxes, most, args="", iou=0.5, least=-math.inf, center=False):
    def expected(b, s):
        if center:
            b = torch.cat([b[..., :2] - b[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2], -1)
        rows = []
        for n in range(pictures):
            for c in range(classes):
                counted = torch.nonzero(s[n, c] > least)[:, 0]
                kept = counted[torchvision.ops.nms(b[n][counted], s[n, c][counted], iou)][:most]
                rows += [[n, c, int(k)] for k in kept]
        return torch.tensor(rows, dtype=torch.int64).reshape(-1, 3)

    rng = np.random.default_rng(boxes)
    first = rng.uniform(0, 1, (pictures, boxes, 2)).astype(np.float32)
    second = (first if not center else 0) + rng.uniform(0.1, 0.6, (pictures, boxes, 2)).astype(np.float32)
    corners = np.concatenate([first, second], 2).astype(np.float32)
    return Case(f"y = nms(b, s, {most}{args})", {"b": corners, "s": [pictures, classes, boxes]}, expected)


@op
def nms():
    yield nms_case(1, 1, 1, 1)
    yield nms_case(1, 1, 37, 20)
    yield nms_case(2, 3, 19, 4, ", iou_threshold=0.2", iou=0.2)
    yield nms_case(3, 2, 17, 5, ", 0.3, score_threshold=0.25", iou=0.3, least=0.25)
    yield nms_case(1, 5, 53, 53, ", center=true", center=True)
    yield nms_case(1, 2, 7, 3, ", score_threshold=100.0", least=100)


@op
def nonzero():
    for shape in [1], [7], [3, 19], [2, 3, 5], [2, 1, 3, 4]:
        yield Case("y = nonzero(x > 0.5)", {"x": shape}, lambda x: torch.nonzero(x > 0.5))
    yield Case("y = nonzero(x)", {"x": ([41], "i32")}, torch.nonzero)


@op
def compress():
    for shape, size, dim in ([5], 5, 0), ([3, 19], 3, 0), ([3, 19], 19, 1), ([2, 5, 7], 5, 1), ([4, 17], 11, -1):
        yield Case(f"y = compress(x, c > 0, dim={dim})", {"x": shape, "c": [size]},
                   lambda x, c, dim=dim: x.index_select(dim, torch.nonzero(c > 0)[:, 0]))


@op
def unique():
    def expected(dim, in_order):
        def values(x):
            y, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True, dim=dim)
            inverse = inverse.flatten()
            first = torch.tensor([int(torch.nonzero(inverse == k)[0, 0]) for k in range(len(counts))])
            if not in_order:
                order = torch.argsort(first)
                place = torch.argsort(order)
                y, first, counts, inverse = y.index_select(dim or 0, order), first[order], counts[order], place[inverse]
            return y, first, inverse, counts
        return values

    for shape, args, dim, in_order in (([7], "", None, True), ([3, 19], "", None, True), ([5, 9], ", sorted=false", None, False),
                                       ([11, 1], ", dim=0", 0, True), ([1, 13], ", sorted=false, dim=1", 1, False),
                                       ([2, 1, 3], ", dim=[-1]", 2, True)):
        yield Case(f"v, i, n, c = unique(x{args})", {"x": (shape, "i32")}, expected(dim, in_order), outputs="v, i, n, c")
