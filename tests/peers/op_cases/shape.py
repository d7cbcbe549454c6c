"""Elements moved and taken by number."""
import numpy as np
import torch
from torch.nn import functional as F

from .case import Case, op


@op
def reshape():
    for shape, to in [
            ([1], [1, 1, 1]), ([2, 3], [3, 2]), ([2, 3, 5], [-1]), ([7, 4], [2, -1, 7]), ([1, 6, 1, 5], [3, 1, 10]),
            ([2, 12], [2, 3, 2, 2])]:
        yield Case(f"y = reshape(x, {to})", {"x": shape}, lambda x: x.reshape(to))
    yield Case("y = reshape(x, [N, 3, -1])", {"x": [2, 6, 5]}, lambda x: x.reshape(2, 3, 10), open_dim=True)


@op
def flatten():
    for shape, args, options in [
            ([2, 3, 4, 5], "", {}), ([1, 1], "", {}), ([3, 5, 7], ", start_dim=0", {}),
            ([2, 3, 4, 5], ", start_dim=1, end_dim=2", {}), ([2, 1, 3, 5], ", start_dim=-2", {}),
            ([7, 2, 2], ", start_dim=0, end_dim=-2", {})]:
        named = dict(a.split("=") for a in args[2:].split(", ") if a)
        yield Case(f"y = flatten(x{args})", {"x": shape},
                   lambda x: x.flatten(int(named.get("start_dim", 1)), int(named.get("end_dim", -1))), open_dim=not args and shape[0] == 2)


@op
def permute():
    for shape, dims in [
            ([3], [0]), ([2, 5], [1, 0]), ([2, 3, 7], [2, 0, 1]), ([1, 16, 3, 5], [0, 2, 3, 1]),
            ([2, 3, 4, 5], [3, 1, 0, 2]), ([2, 3, 2, 3, 2], [0, 2, 4, 1, 3]), ([3, 4, 5], [0, -1, 1])]:
        yield Case(f"y = permute(x, {dims})", {"x": shape}, lambda x: x.permute(dims))


@op
def transpose():
    for shape, a, b in [
            ([1, 1], 0, 1), ([3, 5], 0, 1), ([2, 3, 7], 1, 2), ([2, 3, 4, 5], -1, 1), ([17, 2, 1], 0, 2), ([2, 3], 1, 1)]:
        yield Case(f"y = transpose(x, {a}, {b})", {"x": shape}, lambda x: x.transpose(a, b))


@op
def concat():
    for shapes, dim in [
            ([[1], [1]], 0), ([[2, 3], [2, 5]], 1), ([[2, 3], [4, 3], [1, 3]], 0), ([[1, 3, 5, 5], [1, 16, 5, 5]], 1),
            ([[2, 7, 3], [2, 7, 1]], -1), ([[3, 2]], 0)]:
        inputs = {"abc"[i]: shape for i, shape in enumerate(shapes)}
        yield Case(f"y = concat({', '.join(inputs)}, dim={dim})", inputs, lambda *values: torch.cat(values, dim))
    yield Case("parts = [a] + [b]; y = concat(parts, dim=2)", {"a": [2, 1, 3], "b": [2, 1, 4]}, lambda *values: torch.cat(values, 2))


@op
def split():
    for shape, sizes, dim, outputs in [
            ([2, 6], 3, 1, "a, b"), ([5, 3], [2, 3], 0, "a, b"), ([7], 3, 0, "a, b, c"),
            ([2, 3, 8], [1, 2, 5], -1, "a, b, c"), ([1, 16, 3, 3], 8, 1, "a, b")]:
        args = f"{sizes}" + (f", dim={dim}" if dim else "")
        yield Case(f"{outputs} = split(x, {args})", {"x": shape}, lambda x: x.split(sizes, dim), outputs=outputs)
    yield Case("parts = split(x, 4); y = parts[0]", {"x": [4, 1]}, lambda x: x)


