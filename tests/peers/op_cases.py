"""The cases behind the golden arrays of every op: the model's text, its arrays, and PyTorch's answer.

A function of this file is one op. It yields Case objects; the expected values follow from torch in double precision.
Shapes are small and odd on purpose: ones, primes, and sizes just beyond a vector.
"""
import collections
import math
import zlib

import numpy as np
import torch
import torchvision
from torch.nn import functional as F

OPS = {}
TYPES = {"float32": "f32", "int64": "i64", "int32": "i32", "uint8": "u8", "bool": "bool", "int8": "i8"}


class Case:
    """One model of one or more statements. `inputs` and `weights` are made here, from a seed that the case's text fixes."""

    def __init__(self, body, inputs, expected, weights=None, outputs="y", open_dim=False):
        self.rng = np.random.default_rng(zlib.crc32(repr((body, inputs, weights)).encode()))
        self.inputs = {name: self.array(spec) for name, spec in inputs.items()}
        self.weights = {name: self.weight(name, spec) for name, spec in (weights or {}).items()}
        self.outputs = outputs.split(", ")
        declared = ", ".join(f"{n}: {TYPES[str(a.dtype)]}[{self.shape(a, open_dim)}]" for n, a in self.inputs.items())
        statements = "".join(f"  {s.strip()}\n" for s in body.split(";"))
        self.text = f"nn 1\nmodel golden({declared}) -> {outputs} {{\n{statements}}}\n"
        tensors = [self.exact(a) for a in (*self.inputs.values(), *self.weights.values())]
        values = expected(*tensors)
        self.expected = [self.rounded(v) for v in (values if isinstance(values, (list, tuple)) else [values])]
        assert len(self.expected) == len(self.outputs), self.text

    def array(self, spec):
        """A shape, or a shape and a type, or a ready array."""
        if isinstance(spec, np.ndarray):
            return spec
        shape, dtype = spec if isinstance(spec, tuple) else (spec, "f32")
        if dtype == "f32":
            return self.rng.standard_normal(shape).astype(np.float32)
        least = 0 if dtype == "u8" else -9
        return self.rng.integers(least, 9, shape, endpoint=True).astype({"u8": np.uint8, "i32": np.int32, "i64": np.int64}[dtype])

    def weight(self, name, shape):
        if name.endswith("running_var"):
            return self.rng.uniform(0.3, 2, shape).astype(np.float32)
        return (self.rng.standard_normal(shape) / max(1, math.prod(shape[1:])) ** 0.5).astype(np.float32)

    def shape(self, array, open_dim):
        dims = [str(d) for d in array.shape]
        return ", ".join(["N", *dims[1:]] if open_dim else dims)

    def exact(self, array):
        t = torch.from_numpy(array)
        return t.double() if t.is_floating_point() else t

    def rounded(self, t):
        return t.float().numpy() if t.is_floating_point() else t.numpy()

    def arrays(self):
        named = {"nn": np.frombuffer(self.text.encode(), np.uint8)}
        named |= {f"in.{name}": a for name, a in self.inputs.items()}
        named |= {f"w.{name}": a for name, a in self.weights.items()}
        return named | {f"out.{name}": a for name, a in zip(self.outputs, self.expected)}


def op(function):
    OPS[function.__name__.rstrip("_")] = function
    return function


def build():
    return collections.OrderedDict((name, list(function())) for name, function in OPS.items())


# ---- convolution -------------------------------------------------------------------------------------------------------
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


# ---- matrix products ---------------------------------------------------------------------------------------------------
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


# ---- attention ---------------------------------------------------------------------------------------------------------
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


# ---- recurrent layers --------------------------------------------------------------------------------------------------
GATES = {"lstm": 4, "gru": 3, "rnn": 1}
FUNCTIONS = {"sigmoid": lambda v, a, b: torch.sigmoid(v), "tanh": lambda v, a, b: torch.tanh(v),
             "relu": lambda v, a, b: torch.relu(v), "leaky_relu": lambda v, a, b: F.leaky_relu(v, a),
             "hard_sigmoid": lambda v, a, b: torch.clamp(a * v + b, 0, 1), "affine": lambda v, a, b: a * v + b}
NUMBERS = {"hard_sigmoid": (0.2, 0.5), "leaky_relu": (0.01, 0.0)}


