"""The cases behind the golden arrays of every op, a file a family.

A function with the decorator `op` is one op. It yields Case objects; the expected values follow from torch in double precision.
Shapes are small and odd on purpose: ones, primes, and sizes just beyond a vector.
"""
from . import elementwise, norms, pictures, products, quantize, recurrent, reductions, select, shape, tokens
from .case import OPS


def build():
    return {name: list(function()) for name, function in OPS.items()}
