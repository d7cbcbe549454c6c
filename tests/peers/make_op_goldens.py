#!/usr/bin/env python3
"""Writes what PyTorch computes for every op into tests/conformance/goldens/, one safetensors file an op.

    make_op_goldens.py [FOLDER]

Inputs and weights are f32, expected values are computed in f64 and rounded once. README.md states the format, op_cases
the cases. Needs PyTorch 1.13 or later (Debian's python3-torch serves).
"""
import pathlib
import re
import sys

import op_cases

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples"))
from common import tensorfile

SHAPES_AT_LEAST = 5


def check_complete(cases_of):
    """Every op that ops.def offers has cases, and every optional argument is written out in one of them."""
    table = (ROOT / "ir" / "graph" / "ops.def").read_text()
    for m in re.finditer(r"^#define (\w+)\(ID\) ((?:.*\\\n)*.*)$", table, re.M):  # rows that ops share
        table = re.sub(rf"\b{m[1]}\((?!ID\))(\w+)\)", lambda use: re.sub(r"\bID\b", use[1], m[2]), table)
    rows = re.finditer(r"^OP\((\w+), (\w+), \w+, ([^,]*)", table, re.M)
    names = {m[1]: m[2] for m in rows if "TRAIT_INTERNAL" not in m[3]}
    missing = [name for name in names.values() if name not in cases_of]
    for m in re.finditer(r"\b(?:ATTR|ARG)\((\w+), (\w+), \w+, \d+, (?!REQUIRED)", table):
        if m[1] in names and not any(f"{m[2]}=" in case.text for case in cases_of.get(names[m[1]], [])):
            missing.append(f"{names[m[1]]}({m[2]}=)")
    if missing:
        raise SystemExit("no golden case for: " + ", ".join(missing))


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests" / "conformance" / "goldens"
    folder.mkdir(parents=True, exist_ok=True)
    total, cases_of = 0, op_cases.build()
    check_complete(cases_of)
    for op, cases in cases_of.items():
        shapes = {tuple(a.shape for a in case.inputs.values()) for case in cases}
        assert len(shapes) >= SHAPES_AT_LEAST, f"{op}: only {len(shapes)} shapes"
        arrays = {}
        for k, case in enumerate(cases):
            arrays |= {f"case{k}.{name}": array for name, array in case.arrays().items()}
        path = folder / f"{op}.safetensors"
        tensorfile.save(path, arrays)
        total += path.stat().st_size
        print(f"{op:30} {len(cases):3} cases  {len(shapes):3} shapes  {path.stat().st_size:7} bytes")
    print(f"{'total':50} {total:15} bytes")


if __name__ == "__main__":
    main()