def one_step(op, x, h, c, w, r, b, d, functions, clip=math.inf, coupled=False, reset_after=True, peepholes=None):
    """What PyTorch's cells compute, with what ONNX has beside; samples in rows."""
    def apply(k, v, bound=True):
        name, alpha, beta = functions[k]
        return FUNCTIONS[name](torch.clamp(v, -clip, clip) if bound else v, alpha, beta)

    wx, rh = (x @ w.T + b).chunk(GATES[op], 1), (h @ r.T + d).chunk(GATES[op], 1)
    if op == "rnn":
        return apply(0, wx[0] + rh[0]), c
    if op == "gru":
        reset, z = apply(0, wx[0] + rh[0]), apply(0, wx[1] + rh[1])
        size = h.shape[1]
        inner = reset * rh[2] if reset_after else (reset * h) @ r[2 * size:].T + d[2 * size:]
        return z * h + (1 - z) * apply(1, wx[2] + inner), c
    pi, po, pf = peepholes.chunk(3) if peepholes is not None else (0, 0, 0)
    i = apply(0, wx[0] + rh[0] + pi * c)
    f = 1 - i if coupled else apply(0, wx[1] + rh[1] + pf * c)
    c = f * c + i * apply(1, wx[2] + rh[2])
    return apply(0, wx[3] + rh[3] + po * c) * apply(2, c, False), c


def written_out(op, x, weights, functions, reverse=False, peepholes=None, **options):
    """y of [T, N, features]; `weights`: four for each direction."""
    functions = [f if isinstance(f, tuple) else (f, *NUMBERS.get(f, (1.0, 0.0))) for f in functions]
    ys = []
    for k in range(0, len(weights), 4):
        size = weights[k + 1].shape[1]
        h = c = torch.zeros(x.shape[1], size, dtype=x.dtype)
        steps = list(range(x.shape[0]))
        y = [None] * len(steps)
        p = peepholes[k // 4] if peepholes is not None else None
        for t in reversed(steps) if reverse or k else steps:
            h, c = one_step(op, x[t], h, c, *weights[k:k + 4], functions, peepholes=p, **options)
            y[t] = h
        ys.append(torch.stack(y))
    return torch.cat(ys, 2)


def layer_weights(op, features, size, directions=1, bias=True, layer=0):
    rows = GATES[op] * size
    shapes = {"weight_ih": [rows, features], "weight_hh": [rows, size]} | ({"bias_ih": [rows], "bias_hh": [rows]} if bias else {})
    return {f"r.{name}_l{layer}{end}": shape for end in ["", "_reverse"][:directions] for name, shape in shapes.items()}


def by_torch(op, shape, size, bidirectional=False, bias=True, batch_first=False, states=False, lengths=None, nonlinearity=None,
             open_dim=False, layer=0):
    """A layer of torch.nn."""
    directions, features = 1 + bidirectional, shape[2]
    weights = layer_weights(op, features, size, directions, bias, layer)
    inputs, args = {"x": shape}, [str(size)]
    batch = shape[0 if batch_first else 1]
    given = {"lstm": ["h0", "c0"], "gru": ["h0"], "rnn": ["h0"]}[op] if states else []
    for name in given:
        inputs[name] = [directions, batch, size]
        args.append(f"{name}={name}")
    if lengths:
        inputs["n"] = np.array(lengths, np.int64)
        args.append("lengths=n")
    for name, value in [("bias", bias), ("batch_first", batch_first), ("bidirectional", bidirectional), ("return_state", states)]:
        if value != (name == "bias"):
            args.append(f"{name}={str(value).lower()}")
    if nonlinearity:
        args.append(f'nonlinearity="{nonlinearity}"')
    if layer:
        args.append(f"layer={layer}")

    def expected(x, *rest):
        more = {"nonlinearity": nonlinearity} if nonlinearity else {}
        module = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[op](
            features, size, bias=bias, batch_first=batch_first, bidirectional=bidirectional, **more).double()
        module.load_state_dict({name[2:].replace(f"_l{layer}", "_l0"): w for name, w in zip(weights, rest[len(inputs) - 1:])})
        start = rest[:2] if op == "lstm" and states else rest[0] if states else None
        if lengths:
            pack = torch.nn.utils.rnn.pack_padded_sequence
            x = pack(x, torch.tensor(lengths), batch_first=batch_first, enforce_sorted=False)
        with torch.no_grad():
            y, last = module(x, start)
        if lengths:
            y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=batch_first, total_length=shape[1 if batch_first else 0])
        return [y, *(last if op == "lstm" else [last])] if states else y

    outputs = ["y", "h", "c"][:1 + len(given)]
    return Case(f"{', '.join(outputs)} = {op}(x, {', '.join(args)}) @r", inputs, expected, weights, ", ".join(outputs), open_dim)


