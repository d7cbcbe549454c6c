"""Numbers as small integers."""
import torch

from .case import Case, op


def along(values, shape, axis):
    """Scales or zero points as a tensor that broadcasts: one number, or one for each index along an axis."""
    t = torch.tensor(values, dtype=torch.float64)
    return t if t.ndim == 0 else t.reshape([-1 if d == axis % len(shape) else 1 for d in range(len(shape))])


LIMITS = {"u8": (0, 255), "i8": (-128, 127), "i32": (-2**31, 2**31 - 1)}


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
