"""Ops of single elements."""
import numpy as np
import torch
from torch.nn import functional as F

from .case import Case, op, ops

EDGES = np.array([0.0, -0.0, 1e-30, -1e-30, 1e-4, -1e-4, 0.5, -0.5, 3, -3, 5.999, 6, 6.001, 9, -9, 20, -20, 87, -87, 100, -100,
                  1e30, -1e30], np.float32)


def unary(text, function):
    for shape in [1], [7], [3, 5], [2, 3, 17], [1, 2, 3, 4, 5]:
        yield Case(f"y = {text}", {"x": shape}, function, open_dim=len(shape) == 3)
    yield Case(f"y = {text}", {"x": EDGES}, function)


def mish_of(x):
    return x * torch.tanh(F.softplus(x, threshold=700))


ops(lambda name, function: unary(f"{name}(x)", function), {
    "relu": F.relu, "silu": F.silu, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid, "mish": mish_of, "selu": F.selu, "erf": torch.erf, "atan": torch.atan})
ops(lambda name, function: unary(f"{name}(3.0 * x)", lambda x: function(3 * x)), {"floor": torch.floor, "ceil": torch.ceil})


@op
def relu6():
    yield from unary("relu6(8.0 * x)", lambda x: F.relu6(8 * x))


@op
def gelu():
    yield from unary("gelu(x)", F.gelu)
    yield from unary('gelu(x, approximate="tanh")', lambda x: F.gelu(x, approximate="tanh"))


@op
def elu():
    yield from unary("elu(x)", F.elu)
    yield from unary("elu(x, alpha=0.3)", lambda x: F.elu(x, 0.3))


@op
def celu():
    yield from unary("celu(x)", F.celu)
    yield from unary("celu(x, alpha=2.5)", lambda x: F.celu(x, 2.5))


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


def of_positive(name, function):
    """With zero, infinity, NaN and what is below zero as well."""
    yield Case(f"y = {name}(x)", {"x": np.array([0.0, 1.0, 0.5, 1e-30, 1e30, np.inf, -1, np.nan], np.float32)}, function)
    yield from positive(f"{name}(x)", function)


ops(of_positive, {"log": torch.log, "sqrt": torch.sqrt})
ops(lambda name, function: positive(f"{name}(x)", function), {"rsqrt": torch.rsqrt, "reciprocal": torch.reciprocal})


@op
def exp():
    yield from unary("exp(0.5 * clamp(x, max=50.0))", lambda x: torch.exp(0.5 * x.clamp(max=50)))


ANGLES = np.array([0, 0.1, -0.1, 0.7853, 1.5707, -1.5708, 3.1415, 3.1416, 31.4, -100, 314.159, 9999], np.float32)


def of_angle(name, function):
    for shape in [1], [7], [3, 5], [2, 3, 17]:
        yield Case(f"y = {name}(x)", {"x": shape}, function)
    yield Case(f"y = {name}(x)", {"x": ANGLES}, function)


ops(of_angle, {"sin": torch.sin, "cos": torch.cos})


@op
def abs_():
    yield from unary("abs(x)", torch.abs)
    yield Case("y = abs(x)", {"x": ([3, 7], "i64")}, torch.abs)


@op
def neg():
    yield from unary("neg(x)", torch.neg)
    yield Case("y = -x", {"x": ([3, 7], "i64")}, torch.neg)


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


SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def binary(name, function):
    symbol = SYMBOLS[name]
    for a, b in [
            ([1], [1]), ([3, 5], [3, 5]), ([2, 3, 7], [7]), ([2, 1, 5], [3, 1]), ([1, 16, 3, 3], [16, 1, 1]),
            ([17], [2, 3, 17])]:
        yield Case(f"y = a {symbol} b", {"a": a, "b": b}, function)
    yield Case(f"y = {name}(a, b)", {"a": [2, 19], "b": [2, 19]}, function)
    yield Case(f"y = a {symbol} 2.5", {"a": [3, 4]}, lambda a: function(a, torch.tensor(2.5, dtype=torch.float64)))
    yield Case(f"y = 2.5 {symbol} a", {"a": [5, 2]}, lambda a: function(torch.tensor(2.5, dtype=torch.float64), a))
    whole = np.array([7, -7, 9, -9, 1], np.int64), np.array([2, 2, -4, -4, 5], np.int64)
    truncated = lambda a, b: torch.div(a, b, rounding_mode="trunc")
    yield Case(f"y = a {symbol} b", {"a": whole[0], "b": whole[1]}, truncated if name == "div" else function)


ops(binary, {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div})


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


ops(extremum, {"minimum": torch.minimum, "maximum": torch.maximum})


def comparison(name, function):
    """Of small integers too, which are equal now and then; with NaN and infinities."""
    special = np.array([0.0, -0.0, 1, -1, np.inf, -np.inf, np.nan], np.float32)
    for a, b, dtype in ([1], [1], "f32"), ([7], [3, 7], "i32"), ([3, 5], [5], "i64"), ([2, 3, 17], [3, 1], "u8"), ([1, 19], [5, 1], "f32"):
        yield Case(f"y = {name}(x, b)", {"x": (a, dtype), "b": (b, dtype)}, function)
    yield Case(f"y = x {SYMBOLS[name]} b" if name in SYMBOLS else f"y = {name}(x, b)", {"x": special.reshape(-1, 1), "b": special}, function)


ops(comparison, {
    "eq": torch.eq, "ne": torch.ne, "lt": torch.lt, "le": torch.le, "gt": torch.gt, "ge": torch.ge,
    "logical_and": torch.logical_and, "logical_or": torch.logical_or, "logical_xor": torch.logical_xor})


def bits(*shape, dtype=np.int64):
    limits = np.iinfo(dtype)
    return np.random.default_rng(sum(shape)).integers(limits.min, limits.max, shape, dtype, endpoint=True)


def bitwise(name, function):
    for a, b, dtype in [([1], [1], np.int64), ([3, 5], [5], np.int32), ([2, 1, 5], [3, 1], np.uint8),
                        ([17], [2, 3, 17], np.int8), ([2, 19], [2, 19], np.int64)]:
        yield Case(f"y = {name}(a, b)", {"a": bits(*a, dtype=dtype), "b": bits(*b, dtype=dtype)}, function)


ops(bitwise, {"bitwise_and": torch.bitwise_and, "bitwise_or": torch.bitwise_or, "bitwise_xor": torch.bitwise_xor})


@op
def bitwise_not():
    for shape, dtype in [([1], np.int64), ([7], np.uint8), ([3, 5], np.int32), ([2, 3, 17], np.int8), ([2, 70], np.int64)]:
        yield Case("y = bitwise_not(x)", {"x": bits(*shape, dtype=dtype)}, torch.bitwise_not)


@op
def where():
    for c, a, b in ([1], [1], [1]), ([3, 1], [5], [3, 5]), ([17], [2, 1], [1]), ([2, 1, 7], [3, 1], [2, 3, 7]), ([5, 19], [19], [19]):
        yield Case("y = where(c > 0.0, a, b)", {"c": c, "a": a, "b": b}, lambda c, a, b: torch.where(c > 0, a, b))
    yield Case("y = where(x < 3, 1.5, 0.0)", {"x": ([17], "i32")}, lambda x: torch.where(x < 3, 1.5, 0.0))
    yield Case("y = where(x < 3, x, 7)", {"x": ([17], "i64")}, lambda x: torch.where(x < 3, x, torch.tensor(7)))