@op
def slice_():
    for shape, text, expected in [
            ([5], "x[1:4]", lambda x: x[1:4]), ([3, 7], "x[:, 2]", lambda x: x[:, 2]),
            ([2, 8, 9], "x[:, 0::2, 1::3]", lambda x: x[:, 0::2, 1::3]), ([4, 5, 6], "x[-1]", lambda x: x[-1]),
            ([2, 3, 17], "x[:, :, -5:-1]", lambda x: x[:, :, -5:-1]), ([6, 2], "x[1:, 1]", lambda x: x[1:, 1]),
            ([3, 3], "x[:100, 1:2]", lambda x: x[:100, 1:2]),
            ([1, 4, 5, 6], "x[0, 1:3, 4, ::2]", lambda x: x[0, 1:3, 4, ::2]),
            ([5, 6, 2], "slice(x, [0, 1], [1, -4], [5, -1])", lambda x: x[1:5, -4:-1]),
            ([9, 3], "slice(x, [0], [1], [8], steps=[3])", lambda x: x[1:8:3])]:
        yield Case(f"y = {text}", {"x": shape}, expected)


@op
def pad():
    for shape, args, options in [
            ([1], ", [1, 2]", {}), ([3, 5], ", [1, 0, 2, 3]", {}), ([2, 3, 4, 5], ", [1, 1]", {}),
            ([1, 2, 3, 7], ", [2, 1, 0, 3], value=-1.5", {"value": -1.5}), ([2, 3, 4], ", [0, 1, 2, 0, 1, 1]", {}),
            ([1, 2, 5, 4], ', [2, 3, 1, 4], mode="reflect"', {"mode": "reflect"}),
            ([2, 3, 7], ', [3, 2], mode="reflect"', {"mode": "reflect"}),
            ([1, 3, 2, 3], ', [4, 1, 0, 3], mode="replicate"', {"mode": "replicate"}),
            ([1, 1, 6], ', [1, 7], mode="replicate"', {"mode": "replicate"})]:
        widths = [int(n) for n in args[args.index("[") + 1:args.index("]")].split(",")]
        yield Case(f"y = pad(x{args})", {"x": shape}, lambda x: F.pad(x, widths, **options))


@op
def squeeze():
    for shape, args, expected in [
            ([1, 3, 1, 5], "", lambda x: x.squeeze()), ([1, 3, 1, 5], ", dim=2", lambda x: x.squeeze(2)), ([1], "", lambda x: x.squeeze()),
            ([2, 1, 1, 7], ", dim=[-2]", lambda x: x.squeeze(2)), ([3, 4], ", dim=0", lambda x: x.squeeze(0)),
            ([1, 2, 1], ", dim=[0, 2]", lambda x: x.squeeze()), ([17, 1], "", lambda x: x.squeeze())]:
        yield Case(f"y = squeeze(x{args})", {"x": shape}, expected)


@op
def unsqueeze():
    for shape, dim in [([3], 0), ([3, 5], -1), ([2, 7], 1), ([1, 2, 3], -4), ([2, 3, 17], 2)]:
        yield Case(f"y = unsqueeze(x, {dim})", {"x": shape}, lambda x: x.unsqueeze(dim))


@op
def expand():
    for shape, size in [
            ([1], [7]), ([3, 1], [3, 5]), ([3, 1], [2, -1, 4]), ([1, 5, 1], [2, 5, 17]), ([4], [3, 2, 4]), ([2, 1, 3], [-1, 33, -1])]:
        yield Case(f"y = expand(x, {size})", {"x": shape}, lambda x: x.expand(size).contiguous())


@op
def stack():
    for shape, n, args, dim in [([1], 2, "", 0), ([3, 5], 3, ", dim=1", 1), ([2, 3, 7], 2, ", dim=-1", -1), ([4, 1], 1, "", 0), ([17], 4, ", dim=1", 1)]:
        inputs = {"abcd"[i]: shape for i in range(n)}
        yield Case(f"y = stack({', '.join(inputs)}{args})", inputs, lambda *values: torch.stack(values, dim))


@op
def chunk():
    for shape, chunks, dim, outputs in [
            ([6], 2, 0, "a, b"), ([7, 3], 3, 0, "a, b, c"), ([2, 8, 3], 4, 1, "a, b, c, d"), ([5, 5], 4, -1, "a, b, c"),
            ([1, 32, 2], 2, 1, "a, b")]:
        args = f"{chunks}" + (f", dim={dim}" if dim else "")
        yield Case(f"{outputs} = chunk(x, {args})", {"x": shape}, lambda x: x.chunk(chunks, dim), outputs=outputs)


@op
def roll():
    for shape, shifts, dims in [
            ([7], [3], [0]), ([3, 5], [-1, 2], [0, 1]), ([2, 7, 7, 3], [-3, -3], [1, 2]), ([1, 17], [40], [-1]), ([4, 3, 2], [1, 1], [2, 0])]:
        yield Case(f"y = roll(x, {shifts}, {dims})", {"x": shape}, lambda x: x.roll(shifts, dims))


