"""Tokens, parameters and constants."""
import torch
from torch.nn import functional as F

from .case import Case, op


@op
def class_token():
    for shape in [1, 1, 1], [2, 4, 3], [1, 49, 16], [3, 7, 17], [1, 2, 33]:
        yield Case("y = class_token(x) @cls_token", {"x": shape}, lambda x, w: torch.cat([w.expand(len(x), -1, -1), x], 1),
                   {"cls_token": [1, 1, shape[2]]}, open_dim=shape[0] == 2)


@op
def position_embedding():
    for shape in [1, 1, 1], [2, 5, 3], [1, 50, 16], [3, 7, 17], [1, 2, 33]:
        yield Case("y = position_embedding(x) @pos_embed", {"x": shape}, torch.add, {"pos_embed": [1, *shape[1:]]},
                   open_dim=shape[0] == 2)


    for old, new, prefix, width, args in [
            ((4, 4), (6, 6), 1, 5, "old_size=4"), ((7, 7), (5, 5), 0, 16, "old_size=[7, 7], num_prefix_tokens=0"),
            ((3, 5), (4, 2), 2, 3, "old_size=[3, 5], new_size=[4, 2], num_prefix_tokens=2"), ((2, 2), (2, 2), 1, 17, "old_size=2")]:

        def resampled(x, w):
            """As timm's resample_abs_pos_embed."""
            grid = w[:, prefix:].reshape(1, *old, -1).permute(0, 3, 1, 2)
            grid = F.interpolate(grid, size=new, mode="bicubic", antialias=True)
            return x + torch.cat([w[:, :prefix], grid.permute(0, 2, 3, 1).flatten(1, 2)], 1)

        yield Case(f"y = position_embedding(x, {args}) @pos_embed", {"x": [2, prefix + new[0] * new[1], width]}, resampled,
                   {"pos_embed": [1, prefix + old[0] * old[1], width]})


@op
def token():
    for shape, index in [([1, 1, 1], 0), ([2, 5, 3], 0), ([1, 50, 16], 49), ([3, 7, 17], 2), ([2, 4, 33], -1)]:
        yield Case(f"y = token(x, {index})", {"x": shape}, lambda x: x[:, index])


@op
def parameter():
    for shape, weight in [([1], [1]), ([3, 5], [5]), ([2, 3, 7], [3, 1]), ([1, 16, 2, 2], [16, 1, 1]), ([2, 17], [2, 17])]:
        yield Case(f"y = x * parameter({weight}) @scale", {"x": shape}, torch.mul, {"scale": weight})


@op
def constant():
    for shape, values, to in [
            ([1], [2.0], []), ([3, 2], [0.5, -1.5], []), ([2, 3, 5], [1.0, 2.0, -3.0], [3, 1]),
            ([2, 2], [1.0, 2.0, 3.0, 4.0], [2, 2]), ([7], [0.25] * 7, [])]:
        y = f"c = constant({values})" + (f" |> reshape({to})" if to else "") + "; y = x + c"
        yield Case(y, {"x": shape}, lambda x: x + torch.tensor(values, dtype=torch.float64).reshape(to or [-1]))
