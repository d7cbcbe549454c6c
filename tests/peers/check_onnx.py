#!/usr/bin/env python3
"""Checks what --emit=onnx writes: ONNX's checker accepts it, and ONNX Runtime computes what nncc does, or PyTorch did.

    check_onnx.py --nncc build/nncc [goldens] [examples] [NAME...]     needs numpy, onnx and onnxruntime

goldens: every case of tests/conformance/goldens. examples: every example, at boundaries of its passes; NAME: these alone.
"""
import argparse
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDENS = ROOT / "tests/conformance/goldens"
TYPES = {"F32": "f4", "F64": "f8", "F16": "f2", "I8": "i1", "I16": "i2", "I32": "i4", "I64": "i8", "U8": "u1", "U16": "u2",
         "U32": "u4", "U64": "u8", "BOOL": "?"}
BOUNDARIES = [None, "canonicalize", "fold-batch-norm", "decompose", "fuse-attention", "recognize", "fuse-epilogue",
              "fold-picture", "assign-layouts"]
LARGE = {"vgg16", "alexnet", "vit_b_16", "resnet50", "resnext50_32x4d", "swin_t"}  # at three boundaries
SIZES = {"unet": ["--shape=image=1,3,32,48"]}
TOLERANCE = 1e-4
AMPLIFIES = {"ssdlite320": 1e-2}  # whose gates magnify rounding where weights are seeded
# ONNX Runtime's own: NaN is no largest or smallest element to it, products of i64 saturate.
PEER_DIFFERS = {("argmax", 12), ("argmin", 12), ("prod", 7)}


def read_safetensors(path):
    data = path.read_bytes()
    size, = struct.unpack("<Q", data[:8])
    head = json.loads(data[8:8 + size])
    head.pop("__metadata__", None)
    begin = 8 + size
    return {name: np.frombuffer(data[begin + e["data_offsets"][0]:begin + e["data_offsets"][1]], TYPES[e["dtype"]])
            .reshape(e["shape"]) for name, e in head.items()}


def session(path):
    onnx.checker.check_model(str(path), full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def difference(got, want):
    """Relative to the largest finite value."""
    assert got.shape == want.shape and got.dtype == want.dtype, f"{got.dtype}{got.shape} is no {want.dtype}{want.shape}"
    got, want = got.astype(float), want.astype(float)
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    finite = np.abs(want[np.isfinite(want)])
    with np.errstate(invalid="ignore"):
        off = np.where(same, 0, np.abs(got - want))
    return np.nan_to_num(off, nan=np.inf).max(initial=0) / max(1e-30, finite.max(initial=0))


class Checks:
    def __init__(self, nncc, folder):
        self.nncc, self.folder, self.failures, self.count = nncc, pathlib.Path(folder), 0, 0

    def call(self, *arguments):
        done = subprocess.run([self.nncc, *map(str, arguments)], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def check(self, name, compare, tolerance=TOLERANCE):
        self.count += 1
        try:
            worst = compare()
            assert worst <= tolerance, f"differs by {worst:.2g}"
        except Exception as e:  # of any of the peers
            self.failures += 1
            print(f"{name}: FAILED: {str(e)[:500]}", flush=True)
        else:
            return worst

    def golden(self, arrays, number):
        prefix = f"case{number}."
        part = {k[len(prefix):]: v for k, v in arrays.items() if k.startswith(prefix)}
        of = lambda kind: {k[len(kind) + 1:]: v for k, v in part.items() if k.startswith(kind + ".")}
        (self.folder / "m.nn").write_bytes(part["nn"].tobytes())
        np.savez(self.folder / "weights.npz", **of("w"))
        self.call("m.nn", "--passes=", "-o", "m.onnx", *(["--weights=weights.npz"] if of("w") else []))
        s = session(self.folder / "m.onnx")
        names = [o.name for o in s.get_outputs()]
        assert set(names) == set(of("out")), names
        return max(difference(y, of("out")[n]) for n, y in zip(names, s.run(None, of("in"))))

    def goldens(self):
        for path in sorted(GOLDENS.glob("*.safetensors")):
            arrays, number, worst = read_safetensors(path), 0, []
            while f"case{number}.nn" in arrays:
                if (path.stem, number) not in PEER_DIFFERS:
                    worst.append(self.check(f"{path.stem} {number}", lambda: self.golden(arrays, number)))
                number += 1
            print(f"{path.stem:30} {len(worst):3} cases   {max((w for w in worst if w is not None), default=0):.1e}", flush=True)

    def feed(self, model):
        rng = np.random.default_rng(1)
        arrays = {}
        for i in model.graph.input:
            t = i.type.tensor_type
            dims = [d.dim_value if d.HasField("dim_value") else 1 for d in t.shape.dim]
            dtype = onnx.helper.tensor_dtype_to_np_dtype(t.elem_type)
            arrays[i.name] = (rng.standard_normal(dims) if dtype.kind == "f" else rng.integers(0, 255, dims)).astype(dtype)
        return arrays

    def example(self, model, boundary, options, want):
        stop = ["--passes="] if boundary is None else [f"--stop-after={boundary}"]
        self.call(model, *options, *stop, "-o", "m.onnx")
        s = session(self.folder / "m.onnx")
        if not want:
            arrays = self.feed(onnx.load(str(self.folder / "m.onnx")))
            np.savez(self.folder / "in.npz", **arrays)
            self.call("run", model, *options, "--input", "in.npz", "--output", "out.npz")
            want.update(np.load(self.folder / "out.npz"), **{"": arrays})
        got = zip([o.name for o in s.get_outputs()], s.run(None, want[""]))
        return max(difference(y, want[n]) for n, y in got)

    def examples(self, names):
        for model in sorted((ROOT / "examples").glob("*/*.nn")):
            if model.stem == "blocks" or (names and model.stem not in names):
                continue
            options = ([] if model.parent.name == "digits" else ["--init=1"]) + SIZES.get(model.stem, [])
            want, worst = {}, []
            for boundary in BOUNDARIES[::4] if model.stem in LARGE else BOUNDARIES:
                worst.append(self.check(f"{model.stem} after {boundary}", lambda: self.example(model, boundary, options, want),
                                        AMPLIFIES.get(model.stem, TOLERANCE)))
            print(f"{model.stem:30} {len(worst):3} boundaries   {max((w for w in worst if w is not None), default=0):.1e}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nncc", default="build/nncc")
    parser.add_argument("what", nargs="*", default=["goldens", "examples"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        checks = Checks(str(pathlib.Path(arguments.nncc).resolve()), folder)
        names = [w for w in arguments.what if w not in ("goldens", "examples")]
        if "goldens" in arguments.what:
            checks.goldens()
        if "examples" in arguments.what or names:
            checks.examples(names)
        print(f"{checks.count} models, {checks.failures} failed")
        sys.exit(checks.failures > 0 or not checks.count)


if __name__ == "__main__":
    main()
