"""Convolutions, matrix products and attention."""
import math

import torch
from torch.nn import functional as F

from .case import Case, op


def conv(shape, channels, kernel, args="", bias=True, groups=1, pad=None, open_dim=False, **options):
    """`pad`: [top, left, bottom, right] applied beforehand, for what PyTorch's own padding cannot say."""
    kh, kw = (kernel, kernel) if isinstance(kernel, int) else kernel
    weights = {"conv.weight": [channels, shape[1] // groups, kh, kw]} | ({"conv.bias": [channels]} if bias else {})

    def expected(x, w, b=None):
        if pad:
            x = F.pad(x, [pad[1], pad[3], pad[0], pad[2]])
        return F.conv2d(x, w, b, groups=groups, **options)

    return Case(f"y = conv2d(x, {channels}, {kernel}{args}) @conv", {"x": shape}, expected, weights, open_dim=open_dim)


@op
def conv2d():
    yield conv([1, 1, 1, 1], 1, 1)
    yield conv([2, 3, 7, 5], 4, 3, open_dim=True)
    yield conv([1, 16, 9, 9], 32, 1, ", bias=false", bias=False)
    yield conv([1, 5, 11, 13], 7, 3, ", padding=1", padding=1)
    yield conv([1, 17, 7, 7], 19, 3, ", padding=1", padding=1)
    yield conv([1, 3, 17, 19], 8, 7, ", stride=2, padding=3", stride=2, padding=3)
    yield conv([1, 4, 8, 13], 6, [3, 5], ", stride=[2, 1], padding=[1, 2]", stride=(2, 1), padding=(1, 2))
    yield conv([1, 2, 7, 6], 3, 3, ", padding=[0, 1, 2, 3]", pad=[0, 1, 2, 3])
    yield conv([1, 3, 10, 9], 5, 3, ", stride=2, padding=\"same\"", stride=2, pad=[0, 1, 1, 1])
    yield conv([1, 3, 8, 7], 4, [2, 4], ", padding=\"same\"", pad=[0, 1, 1, 2])
    yield conv([1, 3, 12, 11], 4, 3, ", padding=2, dilation=2", padding=2, dilation=2)
    yield conv([1, 2, 13, 9], 3, 3, ", stride=3, dilation=[3, 2]", stride=3, dilation=(3, 2))
    yield conv([1, 6, 5, 7], 9, 3, ", padding=1, groups=3", padding=1, groups=3)
    yield conv([1, 16, 6, 6], 32, 1, ", groups=2", groups=2)
    yield conv([1, 19, 9, 7], 19, 3, ", padding=1, groups=19", padding=1, groups=19)
    yield conv([1, 16, 14, 14], 16, 3, ", stride=2, padding=1, groups=16, bias=false", bias=False, stride=2, padding=1, groups=16)
    yield conv([1, 5, 11, 8], 5, 5, ", stride=2, padding=\"same\", groups=5", stride=2, groups=5, pad=[2, 1, 2, 2])
    yield conv([1, 3, 6, 6], 6, 3, ", groups=3", groups=3)
    yield conv([1, 33, 4, 4], 17, 1, ", stride=2", stride=2)
    yield conv([3, 2, 3, 3], 5, 3, ", padding=2", padding=2)


def transposed(shape, channels, kernel, args="", bias=True, open_dim=False, **options):
    kh, kw = (kernel, kernel) if isinstance(kernel, int) else kernel
    weights = {"up.weight": [shape[1], channels // options.get("groups", 1), kh, kw]} | ({"up.bias": [channels]} if bias else {})
    expected = lambda x, w, b=None: F.conv_transpose2d(x, w, b, **options)
    return Case(f"y = conv_transpose2d(x, {channels}, {kernel}{args}) @up", {"x": shape}, expected, weights, open_dim=open_dim)


@op
def conv_transpose2d():
    yield transposed([1, 1, 1, 1], 1, 1)
    yield transposed([2, 3, 7, 5], 4, 2, ", stride=2", stride=2, open_dim=True)
    yield transposed([1, 17, 4, 6], 19, 3, ", stride=2, padding=1, output_padding=1", stride=2, padding=1, output_padding=1)
    yield transposed([1, 5, 3, 4], 7, 4, ", stride=2, padding=1, bias=false", stride=2, padding=1, bias=False)
    yield transposed([1, 6, 5, 4], 9, 3, ", groups=3", groups=3)
    yield transposed([1, 4, 3, 5], 2, [3, 2], ", stride=[3, 1], padding=[2, 0], output_padding=[1, 0], dilation=[1, 3]",
                     stride=(3, 1), padding=(2, 0), output_padding=(1, 0), dilation=(1, 3))
    yield transposed([1, 3, 4, 4], 5, 3, ", 3, 0, 2", stride=3, output_padding=2)
    yield transposed([1, 8, 5, 3], 8, 5, ", stride=2, padding=2, output_padding=[1, 0], groups=8", stride=2, padding=2,
                     output_padding=(1, 0), groups=8)
    yield transposed([1, 2, 4, 7], 3, 1, ", stride=2, padding=1", stride=2, padding=1)


def volume(shape, channels, kernel, args="", bias=True, groups=1, pad=None, open_dim=False, **options):
    """`pad`: [front, top, left, back, bottom, right] applied beforehand, for what PyTorch's own padding cannot say."""
    sides = [kernel] * 3 if isinstance(kernel, int) else kernel
    weights = {"conv.weight": [channels, shape[1] // groups, *sides]} | ({"conv.bias": [channels]} if bias else {})

    def expected(x, w, b=None):
        if pad:
            x = F.pad(x, [pad[2], pad[5], pad[1], pad[4], pad[0], pad[3]])
        return F.conv3d(x, w, b, groups=groups, **options)

    return Case(f"y = conv3d(x, {channels}, {kernel}{args}) @conv", {"x": shape}, expected, weights, open_dim=open_dim)


@op
def conv3d():
    yield volume([1, 1, 1, 1, 1], 1, 1)
    yield volume([2, 3, 4, 5, 3], 4, 3, ", padding=1", padding=1, open_dim=True)
    yield volume([1, 5, 3, 4, 7], 17, [2, 1, 3], ", stride=[1, 2, 3], bias=false", bias=False, stride=(1, 2, 3))
    yield volume([1, 6, 5, 4, 3], 9, 2, ", padding=[1, 0, 2], dilation=[2, 1, 3], groups=3", padding=(1, 0, 2),
                 dilation=(2, 1, 3), groups=3)
    yield volume([1, 2, 3, 3, 4], 3, 2, ", padding=[1, 0, 2, 0, 1, 3]", pad=[1, 0, 2, 0, 1, 3])
    yield volume([1, 7, 2, 5, 3], 7, [1, 3, 2], ", stride=2, padding=[0, 1, 0], groups=7", stride=2, padding=(0, 1, 0), groups=7)


def transposed_volume(shape, channels, kernel, args="", bias=True, open_dim=False, **options):
    sides = [kernel] * 3 if isinstance(kernel, int) else kernel
    weights = {"up.weight": [shape[1], channels // options.get("groups", 1), *sides]} | ({"up.bias": [channels]} if bias else {})
    expected = lambda x, w, b=None: F.conv_transpose3d(x, w, b, **options)
    return Case(f"y = conv_transpose3d(x, {channels}, {kernel}{args}) @up", {"x": shape}, expected, weights, open_dim=open_dim)


@op
def conv_transpose3d():
    yield transposed_volume([1, 1, 1, 1, 1], 1, 1)
    yield transposed_volume([2, 3, 2, 3, 4], 4, 2, ", stride=2", stride=2, open_dim=True)
    yield transposed_volume([1, 5, 3, 2, 3], 7, 3, ", stride=2, padding=1, output_padding=1, bias=false", bias=False, stride=2,
                            padding=1, output_padding=1)
    yield transposed_volume([1, 6, 2, 3, 2], 9, [1, 3, 2], ", groups=3", groups=3)
    yield transposed_volume([1, 4, 2, 2, 3], 2, [3, 2, 1], ", stride=[3, 1, 2], padding=[2, 0, 0], output_padding=[1, 0, 1], "
                            "dilation=[1, 3, 2]", stride=(3, 1, 2), padding=(2, 0, 0), output_padding=(1, 0, 1), dilation=(1, 3, 2))


@op
def patch_embed():
    for shape, dim, patch, bias in [
            ([1, 3, 8, 8], 5, 4, True), ([2, 1, 6, 9], 7, 3, True), ([1, 3, 5, 5], 3, 5, False),
            ([1, 2, 14, 7], 16, 7, True), ([1, 1, 2, 3], 4, 1, True), ([1, 3, 32, 16], 24, 16, True)]:
        weights = {"proj.weight": [dim, shape[1], patch, patch]} | ({"proj.bias": [dim]} if bias else {})
        args = f"dim={dim}, patch={patch}" + ("" if bias else ", bias=false")
        yield Case(f"y = patch_embed(x, {args}) @proj", {"x": shape},
                   lambda x, w, b=None: F.conv2d(x, w, b, stride=patch).flatten(2).transpose(1, 2), weights)


@op
def linear():
    for shape, features, args, bias in [
            ([1, 1], 1, "", True), ([3, 7], 5, "", True), ([2, 5, 17], 33, "", True), ([7], 3, "", True),
            ([1, 64], 10, ", bias=false", False), ([1, 2, 3, 5], 4, "", True), ([13, 31], 16, ", in_features=31", True)]:
        weights = {"fc.weight": [features, shape[-1]]} | ({"fc.bias": [features]} if bias else {})
        yield Case(f"y = linear(x, {features}{args}) @fc", {"x": shape}, F.linear, weights, open_dim=len(shape) == 3)


@op
def matmul():
    for a, b in [
            ([1, 1], [1, 1]), ([3, 5], [5, 7]), ([2, 3, 5], [2, 5, 4]), ([2, 1, 3, 4], [5, 4, 2]), ([7, 17], [3, 17, 1]),
            ([1, 33], [33, 19]), ([2, 3, 1, 5], [1, 3, 5, 11])]:
        yield Case("y = matmul(a, b)", {"a": a, "b": b}, torch.matmul)


def heads_of(x, heads):
    return x.unflatten(-1, (heads, x.shape[-1] // heads)).transpose(-3, -2)


def attend(q, k, v, mask=None, causal=False, scale=None):
    scores = q @ k.transpose(-2, -1) * (scale or q.shape[-1] ** -0.5)
    if causal:
        scores = scores.masked_fill(torch.ones(scores.shape[-2:]).tril() == 0, -math.inf)
    if mask is not None:
        scores = scores + mask
    return scores.softmax(-1) @ v


def self_attention(shape, heads, names="fused", qkv_bias=True, bias=True, mask=None, open_dim=False):
    d = shape[-1]
    qkv = {"fused": ["qkv."], "in_proj": ["in_proj_"], "separate": ["q.", "k.", "v."]}[names]
    rows = 3 * d // len(qkv)
    weights = {f"attn.{p}weight": [rows, d] for p in qkv} | ({f"attn.{p}bias": [rows] for p in qkv} if qkv_bias else {})
    proj = "out_proj" if names == "in_proj" else "proj"
    weights |= {f"attn.{proj}.weight": [d, d]} | ({f"attn.{proj}.bias": [d]} if bias else {})
    args = str(heads) + (", mask=mask" if mask else "") + (f', names="{names}"' if names != "fused" else "")
    args += ("" if qkv_bias else ", qkv_bias=false") + ("" if bias else ", bias=false")

    def expected(x, *tensors):
        added, tensors = (tensors[0], tensors[1:]) if mask else (None, tensors)
        named = dict(zip(weights, tensors))
        w = torch.cat([named[f"attn.{p}weight"] for p in qkv])
        b = torch.cat([named[f"attn.{p}bias"] for p in qkv]) if qkv_bias else None
        q, k, v = (heads_of(t, heads) for t in F.linear(x, w, b).chunk(3, -1))
        y = attend(q, k, v, added).transpose(-3, -2).flatten(-2)
        return F.linear(y, named[f"attn.{proj}.weight"], named.get(f"attn.{proj}.bias"))

    inputs = {"x": shape} | ({"mask": mask} if mask else {})
    return Case(f"y = attention(x, {args}) @attn", inputs, expected, weights, open_dim=open_dim)


@op
def attention():
    yield self_attention([1, 1, 4], 1)
    yield self_attention([2, 5, 6], 2, open_dim=True)
    yield self_attention([1, 17, 32], 2)
    yield self_attention([1, 7, 15], 3, names="in_proj")
    yield self_attention([2, 3, 8], 4, names="separate")
    yield self_attention([1, 4, 10], 2, qkv_bias=False)
    yield self_attention([1, 6, 9], 3, names="separate", qkv_bias=False, bias=False)
    yield self_attention([2, 5, 12], 2, mask=[5, 5])
    yield self_attention([2, 3, 4, 6], 2, mask=[3, 1, 4, 4])
    yield self_attention([1, 13, 21], 1, bias=False)


@op
def scaled_dot_product_attention():
    for q, k, v in [
            ([1, 1, 1], [1, 1, 1], [1, 1, 1]), ([2, 3, 5, 7], [2, 3, 5, 7], [2, 3, 5, 7]),
            ([1, 5, 8], [1, 11, 8], [1, 11, 3]), ([17, 16], [17, 16], [17, 16])]:
        yield Case("y = scaled_dot_product_attention(q, k, v)", {"q": q, "k": k, "v": v}, attend)
    yield Case("y = scaled_dot_product_attention(q, k, v, mask=mask)",
               {"q": [2, 3, 4, 5], "k": [2, 3, 6, 5], "v": [2, 3, 6, 5], "mask": [3, 4, 6]}, attend)
    yield Case("y = scaled_dot_product_attention(q, k, v, mask=mask, scale=0.5)",
               {"q": [3, 7, 2], "k": [3, 7, 2], "v": [3, 7, 2], "mask": [7]},
               lambda q, k, v, mask: attend(q, k, v, mask, scale=0.5))
    for q, kv in [([1, 2, 7, 3], [1, 2, 7, 3]), ([2, 3, 4], [2, 5, 4])]:
        yield Case("y = scaled_dot_product_attention(q, k, v, is_causal=true)", {"q": q, "k": kv, "v": kv},
                   lambda q, k, v: attend(q, k, v, causal=True))
