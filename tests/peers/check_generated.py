#!/usr/bin/env python3
"""Checks random graphs against ONNX Runtime: what --emit=onnx makes of each computes what the reference does.

    check_generated.py --build build [--count 100] [--seed 1] [layers] [any]     needs numpy, onnx and onnxruntime

A graph that ONNX Runtime has no kernel for (bf16, many ops of small integers) is counted apart.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

MISSING = ("NOT_IMPLEMENTED", "Could not find an implementation", "INVALID_GRAPH", "Input tensor has no dimensions",
           "ratio must be in the range", "output_padding", "nncc:adaptive_", "data type is not supported")
# Where ONNX Runtime does not mean the same: powers and products of integers do not wrap, the nearest pixel is sought
# with a rounded scale, a window of integers that sees only padding is 2^31, numbers below 0 are cast to unsigned ones otherwise. NumPy has no
# bf16.
ANOTHER = re.compile(r"bf16|= pow .* : [iu]\d|= prod .* : i64|= interpolate (?!.*mode=)|= max_pool2d .*padding.* : [iu]\d"
                     r"|= cast .*dtype=u")
LEAST = {"layers": 0.8, "any": 0.2}  # of the graphs that ONNX Runtime must have computed
SLACK = {np.dtype("f4"): 1e-4, np.dtype("f2"): 1e-2, np.dtype("f8"): 1e-10}  # of the largest magnitude


def run(model, feed):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    s = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    names = [o.name for o in s.get_outputs()]
    known = {i.name for i in s.get_inputs()}
    return dict(zip(names, s.run(None, {k: v for k, v in feed.items() if k in known})))


def difference(got, want, room):
    """What is wrong with an output, or None."""
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"is {got.dtype}{got.shape}, not {want.dtype}{want.shape}"
    g, w = got.astype(float), want.astype(float)
    finite = np.abs(w[np.isfinite(w)])
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.where((g == w) | (np.isnan(g) & np.isnan(w)), 0, np.abs(g - w))
    off = np.nan_to_num(off, nan=np.inf)
    bad = off > room + SLACK.get(want.dtype, 0) * max(1e-2, finite.max(initial=0))
    bad &= ~np.isinf(room)
    at = tuple(int(i) for i in np.argwhere(bad)[0]) if bad.any() else None
    return None if at is None else f"{list(at)} of {list(want.shape)} is {got[at]}, not {want[at]}"


def check(kind, o, folder):
    build = pathlib.Path(o.build).resolve()
    subprocess.run([build / "tests/lower/save_graphs", kind, folder, str(o.count), str(o.seed)], check=True)
    failed = missing = 0
    for seed in range(o.seed, o.seed + o.count):
        stem = pathlib.Path(folder) / f"{kind}-{seed}"
        model = stem.with_suffix(".onnx")
        if ANOTHER.search(stem.with_suffix(".nnir").read_text()):
            missing += 1
            continue
        arrays = {k: v.copy() for k, v in np.load(stem.with_suffix(".npz"), allow_pickle=False).items()}
        part = lambda prefix: {k[len(prefix):]: v for k, v in arrays.items() if k.startswith(prefix)}
        emit = subprocess.run([build / "nncc", stem.with_suffix(".nnir"), "--passes=", "-o", model], capture_output=True,
                              text=True)
        problems = [emit.stderr] if emit.returncode else []
        try:
            if not problems:
                onnx.checker.check_model(str(model), full_check=False)
                got, rooms = run(model, part("in.")), part("room.")
                for name, want in part("out.").items():
                    problem = difference(got[name], want, rooms[name])
                    if problem:
                        problems.append(f"output {name} {problem}")
        except Exception as e:  # of any of the peers
            if any(word in str(e) for word in MISSING):
                missing += 1
                continue
            problems.append(str(e)[:400])
        if problems:
            failed += 1
            print(f"save_graphs {kind} FOLDER 1 {seed}: " + "; ".join(problems)[:600], flush=True)
    print(f"{kind}: {o.count} graphs, {failed} differ, {missing} that ONNX Runtime has no kernel for")
    return failed == 0 and o.count - missing >= LEAST[kind] * o.count


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default="build")
    p.add_argument("--count", type=int, default=100)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("kind", nargs="*", default=["layers", "any"])
    o = p.parse_args()
    good = True
    for kind in o.kind:
        with tempfile.TemporaryDirectory() as folder:
            good &= check(kind, o, folder)
    return not good


if __name__ == "__main__":
    sys.exit(main())
