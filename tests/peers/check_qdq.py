#!/usr/bin/env python3
"""Checks QDQ models against ONNX Runtime without optimizations, which computes them as they are written.

    check_qdq.py MODEL.onnx... [--nncc build/nncc] [--pictures 3]          needs numpy, onnx and onnxruntime

Two things of each model: how far its outputs are from the literal ones, beside ONNX Runtime's own optimized run; and, where
each quantized step is given the literal run's integers, how many of its integers are the literal run's and how far off the
others are. `bench/bench.py --int8 --prepare` makes models of the benchmark's networks in build/bench.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

FURTHER = 1.1   # from the literal outputs than ONNX Runtime's optimized run, at most
EXACT = 0.999   # of a step's integers, at least; all within one step
INTEGERS = {np.dtype("u1"): TensorProto.UINT8, np.dtype("i1"): TensorProto.INT8}


def run_peer(model, feed, optimized):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimized else level.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, feed)))


def run_ours(nncc, model, feed, folder):
    source, target = folder / "in.npz", folder / "out.npz"
    np.savez(source, **feed)
    subprocess.run([nncc, "run", model, "--input", source, "--output", target], check=True, stdout=subprocess.DEVNULL)
    with np.load(target) as found:
        return dict(found)


def distance(got, want):
    """Relative, L2, over all outputs."""
    off = sum(float(((got[name].astype("f8") - y) ** 2).sum()) for name, y in want.items())
    return (off / sum(float((y.astype("f8") ** 2).sum()) for y in want.values())) ** 0.5


# ---- steps

def activations(graph):
    """Names of the integers that QuantizeLinear makes of what is computed."""
    known = {t.name for t in graph.initializer}
    return [n.output[0] for n in graph.node if n.op_type == "QuantizeLinear" and n.input[0] not in known]


def tapped(model):
    """A model that gives these integers as further outputs."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in activations(model.graph))
    return copy


def cut(model, integers):
    """The model taken apart at its integers: each is an output, and what reads it reads an input in its place."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    for node in graph.node:
        for i, name in enumerate(node.input):
            if name in integers:
                node.input[i] = f"{name}_given"
    del graph.output[:], graph.value_info[:]
    for name, values in integers.items():
        kind, shape = INTEGERS[values.dtype], values.shape
        graph.input.append(helper.make_tensor_value_info(f"{name}_given", kind, shape))
        graph.output.append(helper.make_tensor_value_info(name, kind, shape))
    return copy


def check_steps(path, nncc, feed, folder):
    """The least exact share and the largest difference of a step."""
    model = onnx.load(path)
    whole, apart = folder / "tapped.onnx", folder / "apart.onnx"
    onnx.save(tapped(model), whole)
    literal = run_peer(whole, feed, False)
    integers = {name: literal[name] for name in activations(model.graph)}
    onnx.save(cut(model, integers), apart)
    found = run_ours(nncc, apart, {**feed, **{f"{name}_given": values for name, values in integers.items()}}, folder)
    worst, steps = 1.0, 0
    for name, want in integers.items():
        off = np.abs(found[name].astype(int) - want)
        exact, most = float((off == 0).mean()), int(off.max())
        if exact < EXACT or most > 1:
            print(f"  {name}: {exact:.3%} of {off.size} exact, at most {most} steps off")
        worst, steps = min(worst, exact), max(steps, most)
    print(f"  {len(integers)} steps: at least {worst:.3%} exact, at most {steps} off")
    return worst >= EXACT and steps <= 1


def check(path, o, folder):
    model, random = onnx.load(path, load_external_data=False), np.random.default_rng(100)
    image = model.graph.input[0]
    shape = [d.dim_value or 1 for d in image.type.tensor_type.shape.dim]
    ours, theirs = [], []
    for _ in range(o.pictures):
        feed = {image.name: random.standard_normal(shape).astype("f4")}
        literal = run_peer(path, feed, False)
        ours.append(distance(run_ours(o.nncc, path, feed, folder), literal))
        theirs.append(distance(run_peer(path, feed, True), literal))
    mean, other = np.mean(ours), np.mean(theirs)
    print(f"{path.stem}: from the literal outputs {mean:.2e}, ONNX Runtime {other:.2e}")
    return (mean <= FURTHER * other) & check_steps(path, o.nncc, feed, folder)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("models", nargs="+", type=pathlib.Path)
    p.add_argument("--nncc", type=pathlib.Path, default=pathlib.Path("build/nncc"))
    p.add_argument("--pictures", type=int, default=3)
    o = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        failed = [m.stem for m in o.models if not check(m, o, pathlib.Path(folder))]
    print(f"not as they should be: {', '.join(failed)}" if failed else "all as they should be")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