def by_hand(op, shape, size, args, functions, directions=1, **options):
    weights = layer_weights(op, shape[2], size, directions)
    if args == "peepholes=p":
        return Case(f"y = {op}(x, {size}, peepholes=p) @r", {"x": shape, "p": [directions, 3 * size]},
                    lambda x, p, *w: written_out(op, x, w, functions, peepholes=p), weights)
    if directions == 2:
        args += ", bidirectional=true"
    return Case(f"y = {op}(x, {size}, {args}) @r", {"x": shape},
                lambda x, *w: written_out(op, x, w, functions, **options), weights)


@op
def lstm():
    yield by_torch("lstm", [1, 1, 1], 1)
    yield by_torch("lstm", [7, 2, 5], 17)
    yield by_torch("lstm", [3, 5, 4], 16, bidirectional=True, open_dim=True)
    yield by_torch("lstm", [2, 5, 3], 7, bias=False, batch_first=True, layer=2)
    yield by_torch("lstm", [4, 17, 3], 6, bidirectional=True, states=True)
    yield by_torch("lstm", [3, 4, 2], 5, states=True, batch_first=True)
    yield by_torch("lstm", [5, 3, 2], 5, bidirectional=True, lengths=[5, 1, 3])
    names = ["sigmoid", "tanh", "tanh"]
    yield by_hand("lstm", [5, 3, 4], 6, "peepholes=p", names)
    yield by_hand("lstm", [5, 3, 4], 6, "coupled=true, clip=0.5", names, 2, coupled=True, clip=0.5)
    yield by_hand("lstm", [5, 2, 4], 3, 'gate="hard_sigmoid", candidate="relu", output="leaky_relu", reverse=true',
                  ["hard_sigmoid", "relu", "leaky_relu"], reverse=True)
    yield by_hand("lstm", [4, 2, 3], 5, 'gate="hard_sigmoid", output="affine", alpha=[0.25, 1.0, 0.5], beta=[0.375, 0.0, 0.125]',
                  [("hard_sigmoid", 0.25, 0.375), "tanh", ("affine", 0.5, 0.125)])


@op
def gru():
    yield by_torch("gru", [1, 1, 1], 1)
    yield by_torch("gru", [7, 2, 5], 17)
    yield by_torch("gru", [3, 5, 4], 16, bidirectional=True, open_dim=True)
    yield by_torch("gru", [2, 5, 3], 7, bias=False, batch_first=True, layer=1)
    yield by_torch("gru", [4, 17, 3], 6, bidirectional=True, states=True)
    yield by_torch("gru", [3, 5, 2], 5, batch_first=True, lengths=[5, 1, 3])
    names = ["sigmoid", "tanh"]
    yield by_hand("gru", [5, 3, 4], 17, "reset_after=false", names, 2, reset_after=False)
    yield by_hand("gru", [5, 3, 4], 6, "clip=0.25, reverse=true", names, clip=0.25, reverse=True)
    yield by_hand("gru", [5, 2, 4], 3, 'gate="hard_sigmoid", candidate="relu", alpha=[0.5, 1.0], beta=[0.25, 0.0]',
                  [("hard_sigmoid", 0.5, 0.25), "relu"])


@op
def rnn():
    yield by_torch("rnn", [1, 1, 1], 1)
    yield by_torch("rnn", [7, 2, 5], 17)
    yield by_torch("rnn", [3, 5, 4], 16, bidirectional=True, nonlinearity="relu", open_dim=True)
    yield by_torch("rnn", [2, 5, 3], 7, bias=False, batch_first=True, layer=1)
    yield by_torch("rnn", [4, 17, 3], 6, bidirectional=True, states=True)
    yield by_torch("rnn", [5, 3, 2], 5, lengths=[5, 1, 3])
    yield by_hand("rnn", [4, 2, 3], 5, 'nonlinearity="affine", alpha=[0.5], beta=[0.25], clip=0.75, reverse=true',
                  [("affine", 0.5, 0.25)], clip=0.75, reverse=True)


