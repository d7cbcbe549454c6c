"""An ONNX graph under construction, and beside it the same seeded weights under nncc's names.

Batch norm stays apart, as exporters leave it: folding it is each compiler's own business.
"""
import json
import math

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from common import tensorfile

CLASSES = 1000


class Graph:
    """Every layer takes and gives names of values; `channels` tells how wide a picture's value is."""

    def __init__(self, batch, image=(3, 224, 224)):
        self.random = np.random.default_rng(1)
        self.batch, self.image = batch, [batch, *image]
        self.nodes, self.initializers, self.weights = [], [], {}
        self.channels = {"image": image[0]}

    # ---- pieces

    def tensor(self, array):
        name = f"t{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.array(array, order="C"), name))
        return name

    def weight(self, name, shape, scale=0.1, mean=0.0):
        """A weight as nncc names and stores it."""
        assert name not in self.weights, name
        self.weights[name] = (mean + scale * self.random.standard_normal(shape)).astype(np.float32)
        return self.weights[name]

    def node(self, op, *inputs, outputs=1, **attributes):
        names = [f"v{len(self.nodes)}" if outputs == 1 else f"v{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        for name in names:
            self.channels[name] = self.channels.get(inputs[0])
        return names[0] if outputs == 1 else names

    def scalar(self, value):
        return self.tensor(np.float32(value))

    def ints(self, *values):
        return self.tensor(np.array(values, np.int64))

    # ---- pictures

    def conv(self, x, name, channels, kernel, stride=1, padding=0, groups=1, bias=True):
        inputs = self.channels[x] // groups
        parts = [self.weight(f"{name}.weight", (channels, inputs, kernel, kernel), math.sqrt(2 / (inputs * kernel ** 2)))]
        parts += [self.weight(f"{name}.bias", (channels,))] if bias else []
        y = self.node("Conv", x, *map(self.tensor, parts), kernel_shape=[kernel] * 2, strides=[stride] * 2,
                      pads=[padding] * 4, group=groups)
        self.channels[y] = channels
        return y

    def batch_norm(self, x, name, eps=1e-5):
        shape = (self.channels[x],)
        parts = [self.weight(f"{name}.weight", shape, mean=1), self.weight(f"{name}.bias", shape),
                 self.weight(f"{name}.running_mean", shape), self.weight(f"{name}.running_var", shape, 0.02, mean=1)]
        return self.node("BatchNormalization", x, *map(self.tensor, parts), epsilon=eps)

    def conv_norm(self, x, conv, norm, channels, kernel, stride=1, groups=1, eps=1e-5):
        return self.batch_norm(self.conv(x, conv, channels, kernel, stride, kernel // 2, groups, bias=False), norm, eps)

    def max_pool(self, x, kernel, stride, padding=0, ceil=0):
        return self.node("MaxPool", x, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[padding] * 4, ceil_mode=ceil)

    def concat(self, *values):
        y = self.node("Concat", *values, axis=1)
        self.channels[y] = sum(map(self.channels.get, values))
        return y

    def squeeze_excite(self, x, name, squeezed, act, gate):
        wide = self.channels[x]
        y = act(self.conv(self.node("GlobalAveragePool", x), f"{name}.fc1", squeezed, 1))
        return self.node("Mul", x, gate(self.conv(y, f"{name}.fc2", wide, 1)))

    def pooled(self, x):
        """One vector a picture."""
        return self.node("Flatten", self.node("GlobalAveragePool", x))

    # ---- matrices

    def gemm(self, x, name, inputs, features=CLASSES):
        w, b = self.weight(f"{name}.weight", (features, inputs), inputs ** -0.5), self.weight(f"{name}.bias", (features,))
        return self.node("Gemm", x, self.tensor(w), self.tensor(b), transB=1)

    def product(self, x, w, b):
        """x W^T + b over the last dimension, as exporters write it."""
        return self.node("Add", self.node("MatMul", x, self.tensor(w.T)), self.tensor(b))

    def linear(self, x, name, inputs, features):
        w = self.weight(f"{name}.weight", (features, inputs), inputs ** -0.5)
        return self.product(x, w, self.weight(f"{name}.bias", (features,)))

    def layer_norm(self, x, name, dim, eps=1e-6):
        w, b = self.weight(f"{name}.weight", (dim,), mean=1), self.weight(f"{name}.bias", (dim,))
        return self.node("LayerNormalization", x, self.tensor(w), self.tensor(b), axis=-1, epsilon=eps)

    def attention(self, x, qkv, proj, dim, heads, rows, tokens):
        """Of [rows, tokens, dim], with one product each for q, k and v."""
        w, b = self.weight(f"{qkv}weight", (3 * dim, dim), dim ** -0.5), self.weight(f"{qkv}bias", (3 * dim,))
        split = self.ints(rows, tokens, heads, dim // heads)
        q, k, v = (self.node("Reshape", self.product(x, *part), split) for part in zip(np.split(w, 3), np.split(b, 3)))
        q = self.node("Mul", self.node("Transpose", q, perm=[0, 2, 1, 3]), self.scalar((dim // heads) ** -0.5))
        scores = self.node("MatMul", q, self.node("Transpose", k, perm=[0, 2, 3, 1]))
        y = self.node("MatMul", self.node("Softmax", scores, axis=-1), self.node("Transpose", v, perm=[0, 2, 1, 3]))
        y = self.node("Reshape", self.node("Transpose", y, perm=[0, 2, 1, 3]), self.ints(rows, tokens, dim))
        return self.linear(y, proj, dim, dim)

    # ---- activations

    def relu(self, x):
        return self.node("Relu", x)

    def relu6(self, x):
        return self.node("Clip", x, self.scalar(0), self.scalar(6))

    def sigmoid(self, x):
        return self.node("Sigmoid", x)

    def silu(self, x):
        return self.node("Mul", x, self.node("Sigmoid", x))

    def hardswish(self, x):
        return self.node("HardSwish", x)

    def hardsigmoid(self, x):
        return self.node("HardSigmoid", x, alpha=1 / 6, beta=0.5)

    def gelu(self, x):
        erf = self.node("Erf", self.node("Div", x, self.scalar(math.sqrt(2))))
        return self.node("Mul", self.node("Mul", x, self.node("Add", erf, self.scalar(1))), self.scalar(0.5))

    # ---- the whole

    def save(self, output, onnx_path, weights_path, facts_path):
        """Writes the model, the weights, and last {"macs", "weights_bytes"} of it."""
        self.nodes.append(helper.make_node("Identity", [output], ["result"]))
        ends = ([helper.make_tensor_value_info("image", TensorProto.FLOAT, self.image)],
                [helper.make_tensor_value_info("result", TensorProto.FLOAT, None)])
        graph = helper.make_graph(self.nodes, "bench", *ends, self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        model = onnx.shape_inference.infer_shapes(model)
        onnx.save(model, onnx_path)
        tensorfile.save(weights_path, self.weights)
        facts_path.write_text(json.dumps({"macs": multiply_adds(model.graph),
                                          "weights_bytes": sum(w.nbytes for w in self.weights.values())}))


def multiply_adds(graph):
    """Of convolutions and matrix products, with nothing saved by any algorithm."""
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in [*graph.value_info, *graph.input]}
    shapes.update({t.name: list(t.dims) for t in graph.initializer})
    total = 0
    for node in graph.node:
        if node.op_type in ("Conv", "Gemm"):
            w = shapes[node.input[1]]
            total += math.prod(shapes[node.output[0]]) * math.prod(w[1:])
        elif node.op_type == "ConvTranspose":
            total += math.prod(shapes[node.input[0]]) * math.prod(shapes[node.input[1]][1:])
        elif node.op_type == "MatMul":
            total += math.prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
    return total
