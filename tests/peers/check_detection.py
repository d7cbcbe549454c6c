#!/usr/bin/env python3
"""Compares detectors with their non-maximum suppression, and a U-Net, with ONNX Runtime: boxes, scores, classes, masks.

    check_detection.py [--nncc build/nncc] [--seeds 3] [--keep FOLDER] [NAME...]

The networks are written as ONNX as exporters write them, with seeded weights. Box numbers, classes and masks must be
equal, coordinates and scores within 1e-4. Needs numpy, onnx and onnxruntime.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Graph:
    """Nodes and constants in the order in which they are asked for."""

    def __init__(self, seed, opset=13):
        self.rng, self.opset = np.random.default_rng(seed), opset
        self.nodes, self.constants, self.inputs, self.outputs, self.channels = [], [], [], [], {}

    def input(self, name, shape, kind=TensorProto.FLOAT):
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        self.channels[name] = shape[1] if len(shape) > 1 else None
        return name

    def output(self, name, value, kind=TensorProto.FLOAT, rank=2):
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, kind, [f"{name}_{i}" for i in range(rank)]))

    def constant(self, array):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def ints(self, *values):
        return self.constant(np.array(values, np.int64))

    def __call__(self, op, *inputs, outputs=1, **attributes):
        names = [f"n{len(self.nodes)}_{i}" for i in range(outputs)]
        given = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        self.nodes.append(helper.make_node(op, given, names, **attributes))
        if given and given[0] in self.channels:
            self.channels[names[0]] = self.channels[given[0]]
        return names[0] if outputs == 1 else names

    def conv(self, x, channels, kernel=3, stride=1, act="Relu", bias=0.0):
        inside = self.channels[x]
        weight = self.rng.normal(0, (2 / (inside * kernel * kernel)) ** 0.5, (channels, inside, kernel, kernel))
        shift = self.rng.normal(bias, 0.5, channels)
        y = self("Conv", x, weight.astype(np.float32), shift.astype(np.float32), kernel_shape=[kernel, kernel],
                 strides=[stride, stride], pads=[kernel // 2] * 4)
        self.channels[y] = channels
        return self.act(y, act)

    def act(self, y, act):
        if act == "SiLU":
            return self.named(self("Mul", y, self("Sigmoid", y)), y)
        return self.named(self(act, y), y) if act else y

    def named(self, y, like):
        self.channels[y] = self.channels[like]
        return y

    def columns(self, x, start, end, axis):
        return self("Slice", x, self.ints(start), self.ints(end), self.ints(axis))

    def model(self, name):
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        model.ir_version = 8
        onnx.checker.check_model(model)
        return model


# ---- heads

def priors(sizes, anchors):
    """Centres and sides of the boxes of each map, [boxes, 4], in units of the picture."""
    boxes = []
    for size in sizes:
        for y, x, a in np.ndindex(size, size, anchors):
            side = 1.6 / size * (0.7 + 0.5 * a)
            boxes.append([(x + 0.5) / size, (y + 0.5) / size, side, side * (1 if a != 1 else 0.5)])
    return np.array(boxes, np.float32)


def ssd(seed, batch):
    """As TensorFlow's and torchvision's exporters write it: softmax, decoded priors, one NonMaxSuppression over all
    classes, and Gathers of what it names."""
    g, classes, anchors = Graph(seed), 7, 3
    x = g.input("image", [batch, 3, 64, 64])
    x = g.conv(g.conv(x, 8, stride=2), 16, stride=2)
    maps, sizes = [], [8, 4, 2]
    for size in sizes:
        x = g.conv(x, 24, stride=2)
        maps.append(x)
    scores, boxes = [], []
    for m in maps:
        for kind, columns in ((scores, classes), (boxes, 4)):
            y = g("Transpose", g.conv(m, anchors * columns, 1, act=None), perm=[0, 2, 3, 1])
            kind.append(g("Reshape", y, g.ints(0, -1, columns)))
    scores = g("Softmax", g("Mul", g("Concat", *scores, axis=1), np.float32(1.5)), axis=-1)
    deltas, anchor = g("Concat", *boxes, axis=1), priors(sizes, anchors)
    centre = g("Add", g("Mul", g("Mul", g.columns(deltas, 0, 2, 2), np.float32(0.1)), anchor[:, 2:]), anchor[:, :2])
    sides = g("Mul", g("Exp", g("Mul", g.columns(deltas, 2, 4, 2), np.float32(0.2))), anchor[:, 2:])
    half = g("Mul", sides, np.float32(0.5))
    corners = g("Clip", g("Concat", g("Sub", centre, half), g("Add", centre, half), axis=2), np.float32(0), np.float32(1))
    object_scores = g.columns(g("Transpose", scores, perm=[0, 2, 1]), 1, classes, 1)
    picked = g("NonMaxSuppression", corners, object_scores, g.ints(20), np.array([0.45], np.float32),
               np.array([0.2], np.float32))
    picture = g.columns(picked, 0, 1, 1)
    number = g.columns(picked, 2, 3, 1)
    g.output("picked", picked, TensorProto.INT64)
    g.output("boxes", g("GatherND", corners, g("Concat", picture, number, axis=1)))
    g.output("scores", g("GatherND", object_scores, picked), rank=1)
    g.output("labels", g("Add", g("Squeeze", g.columns(picked, 1, 2, 1), g.ints(1)), g.ints(1)), TensorProto.INT64, 1)
    return g.model("ssd"), {"image": [2 if batch == "N" else batch, 3, 64, 64]}


def yolo_maps(g, x, columns, act="SiLU"):
    """[N, columns, boxes] of three maps, with the centre and stride of each box."""
    x = g.conv(g.conv(x, 8, stride=2, act=act), 16, stride=2, act=act)
    parts, grid, strides = [], [], []
    for stride in (8, 16, 32):
        x = g.conv(x, 24, stride=2, act=act)
        size = 64 // stride
        y = g.conv(x, columns, 1, act=None)
        parts.append(g("Reshape", y, g.ints(0, columns, -1)))
        grid += [[(i + 0.5) * stride, (j + 0.5) * stride] for j in range(size) for i in range(size)]
        strides += [stride] * size * size
    return g("Concat", *parts, axis=2), np.array(grid, np.float32).T, np.array(strides, np.float32)


def yolo(seed, batch):
    """As Ultralytics' exports continue with an NMS: centre and sides, class scores by sigmoid, rows of
    [picture, x, y, w, h, class, score]."""
    g, classes = Graph(seed, 17), 5
    y, grid, strides = yolo_maps(g, g.input("images", [batch, 3, 64, 64]), 4 + classes)
    centre = g("Add", g("Mul", g.columns(y, 0, 2, 1), strides), grid)
    sides = g("Mul", g("Mul", g("Sigmoid", g.columns(y, 2, 4, 1)), np.float32(4)), strides)
    scores = g("Sigmoid", g.columns(y, 4, 4 + classes, 1))
    boxes = g("Transpose", g("Concat", centre, sides, axis=1), perm=[0, 2, 1])
    picked = g("NonMaxSuppression", boxes, scores, g.ints(100), np.array([0.5], np.float32),
               np.array([0.6], np.float32), center_point_box=1)
    picture, label, number = (g("Gather", picked, g.ints(i), axis=1) for i in range(3))
    where = g("Concat", picture, number, axis=1)
    rows = g("Concat", g("Cast", picture, to=TensorProto.FLOAT), g("GatherND", boxes, where),
             g("Cast", label, to=TensorProto.FLOAT), g("Unsqueeze", g("GatherND", scores, picked), g.ints(1)), axis=1)
    g.output("detections", rows)
    return g.model("yolo"), {"images": [2 if batch == "N" else batch, 3, 64, 64]}


def yolo_filtered(seed, batch):
    """As torchvision's batched_nms exports, on one picture: scores above a threshold by NonZero, classes kept apart by
    moving their boxes, at most 30 of what is left, best first."""
    g, classes = Graph(seed, 16), 4
    y, grid, strides = yolo_maps(g, g.input("images", [1, 3, 64, 64]), 4 + classes)
    y = g("Transpose", g("Squeeze", y, g.ints(0)), perm=[1, 0])
    centre = g("Add", g("Mul", g.columns(y, 0, 2, 1), strides[:, None]), np.ascontiguousarray(grid.T))
    half = g("Mul", g("Exp", g("Mul", g.columns(y, 2, 4, 1), np.float32(0.3))), strides[:, None])
    boxes = g("Concat", g("Sub", centre, half), g("Add", centre, half), axis=1)
    scores = g("Sigmoid", g.columns(y, 4, 4 + classes, 1))
    best, label = g("ReduceMax", scores, axes=[1], keepdims=0), g("ArgMax", scores, axis=1, keepdims=0)
    threshold = np.float32((0.8, 0.95, 0.9999)[seed % 3])  # of the last nothing is left
    kept = g("Transpose", g("NonZero", g("Greater", best, threshold)), perm=[1, 0])
    boxes, best, label = g("GatherND", boxes, kept), g("GatherND", best, kept), g("GatherND", label, kept)
    apart = g("Mul", g("Cast", label, to=TensorProto.FLOAT), np.float32(1000))
    moved = g("Unsqueeze", g("Add", boxes, g("Unsqueeze", apart, g.ints(1))), g.ints(0))
    flat = g("Unsqueeze", best, g.ints(0, 1))
    picked = g("NonMaxSuppression", moved, flat, np.array([2 ** 31 - 1], np.int64), np.array([0.4], np.float32))
    number = g("Squeeze", g("Gather", picked, g.ints(2), axis=1), g.ints(1))
    number = g.columns(number, 0, 30, 0)
    g.output("boxes", g("Gather", boxes, number, axis=0))
    g.output("scores", g("Gather", best, number, axis=0), rank=1)
    g.output("labels", g("Gather", label, number, axis=0), TensorProto.INT64, 1)
    g.output("number", g("Shape", number), TensorProto.INT64, 1)
    return g.model("yolo_filtered"), {"images": [1, 3, 64, 64]}


def retina(seed, batch):
    """As torchvision's RetinaNet exports, on one picture: of each map the best of what is above a threshold, at most
    25, by a TopK whose k is the fewer of both; then one NMS over all."""
    g, classes, anchors = Graph(seed), 3, 2
    x = g.conv(g.conv(g.input("image", [1, 3, 64, 64]), 8, stride=2), 16, stride=2)
    all_boxes, all_scores, all_labels = [], [], []
    for size in (8, 4):
        x = g.conv(x, 24, stride=2)
        scores = g("Sigmoid", g("Reshape", g("Transpose", g.conv(x, anchors * classes, 1, act=None), perm=[0, 2, 3, 1]),
                                g.ints(-1)))
        deltas = g("Reshape", g("Transpose", g.conv(x, anchors * 4, 1, act=None), perm=[0, 2, 3, 1]), g.ints(-1, 4))
        anchor = priors([size], anchors)
        corners = g("Add", g("Mul", deltas, np.float32(0.1)),
                    np.concatenate([anchor[:, :2] - anchor[:, 2:] / 2, anchor[:, :2] + anchor[:, 2:] / 2], 1))
        kept = g("Squeeze", g("NonZero", g("Greater", scores, np.float32(0.55))), g.ints(0))
        best = g("Gather", scores, kept, axis=0)
        k = g("Min", g("Shape", best), g.ints(25))
        best, order = g("TopK", best, k, outputs=2, axis=0)
        kept = g("Gather", kept, order, axis=0)
        number = g("Div", kept, g.ints(classes))
        all_boxes.append(g("Gather", corners, number, axis=0))
        all_scores.append(best)
        all_labels.append(g("Mod", kept, g.ints(classes)))
    boxes, scores, labels = (g("Concat", *part, axis=0) for part in (all_boxes, all_scores, all_labels))
    apart = g("Unsqueeze", g("Mul", g("Cast", labels, to=TensorProto.FLOAT), np.float32(10)), g.ints(1))
    picked = g("NonMaxSuppression", g("Unsqueeze", g("Add", boxes, apart), g.ints(0)), g("Unsqueeze", scores, g.ints(0, 1)),
               g.ints(1000), np.array([0.5], np.float32))
    number = g("Squeeze", g("Gather", picked, g.ints(2), axis=1), g.ints(1))
    g.output("boxes", g("Gather", boxes, number, axis=0))
    g.output("scores", g("Gather", scores, number, axis=0), rank=1)
    g.output("labels", g("Gather", labels, number, axis=0), TensorProto.INT64, 1)
    return g.model("retina"), {"image": [1, 3, 64, 64]}


def unet(seed, batch):
    """Halves and doubles the picture three times; a class for each pixel."""
    g = Graph(seed)
    x, skips = g.input("image", [batch, 3, 48, 40]), []
    for channels in (8, 12, 16):
        x = g.conv(g.conv(x, channels), channels)
        skips.append(x)
        x = g.named(g("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), x)
    x = g.conv(x, 24)
    for channels, skip in zip((16, 12, 8), reversed(skips)):
        inside = g.channels[x]
        weight = g.rng.normal(0, (1 / inside) ** 0.5, (inside, channels, 2, 2)).astype(np.float32)
        x = g("ConvTranspose", x, weight, g.rng.normal(0, 0.1, channels).astype(np.float32), kernel_shape=[2, 2],
              strides=[2, 2])
        x = g("Concat", x, skip, axis=1)
        g.channels[x] = channels + g.channels[skip]
        x = g.conv(g.conv(x, channels), channels)
    logits = g.conv(x, 4, 1, act=None)
    g.output("logits", logits, rank=4)
    g.output("mask", g("ArgMax", logits, axis=1, keepdims=0), TensorProto.INT64, 3)
    return g.model("unet"), {"image": [2 if batch == "N" else batch, 3, 48, 40]}


NETWORKS = {f.__name__: f for f in (ssd, yolo, yolo_filtered, retina, unet)}


# ---- comparison

def compare(got, want):
    """None, or how they differ."""
    if got.shape != want.shape:
        return f"its shape is {list(got.shape)}, not {list(want.shape)}"
    if want.dtype.kind in "iub":
        wrong = np.count_nonzero(got != want)
        return f"{wrong} of {want.size} differ" if wrong else None
    worst = np.max(np.abs(got - want) / (1 + np.abs(want)), initial=0)
    return f"differs by {worst:.2g}" if not worst <= 1e-4 else None


def check(nncc, folder, name, seed, batch):
    model, shapes = NETWORKS[name](seed, batch)
    rng = np.random.default_rng(seed + 1000)
    path, given, made = folder / f"{name}.onnx", folder / "in.npz", folder / "out.npz"
    onnx.save(model, path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    bad, counts = [], []
    library = folder / f"{name}.so"
    subprocess.run([nncc, path, "-o", library], check=True)
    for scale in (1, 0.2, 3, 0):
        arrays = {key: (scale * rng.normal(size=shape)).astype(np.float32) for key, shape in shapes.items()}
        np.savez(given, **arrays)
        want = dict(zip((o.name for o in session.get_outputs()), session.run(None, arrays)))
        subprocess.run([nncc, "run", library, "--input", given, "--output", made], check=True, stdout=subprocess.DEVNULL)
        got = np.load(made)
        for key, array in want.items():
            problem = compare(got[key], array)
            if problem:
                bad.append(f"{name}, seed {seed}, inputs times {scale}: {key} {problem}")
        counts.append(len(next(iter(want.values()))))
    print(f"{name:14} seed {seed}   batch {batch}   {'differs' if bad else 'equal'}   found {counts}")
    print(*bad, sep="\n" if bad else "", end="\n" if bad else "")
    return not bad


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=list(NETWORKS))
    parser.add_argument("--nncc", default=ROOT / "build/nncc", type=pathlib.Path)
    parser.add_argument("--seeds", default=3, type=int)
    parser.add_argument("--keep", type=pathlib.Path, help="where the models stay")
    options = parser.parse_args()
    ok = True
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or pathlib.Path(temporary)
        folder.mkdir(exist_ok=True)
        for name in options.names:
            for seed in range(options.seeds):
                ok &= check(options.nncc, folder, name, seed, (1, 3, "N")[seed % 3])
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