# ---- pooling -----------------------------------------------------------------------------------------------------------
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


# ---- normalization -----------------------------------------------------------------------------------------------------
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


# ---- elementwise -------------------------------------------------------------------------------------------------------
EDGES = np.array([0.0, -0.0, 1e-30, -1e-30, 1e-4, -1e-4, 0.5, -0.5, 3, -3, 5.999, 6, 6.001, 9, -9, 20, -20, 87, -87, 100, -100,
                  1e30, -1e30], np.float32)


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


def unary(text, function):
    for shape in [1], [7], [3, 5], [2, 3, 17], [1, 2, 3, 4, 5]:
        yield Case(f"y = {text}", {"x": shape}, function, open_dim=len(shape) == 3)
    yield Case(f"y = {text}", {"x": EDGES}, function)


@op
def relu():
    yield from unary("relu(x)", F.relu)


@op
def relu6():
    yield from unary("relu6(8.0 * x)", lambda x: F.relu6(8 * x))


@op
def gelu():
    yield from unary("gelu(x)", F.gelu)
    yield from unary('gelu(x, approximate="tanh")', lambda x: F.gelu(x, approximate="tanh"))


@op
def silu():
    yield from unary("silu(x)", F.silu)


@op
def sigmoid():
    yield from unary("sigmoid(x)", torch.sigmoid)


@op
def tanh():
    yield from unary("tanh(x)", torch.tanh)


@op
def hardswish():
    yield from unary("hardswish(x)", F.hardswish)


@op
def hardsigmoid():
    yield from unary("hardsigmoid(x)", F.hardsigmoid)


def mish_of(x):
    return x * torch.tanh(F.softplus(x, threshold=700))


@op
def mish():
    yield from unary("mish(x)", mish_of)


@op
def selu():
    yield from unary("selu(x)", F.selu)


@op
def elu():
    yield from unary("elu(x)", F.elu)
    yield from unary("elu(x, alpha=0.3)", lambda x: F.elu(x, 0.3))


@op
def celu():
    yield from unary("celu(x)", F.celu)
    yield from unary("celu(x, alpha=2.5)", lambda x: F.celu(x, 2.5))


# ---- numbers as small integers
LIMITS = {"u8": (0, 255), "i8": (-128, 127), "i32": (-2**31, 2**31 - 1)}


def along(values, shape, axis):
    """Scales or zero points as a tensor that broadcasts: one number, or one for each index along an axis."""
    t = torch.tensor(values, dtype=torch.float64)
    return t if t.ndim == 0 else t.reshape([-1 if d == axis % len(shape) else 1 for d in range(len(shape))])


def quantize_case(shape, scale, zero, dtype, args="", axis=1, repeat=None):
    zero_point = "" if zero is None else f", zero_point=constant({zero}, dtype={dtype})"

    def expected(x):
        s = along(scale, shape, axis) if repeat is None else repeat(torch.tensor(scale, dtype=torch.float64))
        steps = torch.round(x / s) + (0 if zero is None else along(zero, shape, axis))
        return torch.clamp(steps, *LIMITS[dtype]).to({"u8": torch.uint8, "i8": torch.int8}[dtype])

    return Case(f"y = quantize_linear(x, constant({scale}){zero_point}{args})", {"x": shape}, expected)


@op
def quantize_linear():
    yield quantize_case([1], 0.25, None, "u8")
    yield quantize_case([3, 17], 0.0078125, 128, "u8")
    yield quantize_case([2, 5, 7], 0.03, -3, "i8", ", dtype=i8")
    yield quantize_case([2, 3, 5], [0.5, 0.01, 0.125], [1, 0, 255], "u8")
    yield quantize_case([2, 3, 5], [0.5, 0.01], None, "i8", ", axis=0, dtype=i8", axis=0)
    yield quantize_case([3, 5], [[0.5, 0.01], [0.125, 0.25], [1.0, 2.0]], None, "i8", ", axis=1, block_size=3, dtype=i8",
                        repeat=lambda s: s.repeat_interleave(3, 1)[:, :5])


