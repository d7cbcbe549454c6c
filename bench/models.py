"""The benchmark's networks, once as ONNX for the peers and once as safetensors for nncc, with the same seeded weights.

The weights carry the names of examples/models/*.nn. Batch norm stays apart, as exporters leave it: folding it is each
compiler's own business.
"""
import math

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

IMAGE = [1, 3, 224, 224]
CLASSES = 1000


class Graph:
    """An ONNX graph under construction; every layer returns the name of its result."""

    def __init__(self):
        self.random = np.random.default_rng(1)
        self.nodes, self.initializers, self.weights = [], [], {}

    def tensor(self, array):
        name = f"t{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.array(array, order="C"), name))
        return name

    def weight(self, name, shape, scale=0.1, mean=0.0):
        """A weight as nncc names and stores it."""
        self.weights[name] = (mean + scale * self.random.standard_normal(shape)).astype(np.float32)
        return self.weights[name]

    def node(self, op, *inputs, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def scalar(self, value):
        return self.tensor(np.float32(value))

    def conv(self, x, name, inputs, channels, kernel, stride=1, padding=0, groups=1, bias=False):
        fan = inputs // groups * kernel * kernel
        parts = [self.weight(f"{name}.weight", (channels, inputs // groups, kernel, kernel), math.sqrt(2 / fan))]
        parts += [self.weight(f"{name}.bias", (channels,))] if bias else []
        return self.node("Conv", x, *map(self.tensor, parts), kernel_shape=[kernel] * 2, strides=[stride] * 2,
                         pads=[padding] * 4, group=groups)

    def batch_norm(self, x, name, channels):
        parts = [self.weight(f"{name}.weight", (channels,), mean=1), self.weight(f"{name}.bias", (channels,)),
                 self.weight(f"{name}.running_mean", (channels,)), self.weight(f"{name}.running_var", (channels,), 0.02, mean=1)]
        return self.node("BatchNormalization", x, *map(self.tensor, parts), epsilon=1e-5)

    def conv_norm(self, x, conv, norm, inputs, channels, kernel, stride=1, groups=1):
        return self.batch_norm(self.conv(x, conv, inputs, channels, kernel, stride, kernel // 2, groups), norm, channels)

    def relu6(self, x):
        return self.node("Clip", x, self.scalar(0), self.scalar(6))

    def classify(self, x, name, inputs):
        """Pooled features to logits."""
        x = self.node("Flatten", self.node("GlobalAveragePool", x))
        return self.gemm(x, name, inputs)

    def gemm(self, x, name, inputs):
        w, b = self.weight(f"{name}.weight", (CLASSES, inputs), inputs ** -0.5), self.weight(f"{name}.bias", (CLASSES,))
        return self.node("Gemm", x, self.tensor(w), self.tensor(b), transB=1)

    def product(self, x, w, b):
        """x W^T + b over the last dimension, as exporters write it."""
        return self.node("Add", self.node("MatMul", x, self.tensor(w.T)), self.tensor(b))

    def linear(self, x, name, inputs, features):
        w = self.weight(f"{name}.weight", (features, inputs), inputs ** -0.5)
        return self.product(x, w, self.weight(f"{name}.bias", (features,)))

    def layer_norm(self, x, name, dim):
        w, b = self.weight(f"{name}.weight", (dim,), mean=1), self.weight(f"{name}.bias", (dim,))
        return self.node("LayerNormalization", x, self.tensor(w), self.tensor(b), axis=-1, epsilon=1e-6)

    def gelu(self, x):
        erf = self.node("Erf", self.node("Div", x, self.scalar(math.sqrt(2))))
        return self.node("Mul", self.node("Mul", x, self.node("Add", erf, self.scalar(1))), self.scalar(0.5))

    def attention(self, x, qkv, proj, dim, heads, tokens):
        w, b = self.weight(f"{qkv}weight", (3 * dim, dim), dim ** -0.5), self.weight(f"{qkv}bias", (3 * dim,))
        split = self.tensor(np.array([1, tokens, heads, dim // heads]))
        q, k, v = (self.node("Reshape", self.product(x, *part), split) for part in zip(np.split(w, 3), np.split(b, 3)))
        q = self.node("Mul", self.node("Transpose", q, perm=[0, 2, 1, 3]), self.scalar((dim // heads) ** -0.5))
        scores = self.node("MatMul", q, self.node("Transpose", k, perm=[0, 2, 3, 1]))
        y = self.node("MatMul", self.node("Softmax", scores, axis=-1), self.node("Transpose", v, perm=[0, 2, 1, 3]))
        y = self.node("Reshape", self.node("Transpose", y, perm=[0, 2, 1, 3]), self.tensor(np.array([1, tokens, dim])))
        return self.linear(y, proj, dim, dim)

    def save(self, output, path):
        self.nodes.append(helper.make_node("Identity", [output], ["logits"]))
        value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        ends = [value("image", IMAGE)], [value("logits", [1, CLASSES])]
        graph = helper.make_graph(self.nodes, "bench", *ends, self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(onnx.shape_inference.infer_shapes(model), path)


def resnet(g, depths, bottleneck):
    x = g.node("Relu", g.conv_norm("image", "conv1", "bn1", 3, 64, 7, 2))
    x = g.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    inputs = 64
    for stage, depth in enumerate(depths, 1):
        width = 32 << stage
        outputs = 4 * width if bottleneck else width
        for i in range(depth):
            p, stride = f"layer{stage}.{i}", 2 if stage > 1 and i == 0 else 1
            layers = [(width, 3, stride), (width, 3, 1)]
            if bottleneck:
                layers = [(width, 1, 1), (width, 3, stride), (outputs, 1, 1)]
            h, c = x, inputs
            for k, (channels, kernel, step) in enumerate(layers, 1):
                h = g.conv_norm(h, f"{p}.conv{k}", f"{p}.bn{k}", c, channels, kernel, step)
                h, c = g.node("Relu", h) if k < len(layers) else h, channels
            if stride != 1 or inputs != outputs:
                x = g.conv_norm(x, f"{p}.downsample.0", f"{p}.downsample.1", inputs, outputs, 1, stride)
            x, inputs = g.node("Relu", g.node("Add", x, h)), outputs
    return g.classify(x, "fc", inputs)


def mobilenet_v2(g):
    x, inputs, k = g.relu6(g.conv_norm("image", "features.0.0", "features.0.1", 3, 32, 3, 2)), 32, 1
    for expand, channels, repeats, first in [
            (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]:
        for i in range(repeats):
            wide, stride, h, j = expand * inputs, first if i == 0 else 1, x, 0
            if expand != 1:
                h, j = g.relu6(g.conv_norm(h, f"features.{k}.conv.0.0", f"features.{k}.conv.0.1", inputs, wide, 1)), 1
            h = g.relu6(g.conv_norm(h, f"features.{k}.conv.{j}.0", f"features.{k}.conv.{j}.1", wide, wide, 3, stride, wide))
            h = g.conv_norm(h, f"features.{k}.conv.{j + 1}", f"features.{k}.conv.{j + 2}", wide, channels, 1)
            x = g.node("Add", x, h) if stride == 1 and inputs == channels else h
            inputs, k = channels, k + 1
    x = g.relu6(g.conv_norm(x, f"features.{k}.0", f"features.{k}.1", inputs, 1280, 1))
    return g.classify(x, "classifier.1", 1280)


TORCHVISION = dict(
    patch="conv_proj", token="class_token", position="encoder.pos_embedding", block="encoder.layers.encoder_layer_{}",
    norm1="ln_1", qkv="self_attention.in_proj_", proj="self_attention.out_proj", norm2="ln_2", fc1="mlp.0", fc2="mlp.3",
    norm="encoder.ln", head="heads.head")
TIMM = dict(
    patch="patch_embed.proj", token="cls_token", position="pos_embed", block="blocks.{}",
    norm1="norm1", qkv="attn.qkv.", proj="attn.proj", norm2="norm2", fc1="mlp.fc1", fc2="mlp.fc2", norm="norm", head="head")


def vit(g, dim, depth, heads, names, patch=16):
    patches = (IMAGE[2] // patch) ** 2
    tokens = patches + 1
    x = g.conv("image", names["patch"], 3, dim, patch, patch, bias=True)
    x = g.node("Transpose", g.node("Reshape", x, g.tensor(np.array([1, dim, patches]))), perm=[0, 2, 1])
    x = g.node("Concat", g.tensor(g.weight(names["token"], (1, 1, dim), 0.02)), x, axis=1)
    x = g.node("Add", x, g.tensor(g.weight(names["position"], (1, tokens, dim), 0.02)))
    for i in range(depth):
        p = names["block"].format(i) + "."
        h = g.layer_norm(x, p + names["norm1"], dim)
        x = g.node("Add", x, g.attention(h, p + names["qkv"], p + names["proj"], dim, heads, tokens))
        h = g.gelu(g.linear(g.layer_norm(x, p + names["norm2"], dim), p + names["fc1"], dim, 4 * dim))
        x = g.node("Add", x, g.linear(h, p + names["fc2"], 4 * dim, dim))
    x = g.node("Gather", g.layer_norm(x, names["norm"], dim), g.tensor(np.int64(0)), axis=1)
    return g.gemm(x, names["head"], dim)


NETWORKS = {
    "resnet18": lambda g: resnet(g, [2, 2, 2, 2], False),
    "resnet50": lambda g: resnet(g, [3, 4, 6, 3], True),
    "mobilenet_v2": mobilenet_v2,
    "vit_tiny_patch16": lambda g: vit(g, 192, 12, 3, TIMM),
    "vit_b_16": lambda g: vit(g, 768, 12, 12, TORCHVISION),
}
