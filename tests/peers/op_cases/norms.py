"""Normalization and softmax."""
import numpy as np
import torch
from torch.nn import functional as F

from .case import Case, op


@op
def batch_norm():
    for shape, args, eps, affine in [
            ([1, 1, 1, 1], "", 1e-5, True), ([2, 3, 5, 7], "(eps=0.001)", 1e-3, True),
            ([1, 17, 4, 3], "(momentum=0.01)", 1e-5, True), ([3, 7], "", 1e-5, True), ([2, 5, 11], "(eps=0.1)", 0.1, True),
            ([1, 16, 2, 13], "(affine=false)", 1e-5, False)]:
        names = (["weight", "bias"] if affine else []) + ["running_mean", "running_var"]

        def expected(x, *w):
            w = dict(zip(names, w))
            return F.batch_norm(x, w["running_mean"], w["running_var"], w.get("weight"), w.get("bias"), eps=eps)

        yield Case(f"y = x |> batch_norm{args} @bn", {"x": shape}, expected, {f"bn.{name}": [shape[1]] for name in names})


@op
def layer_norm():
    for shape, args, eps, affine in [
            ([1, 1], "", 1e-5, True), ([2, 5, 7], "(eps=1e-6)", 1e-6, True), ([3, 33], "", 1e-5, True),
            ([2, 3, 2, 16], "(eps=0.5)", 0.5, True), ([1, 4, 19], "(affine=false)", 1e-5, False), ([64], "", 1e-5, True)]:
        weights = {"n.weight": [shape[-1]], "n.bias": [shape[-1]]} if affine else {}
        yield Case(f"y = x |> layer_norm{args} @n", {"x": shape}, lambda x, *w: F.layer_norm(x, x.shape[-1:], *w, eps=eps),
                   weights, open_dim=len(shape) == 3)


@op
def normalize():
    along = lambda values, x: torch.tensor(values, dtype=torch.float64).reshape([1, -1] + [1] * (x.dim() - 2))
    for shape, mean, std, scale in [
            ([1, 1, 1, 1], [0.1307], [0.3081], 1), ([2, 3, 5, 7], [0.485, 0.456, 0.406], [0.229, 0.224, 0.225], 255),
            ([1, 2, 13], [0.5, -1.0], [2.0, 0.25], 1), ([3, 4], [0.0, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0], 2.5),
            ([1, 3, 17, 2], [0.5], [0.5], 1)]:
        args = f"{mean}, {std}" + (f", scale={scale}" if scale != 1 else "")
        yield Case(f"y = normalize(x, {args})", {"x": shape}, lambda x: (x / scale - along(mean, x)) / along(std, x))


@op
def softmax():
    for shape, dim in [([1], 0), ([3, 7], 1), ([2, 5, 17], -1), ([2, 3, 4, 5], 1), ([5, 1, 3], 0), ([1, 33], -1)]:
        yield Case(f"y = softmax(x, dim={dim})", {"x": shape}, lambda x: x.softmax(dim))
    spread = np.array([[-1e4, 0, 1e4], [80, 81, 82], [-3e38, -1, 3e38]], np.float32)
    yield Case("y = softmax(x, dim=1)", {"x": spread}, lambda x: x.softmax(1))


@op
def log_softmax():
    yield Case("y = log_softmax(x, dim=1)", {"x": [1, 1]}, lambda x: torch.log_softmax(x, 1))
    for shape, dim in ([3, 7], 1), ([2, 5, 17], 1), ([2, 5, 17], -1), ([19, 3], 0), ([2, 3, 4, 5], 2):
        yield Case(f"y = log_softmax(20.0 * x, dim={dim})", {"x": shape}, lambda x: torch.log_softmax(20 * x, dim), open_dim=len(shape) == 3)


@op
def group_norm():
    for shape, groups in ([1, 1, 1, 3], 1), ([2, 6, 5, 7], 3), ([2, 32, 3, 3], 2), ([1, 40, 4, 5], 5), ([3, 19, 7], 1), ([2, 24, 2], 24), ([5, 12], 4):
        yield Case(f"y = group_norm(x, {groups}) @norm", {"x": shape}, lambda x, w, b: F.group_norm(x, groups, w, b),
                   {"norm.weight": [shape[1]], "norm.bias": [shape[1]]}, open_dim=len(shape) == 3)
    yield Case("y = group_norm(x, 3, eps=0.1, affine=false)", {"x": [2, 9, 3, 5]}, lambda x: F.group_norm(x, 3, eps=0.1))


@op
def instance_norm():
    for shape in [1, 1, 3], [2, 6, 5, 7], [2, 17, 3, 3], [1, 40, 4], [2, 3, 2, 3, 2]:
        yield Case("y = instance_norm(x)", {"x": shape}, F.instance_norm, open_dim=len(shape) == 3)
    yield Case("y = instance_norm(x, eps=0.1, affine=true) @norm", {"x": [2, 9, 3, 5]}, lambda x, w, b: F.instance_norm(x, weight=w, bias=b, eps=0.1),
               {"norm.weight": [9], "norm.bias": [9]})


@op
def local_response_norm():
    for shape, size in ([1, 1, 3], 5), ([2, 7, 3, 5], 5), ([2, 17, 3, 3], 2), ([1, 40, 4], 3), ([2, 3, 2, 9], 1):
        yield Case(f"y = local_response_norm(x, {size})", {"x": shape}, lambda x: F.local_response_norm(x, size), open_dim=len(shape) == 3)
    yield Case("y = local_response_norm(x, 4, alpha=2.0, beta=1.3, k=0.5)", {"x": [2, 9, 5, 7]}, lambda x: F.local_response_norm(x, 4, 2.0, 1.3, 0.5))