def dequantize_case(shape, dtype, scale, zero, args="", axis=1, repeat=None):
    zero_point = "" if zero is None else f", zero_point=constant({zero}, dtype={dtype})"

    def expected(x):
        s = along(scale, shape, axis) if repeat is None else repeat(torch.tensor(scale, dtype=torch.float64))
        return (x.double() - (0 if zero is None else along(zero, shape, axis))) * s

    return Case(f"y = dequantize_linear(x, constant({scale}){zero_point}{args})", {"x": (shape, dtype)}, expected)


@op
def dequantize_linear():
    yield dequantize_case([1], "u8", 0.25, None)
    yield dequantize_case([3, 17], "u8", 0.0078125, 128)
    yield dequantize_case([2, 5, 7], "i32", 0.03, -3)
    yield dequantize_case([2, 3, 5], "u8", [0.5, 0.01, 0.125], [1, 0, 255], ", dtype=f32")
    yield dequantize_case([2, 3], "i32", [0.5, 0.01], None, ", axis=0", axis=0)
    yield dequantize_case([3, 5], "u8", [[0.5, 0.01], [0.125, 0.25], [1.0, 2.0]], None, ", axis=1, block_size=3",
                          repeat=lambda s: s.repeat_interleave(3, 1)[:, :5])


@op
def leaky_relu():
    yield from unary("leaky_relu(x)", F.leaky_relu)
    yield from unary("leaky_relu(x, negative_slope=0.2)", lambda x: F.leaky_relu(x, 0.2))


@op
def prelu():
    for shape, count in ([1], 1), ([3, 5], 5), ([2, 3, 17], 1), ([2, 17, 3, 5], 17), ([1, 3, 4, 5], 3):
        args = f", num_parameters={count}" if count > 1 else ""
        yield Case(f"y = prelu(x{args}) @act", {"x": shape}, F.prelu, {"act.weight": [count]}, open_dim=len(shape) == 4)


@op
def softplus():
    yield from unary("softplus(x)", F.softplus)
    yield from unary("softplus(x, beta=2.0, threshold=3.0)", lambda x: F.softplus(x, 2, 3))


@op
def clamp():
    yield from unary("clamp(x, min=-0.5, max=1.0)", lambda x: torch.clamp(x, -0.5, 1))
    yield from unary("clamp(x, min=0.25)", lambda x: torch.clamp(x, min=0.25))
    yield Case("y = clamp(x, max=-2.0)", {"x": ([3, 7], "i32")}, lambda x: torch.clamp(x, max=-2))


def positive(text, function):
    """Of what has a value for positive numbers only; the model takes magnitudes."""
    yield from unary(text.replace("(x)", "(abs(x) + 0.01)"), lambda x: function(x.abs() + np.float32(0.01)))


@op
def exp():
    yield from unary("exp(0.5 * clamp(x, max=50.0))", lambda x: torch.exp(0.5 * x.clamp(max=50)))


@op
def log():
    yield Case("y = log(x)", {"x": np.array([0.0, 1.0, 0.5, 1e-30, 1e30, np.inf, -1, np.nan], np.float32)}, torch.log)
    yield from positive("log(x)", torch.log)


@op
def sqrt():
    yield Case("y = sqrt(x)", {"x": np.array([0.0, 1.0, 0.5, 1e-30, 1e30, np.inf, -1, np.nan], np.float32)}, torch.sqrt)
    yield from positive("sqrt(x)", torch.sqrt)


@op
def rsqrt():
    yield from positive("rsqrt(x)", torch.rsqrt)


@op
def reciprocal():
    yield from positive("reciprocal(x)", torch.reciprocal)


@op
def erf():
    yield from unary("erf(x)", torch.erf)


ANGLES = np.array([0, 0.1, -0.1, 0.7853, 1.5707, -1.5708, 3.1415, 3.1416, 31.4, -100, 314.159, 9999], np.float32)


@op
def sin():
    for shape in [1], [7], [3, 5], [2, 3, 17]:
        yield Case("y = sin(x)", {"x": shape}, torch.sin)
    yield Case("y = sin(x)", {"x": ANGLES}, torch.sin)


@op
def atan():
    yield from unary("atan(x)", torch.atan)