@op
def flip():
    for shape, dims in [([7], [0]), ([3, 5], [1]), ([2, 3, 17], [0, 2]), ([1, 16, 5, 4], [-1]), ([2, 3, 4], [0, 1, 2])]:
        yield Case(f"y = flip(x, {dims})", {"x": shape}, lambda x: x.flip(dims))


@op
def pixel_shuffle():
    for shape, factor in [([1, 4, 1, 1], 2), ([2, 8, 3, 5], 2), ([1, 18, 4, 3], 3), ([16, 2, 7], 4), ([2, 3, 4, 2, 5], 2)]:
        yield Case(f"y = pixel_shuffle(x, {factor})", {"x": shape}, lambda x: F.pixel_shuffle(x, factor))


@op
def pixel_unshuffle():
    for shape, factor in [([1, 1, 2, 2], 2), ([2, 3, 4, 6], 2), ([1, 2, 9, 3], 3), ([3, 8, 4], 4), ([2, 3, 1, 2, 10], 2)]:
        yield Case(f"y = pixel_unshuffle(x, {factor})", {"x": shape}, lambda x: F.pixel_unshuffle(x, factor))


@op
def channel_shuffle():
    for shape, groups in [([1, 2, 1, 1], 2), ([2, 6, 3, 5], 3), ([1, 16, 7, 3], 4), ([1, 32, 2, 2], 2), ([3, 10, 4, 1], 5)]:
        yield Case(f"y = channel_shuffle(x, {groups})", {"x": shape}, torch.nn.ChannelShuffle(groups))


@op
def arange():
    """The inputs are there for models have some."""
    for shape, args, expected in [
            ([1], "7", torch.arange(7)), ([2], "1, end=5", torch.arange(1, 5)), ([3], "10, -3, step=-4", torch.arange(10, -3, -4)),
            ([4], "17, dtype=i32", torch.arange(17, dtype=torch.int32)), ([5], "-2, 9, 3, f32", torch.arange(-2, 9, 3).double())]:
        yield Case(f"y = arange({args})", {"x": shape}, lambda x: expected)


def numbers(shape, size):
    return np.random.default_rng(sum(shape) + size).integers(0, size, shape)


@op
def embedding():
    for index, rows, width in [([1], 1, 1), ([5], 7, 16), ([2, 3], 4, 5), ([3, 1, 2], 9, 17), ([7, 7], 13, 3)]:
        yield Case("y = embedding(i, table)", {"i": numbers(index, rows), "table": [rows, width]}, F.embedding)


@op
def index_select():
    for shape, dim, count in [([3], 0, 5), ([4, 17], 0, 3), ([2, 5, 3], 1, 4), ([2, 3, 4, 5], -1, 2), ([1, 16, 3], 1, 20)]:
        yield Case(f"y = index_select(x, i, {dim})", {"x": shape, "i": numbers([count], shape[dim])},
                   lambda x, i: x.index_select(dim, i))


@op
def gather():
    for shape, index, dim in [([3], [5], 0), ([4, 17], [3, 17], 0), ([4, 5], [2, 9], 1), ([2, 3, 4], [2, 3, 1], -1), ([3, 2, 5], [2, 2, 3], 0)]:
        yield Case(f"y = gather(x, i, {dim})", {"x": shape, "i": numbers(index, shape[dim])}, lambda x, i: x.gather(dim, i))


@op
def scatter():
    for shape, index, dim, how in [([3], [5], 0, "sum"), ([4, 17], [3, 17], 0, "prod"), ([4, 5], [2, 9], 1, "amax"),
                                   ([2, 3, 4], [2, 3, 1], -1, "amin"), ([3, 2, 5], [2, 2, 3], 0, "sum")]:
        yield Case(f'y = scatter(x, i, s, {dim}, reduce="{how}")', {"x": shape, "i": numbers(index, shape[dim]), "s": index},
                   lambda x, i, s: x.scatter_reduce(dim, i, s, how))
    each = np.array([[3, 0], [1, 2], [0, 1]])
    yield Case("y = scatter(x, i, s, dim=1)", {"x": [3, 4], "i": each, "s": [3, 2]}, lambda x, i, s: x.scatter(1, i, s))
