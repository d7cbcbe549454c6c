"""A case of an op: the model's text, its arrays, and PyTorch's answer in double precision."""
import functools
import math
import zlib

import numpy as np
import torch

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


def ops(cases, functions):
    """An op for each name, with the cases that cases(name, function) yields."""
    for name, function in functions.items():
        OPS[name] = functools.partial(cases, name, function)