@op
def cos():
    for shape in [1], [7], [3, 5], [2, 3, 17]:
        yield Case("y = cos(x)", {"x": shape}, torch.cos)
    yield Case("y = cos(x)", {"x": ANGLES}, torch.cos)


@op
def abs_():
    yield from unary("abs(x)", torch.abs)
    yield Case("y = abs(x)", {"x": ([3, 7], "i64")}, torch.abs)


@op
def neg():
    yield from unary("neg(x)", torch.neg)
    yield Case("y = -x", {"x": ([3, 7], "i64")}, torch.neg)


@op
def floor():
    yield from unary("floor(3.0 * x)", lambda x: torch.floor(3 * x))


@op
def ceil():
    yield from unary("ceil(3.0 * x)", lambda x: torch.ceil(3 * x))


@op
def round_():
    yield from unary("round(3.0 * x)", lambda x: torch.round(3 * x))
    yield Case("y = round(x)", {"x": np.array([0.5, 1.5, 2.5, -0.5, -1.5, 1e9], np.float32)}, torch.round)


@op
def logical_not():
    for shape in [1], [7], [3, 5], [2, 3, 17], [1, 2, 3, 4, 5]:
        yield Case("y = logical_not(x)", {"x": (shape, "i32")}, torch.logical_not)
    yield Case("y = logical_not(x)", {"x": EDGES}, torch.logical_not)


@op
def dropout():
    yield from unary("dropout(x)", lambda x: x)
    yield Case("y = dropout(x, p=0.25)", {"x": [3, 3]}, lambda x: x)


@op
def cast():
    yield Case("y = cast(x, f32)", {"x": ([2, 3], "u8")}, lambda x: x.double())
    yield Case("y = cast(x, f32)", {"x": ([17], "i64")}, lambda x: x.double())
    yield Case("y = cast(x, f32)", {"x": ([1, 5, 3], "i32")}, lambda x: x.double())
    yield Case("y = cast(x, i64)", {"x": np.array([[0.9, -0.9, 2.5], [-2.5, 7, 1e6]], np.float32)}, lambda x: x.long())
    yield Case("y = cast(x, i32)", {"x": np.array([-1.5, 1.5, 0, -0.0, 123456.7], np.float32)}, lambda x: x.int())
    yield Case("y = cast(x, u8)", {"x": np.array([[0, 255], [1.9, 254.5]], np.float32)}, lambda x: x.to(torch.uint8))
    truth, halves = np.array([0, -0.0, 0.3, -5], np.float32), np.array([1 / 3, 65504, 1e-7, -2049, 0.1], np.float32)
    yield Case("y = x |> cast(bool) |> cast(f32)", {"x": truth}, lambda x: x.bool().double())
    yield Case("y = x |> cast(f16) |> cast(f32)", {"x": halves}, lambda x: x.half().double())
    brains = np.array([[1 / 3, 1e30, -257], [258, 259, 0.1]], np.float32)
    yield Case("y = x |> cast(bf16) |> cast(f32)", {"x": brains}, lambda x: x.bfloat16().double())


def binary(symbol, name, function, divisor=False):
    for a, b in [
            ([1], [1]), ([3, 5], [3, 5]), ([2, 3, 7], [7]), ([2, 1, 5], [3, 1]), ([1, 16, 3, 3], [16, 1, 1]),
            ([17], [2, 3, 17])]:
        yield Case(f"y = a {symbol} b", {"a": a, "b": b}, function)
    yield Case(f"y = {name}(a, b)", {"a": [2, 19], "b": [2, 19]}, function)
    yield Case(f"y = a {symbol} 2.5", {"a": [3, 4]}, lambda a: function(a, torch.tensor(2.5, dtype=torch.float64)))
    yield Case(f"y = 2.5 {symbol} a", {"a": [5, 2]}, lambda a: function(torch.tensor(2.5, dtype=torch.float64), a))
    whole = np.array([7, -7, 9, -9, 1], np.int64), np.array([2, 2, -4, -4, 5], np.int64)
    truncated = lambda a, b: torch.div(a, b, rounding_mode="trunc")
    yield Case(f"y = a {symbol} b", {"a": whole[0], "b": whole[1]}, truncated if divisor else function)


@op
def add():
    yield from binary("+", "add", torch.add)


