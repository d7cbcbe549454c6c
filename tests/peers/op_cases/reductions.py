"""Reductions and order."""
import functools

import numpy as np
import torch

from .case import Case, op, ops


def products(x, dims, keepdim):
    for d in sorted((d % x.dim() for d in dims), reverse=True):
        x = torch.prod(x, d, keepdim)
    return x


@op
def mean():
    for shape, args, options in [
            ([1], "", {}), ([3, 5, 7], "", {}), ([2, 3, 5, 7], ", dim=[2, 3]", {"dim": (2, 3)}),
            ([2, 17], ", dim=1, keepdim=true", {"dim": 1, "keepdim": True}), ([4, 3, 5], ", dim=-2", {"dim": -2}),
            ([2, 13, 3], ", dim=[0, -1], keepdim=true", {"dim": (0, -1), "keepdim": True})]:
        yield Case(f"y = mean(x{args})", {"x": shape}, lambda x: x.mean(**options))


REDUCED = [([7], None), ([3, 5], (1,)), ([2, 3, 17], (0, 2)), ([19, 3], (0,)), ([1, 3, 4, 5], (2, 3)), ([2, 5, 3], (-2,))]


def reduction(name, function, extra="", integers=False):
    """function(x, dims, keepdim): dims as a tuple."""
    for shape, dims in REDUCED:
        args = "" if dims is None else f", dim={list(dims) if len(dims) > 1 else dims[0]}"
        every = dims or tuple(range(len(shape)))
        for dtype in ["f32", "i32", "u8"] if integers else ["f32"]:
            yield Case(f"y = {name}(x{args}{extra})", {"x": (shape, dtype)}, lambda x: function(x, every, False), open_dim=len(shape) == 3)
    yield Case(f"y = {name}(x, dim=1, keepdim=true{extra})", {"x": [3, 4, 17]}, lambda x: function(x, (1,), True))


ops(functools.partial(reduction, integers=True), {"sum": torch.sum, "prod": products, "amax": torch.amax, "amin": torch.amin})


@op
def var():
    yield from reduction("var", lambda x, dims, keepdim: torch.var(x, dims, unbiased=True, keepdim=keepdim))
    yield from reduction("var", lambda x, dims, keepdim: torch.var(x, dims, unbiased=False, keepdim=keepdim), ", correction=0")


@op
def std():
    yield from reduction("std", lambda x, dims, keepdim: torch.std(x, dims, unbiased=True, keepdim=keepdim))
    yield from reduction("std", lambda x, dims, keepdim: torch.std(x, dims, unbiased=False, keepdim=keepdim), ", correction=0")


def extreme(name, function):
    for shape, dim in ([7], 0), ([3, 5], 1), ([2, 3, 17], 0), ([19, 3], -2), ([1, 3, 4, 5], 2):
        yield Case(f"y = {name}(x, dim={dim})", {"x": shape}, lambda x: function(x, dim), open_dim=len(shape) == 3)
        yield Case(f"y = {name}(x, dim={dim}, keepdim=true)", {"x": shape}, lambda x: function(x, dim, True))
    yield Case(f"y = {name}(x)", {"x": [3, 4, 7]}, function)
    yield Case(f"y = {name}(x, dim=0)", {"x": np.array([3, -5, 7, 2, 7, -5], np.int32)}, lambda x: function(x, 0))
    yield Case(f"y = {name}(x, dim=0)", {"x": np.array([3, -5, np.nan, 2, np.nan], np.float32)}, lambda x: function(x, 0))


ops(extreme, {"argmax": torch.argmax, "argmin": torch.argmin})


def top(shape, k, args="", **options):
    return Case(f"y, i = topk(x, {k}{args})", {"x": shape}, lambda x: tuple(torch.topk(x, k, **options)), outputs="y, i")


@op
def topk():
    yield top([1], 1)
    yield top([7], 7)
    yield top([3, 19], 5)
    yield top([2, 5, 17], 3, ", dim=1", dim=1)
    yield top([19, 3], 4, ", dim=0, largest=false", dim=0, largest=False)
    yield top([2, 3, 4, 5], 2, ", dim=-2, sorted=true", dim=-2)
    yield top([5, 37], 5, ", largest=false", largest=False)


@op
def sort():
    for shape, args, options in ([7], "", {}), ([3, 19], ", descending=true", {"descending": True}), ([17, 3], ", dim=0", {"dim": 0}), (
            [2, 5, 3], ", dim=1, descending=true", {"dim": 1, "descending": True}), ([1, 1], "", {}):
        yield Case(f"y, i = sort(x{args})", {"x": shape}, lambda x: tuple(torch.sort(x, **options)), outputs="y, i")
    yield Case("y, i = sort(x)", {"x": np.array([3, 1, 3, -2, 1, 1], np.int64)}, lambda x: tuple(torch.sort(x, stable=True)), outputs="y, i")
