"""Recurrent layers: as torch.nn has them, and step by step what it does not have."""
import math

import numpy as np
import torch
from torch.nn import functional as F

from .case import Case, op


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