@op
def sub():
    yield from binary("-", "sub", torch.sub)


@op
def mul():
    yield from binary("*", "mul", torch.mul)


@op
def div():
    yield from binary("/", "div", torch.div, divisor=True)


@op
def pow_():
    for a, b in ([1], [1]), ([7], [3, 7]), ([3, 5], [5]), ([2, 3, 17], [3, 1]), ([1, 19], [5, 1]):
        yield Case("y = pow(abs(x), b)", {"x": a, "b": b}, lambda x, b: torch.pow(x.abs(), b))
    special = [0.0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, 1e30, np.inf, -np.inf, np.nan]
    yield Case("y = pow(x, b)", {"x": np.array(special, np.float32).reshape(-1, 1),
                                 "b": np.array([v for v in special if v != 1e30], np.float32)}, torch.pow)
    for k in (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 3.0, 2.2):
        yield Case(f"y = pow(abs(x) + 0.5, {k})", {"x": [2, 17]}, lambda x: torch.pow(x.abs() + 0.5, k))
    yield Case("y = pow(2.0, x)", {"x": [2, 17]}, lambda x: torch.pow(torch.tensor(2.0), x))


def extremum(name, function):
    for a, b in ([1], [1]), ([3, 5], [3, 5]), ([2, 3, 7], [7]), ([2, 1, 5], [3, 1]), ([17], [2, 3, 17]):
        yield Case(f"y = {name}(a, b)", {"a": a, "b": b}, function)
    yield Case(f"y = {name}(a, b)", {"a": ([3, 7], "u8"), "b": ([7], "u8")}, function)
    special = np.array([0.0, 1, -1, np.inf, -np.inf, np.nan], np.float32)
    yield Case(f"y = {name}(x, b)", {"x": special.reshape(-1, 1), "b": special}, function)


@op
def minimum():
    yield from extremum("minimum", torch.minimum)


@op
def maximum():
    yield from extremum("maximum", torch.maximum)


def comparison(symbol, name, function):
    """Of small integers too, which are equal now and then; with NaN and infinities."""
    special = np.array([0.0, -0.0, 1, -1, np.inf, -np.inf, np.nan], np.float32)
    for a, b, dtype in ([1], [1], "f32"), ([7], [3, 7], "i32"), ([3, 5], [5], "i64"), ([2, 3, 17], [3, 1], "u8"), ([1, 19], [5, 1], "f32"):
        yield Case(f"y = {name}(x, b)", {"x": (a, dtype), "b": (b, dtype)}, function)
    yield Case(f"y = x {symbol} b" if symbol else f"y = {name}(x, b)", {"x": special.reshape(-1, 1), "b": special}, function)


@op
def eq():
    yield from comparison("==", "eq", torch.eq)


@op
def ne():
    yield from comparison("!=", "ne", torch.ne)


@op
def lt():
    yield from comparison("<", "lt", torch.lt)


@op
def le():
    yield from comparison("<=", "le", torch.le)


@op
def gt():
    yield from comparison(">", "gt", torch.gt)


@op
def ge():
    yield from comparison(">=", "ge", torch.ge)


@op
def logical_and():
    yield from comparison(None, "logical_and", torch.logical_and)


def bits(*shape, dtype=np.int64):
    limits = np.iinfo(dtype)
    return np.random.default_rng(sum(shape)).integers(limits.min, limits.max, shape, dtype, endpoint=True)


def bitwise(name, function):
    for a, b, dtype in [([1], [1], np.int64), ([3, 5], [5], np.int32), ([2, 1, 5], [3, 1], np.uint8),
                        ([17], [2, 3, 17], np.int8), ([2, 19], [2, 19], np.int64)]:
        yield Case(f"y = {name}(a, b)", {"a": bits(*a, dtype=dtype), "b": bits(*b, dtype=dtype)}, function)


@op
def bitwise_and():
    yield from bitwise("bitwise_and", torch.bitwise_and)


@op
def bitwise_or():
    yield from bitwise("bitwise_or", torch.bitwise_or)


@op
def bitwise_xor():
    yield from bitwise("bitwise_xor", torch.bitwise_xor)


@op
def bitwise_not():
    for shape, dtype in [([1], np.int64), ([7], np.uint8), ([3, 5], np.int32), ([2, 3, 17], np.int8), ([2, 70], np.int64)]:
        yield Case("y = bitwise_not(x)", {"x": bits(*shape, dtype=dtype)}, torch.bitwise_not)


@op
def logical_or():
    yield from comparison(None, "logical_or", torch.logical_or)


@op
def logical_xor():
    yield from comparison(None, "logical_xor", torch.logical_xor)


@op
def where():
    for c, a, b in ([1], [1], [1]), ([3, 1], [5], [3, 5]), ([17], [2, 1], [1]), ([2, 1, 7], [3, 1], [2, 3, 7]), ([5, 19], [19], [19]):
        yield Case("y = where(c > 0.0, a, b)", {"c": c, "a": a, "b": b}, lambda c, a, b: torch.where(c > 0, a, b))
    yield Case("y = where(x < 3, 1.5, 0.0)", {"x": ([17], "i32")}, lambda x: torch.where(x < 3, 1.5, 0.0))
    yield Case("y = where(x < 3, x, 7)", {"x": ([17], "i64")}, lambda x: torch.where(x < 3, x, torch.tensor(7)))


@op
def mean():
    for shape, args, options in [
            ([1], "", {}), ([3, 5, 7], "", {}), ([2, 3, 5, 7], ", dim=[2, 3]", {"dim": (2, 3)}),
            ([2, 17], ", dim=1, keepdim=true", {"dim": 1, "keepdim": True}), ([4, 3, 5], ", dim=-2", {"dim": -2}),
            ([2, 13, 3], ", dim=[0, -1], keepdim=true", {"dim": (0, -1), "keepdim": True})]:
        yield Case(f"y = mean(x{args})", {"x": shape}, lambda x: x.mean(**options))


# ---- shape and order ---------------------------------------------------------------------------------------------------
REDUCED = [([7], None), ([3, 5], (1,)), ([2, 3, 17], (0, 2)), ([19, 3], (0,)), ([1, 3, 4, 5], (2, 3)), ([2, 5, 3], (-2,))]


def reduction(name, function, extra="", integers=False):
    """function(x, dims, keepdim): dims as a tuple."""
    for shape, dims in REDUCED:
        args = "" if dims is None else f", dim={list(dims) if len(dims) > 1 else dims[0]}"
        every = dims or tuple(range(len(shape)))
        for dtype in ["f32", "i32", "u8"] if integers else ["f32"]:
            yield Case(f"y = {name}(x{args}{extra})", {"x": (shape, dtype)}, lambda x: function(x, every, False), open_dim=len(shape) == 3)
    yield Case(f"y = {name}(x, dim=1, keepdim=true{extra})", {"x": [3, 4, 17]}, lambda x: function(x, (1,), True))


def products(x, dims, keepdim):
    for d in sorted((d % x.dim() for d in dims), reverse=True):
        x = torch.prod(x, d, keepdim)
    return x


@op
def sum_():
    yield from reduction("sum", lambda x, dims, keepdim: torch.sum(x, dims, keepdim), integers=True)


@op
def prod():
    yield from reduction("prod", products, integers=True)


@op
def amax():
    yield from reduction("amax", lambda x, dims, keepdim: torch.amax(x, dims, keepdim), integers=True)


@op
def amin():
    yield from reduction("amin", lambda x, dims, keepdim: torch.amin(x, dims, keepdim), integers=True)


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


@op
def argmax():
    yield from extreme("argmax", torch.argmax)


@op
def argmin():
    yield from extreme("argmin", torch.argmin)


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


@op
def sort():
    for shape, args, options in ([7], "", {}), ([3, 19], ", descending=true", {"descending": True}), ([17, 3], ", dim=0", {"dim": 0}), (
            [2, 5, 3], ", dim=1, descending=true", {"dim": 1, "descending": True}), ([1, 1], "", {}):
        yield Case(f"y, i = sort(x{args})", {"x": shape}, lambda x: tuple(torch.sort(x, **options)), outputs="y, i")
    yield Case("y, i = sort(x)", {"x": np.array([3, 1, 3, -2, 1, 1], np.int64)}, lambda x: tuple(torch.sort(x, stable=True)), outputs="y, i")


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


# ---- by number ---------------------------------------------------------------------------------------------------------
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


# ---- tokens and parameters ---------------------------------------------------------------------------------------------
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
