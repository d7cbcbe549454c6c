"""The benchmark's networks, each built as ONNX with weights under the names of its examples/models/*.nn."""
import numpy as np


def resnet(g, depths, bottleneck):
    x = g.max_pool(g.relu(g.conv_norm("image", "conv1", "bn1", 64, 7, 2)), 3, 2, 1)
    for stage, depth in enumerate(depths, 1):
        width = 32 << stage
        outputs = 4 * width if bottleneck else width
        for i in range(depth):
            p, stride = f"layer{stage}.{i}", 2 if stage > 1 and i == 0 else 1
            layers = [(width, 3, stride), (width, 3, 1)]
            if bottleneck:
                layers = [(width, 1, 1), (width, 3, stride), (outputs, 1, 1)]
            h = x
            for k, (channels, kernel, step) in enumerate(layers, 1):
                h = g.conv_norm(h, f"{p}.conv{k}", f"{p}.bn{k}", channels, kernel, step)
                h = g.relu(h) if k < len(layers) else h
            if stride != 1 or g.channels[x] != outputs:
                x = g.conv_norm(x, f"{p}.downsample.0", f"{p}.downsample.1", outputs, 1, stride)
            x = g.relu(g.node("Add", x, h))
    return g.gemm(g.pooled(x), "fc", g.channels[x])


def vgg16(g):
    x, k = "image", 0
    for channels, depth in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]:
        for _ in range(depth):
            x, k = g.relu(g.conv(x, f"features.{k}", channels, 3, padding=1)), k + 2
        x, k = g.max_pool(x, 2, 2), k + 1
    x = g.relu(g.gemm(g.node("Flatten", x), "classifier.0", 7 * 7 * 512, 4096))
    x = g.relu(g.gemm(x, "classifier.3", 4096, 4096))
    return g.gemm(x, "classifier.6", 4096)


def mobilenet_v2(g):
    x, k = g.relu6(g.conv_norm("image", "features.0.0", "features.0.1", 32, 3, 2)), 1
    for expand, channels, repeats, first in [
            (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]:
        for i in range(repeats):
            inputs = g.channels[x]
            wide, stride, h, j = expand * inputs, first if i == 0 else 1, x, 0
            if expand != 1:
                h, j = g.relu6(g.conv_norm(h, f"features.{k}.conv.0.0", f"features.{k}.conv.0.1", wide, 1)), 1
            h = g.relu6(g.conv_norm(h, f"features.{k}.conv.{j}.0", f"features.{k}.conv.{j}.1", wide, 3, stride, wide))
            h = g.conv_norm(h, f"features.{k}.conv.{j + 1}", f"features.{k}.conv.{j + 2}", channels, 1)
            x, k = g.node("Add", x, h) if stride == 1 and inputs == channels else h, k + 1
    x = g.relu6(g.conv_norm(x, f"features.{k}.0", f"features.{k}.1", 1280, 1))
    return g.gemm(g.pooled(x), "classifier.1", 1280)


def squeezenet1_1(g):
    x = g.relu(g.conv("image", "features.0", 64, 3, 2))
    for k, squeezed, wide in [(3, 16, 64), (4, 16, 64), (6, 32, 128), (7, 32, 128),
                              (9, 48, 192), (10, 48, 192), (11, 64, 256), (12, 64, 256)]:
        x = g.max_pool(x, 3, 2, ceil=1) if k in (3, 6, 9) else x
        s = g.relu(g.conv(x, f"features.{k}.squeeze", squeezed, 1))
        x = g.concat(g.relu(g.conv(s, f"features.{k}.expand1x1", wide, 1)),
                     g.relu(g.conv(s, f"features.{k}.expand3x3", wide, 3, padding=1)))
    return g.pooled(g.relu(g.conv(x, "classifier.1", 1000, 1)))


def efficientnet_b0(g):
    x = g.silu(g.conv_norm("image", "features.0.0", "features.0.1", 32, 3, 2))
    for stage, (expand, channels, repeats, first, kernel) in enumerate([
            (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5),
            (6, 192, 4, 2, 5), (6, 320, 1, 1, 3)], 1):
        for i in range(repeats):
            inputs, p, j, h = g.channels[x], f"features.{stage}.{i}.block", 0, x
            wide, stride = expand * inputs, first if i == 0 else 1
            if expand != 1:
                h, j = g.silu(g.conv_norm(h, f"{p}.0.0", f"{p}.0.1", wide, 1)), 1
            h = g.silu(g.conv_norm(h, f"{p}.{j}.0", f"{p}.{j}.1", wide, kernel, stride, wide))
            h = g.squeeze_excite(h, f"{p}.{j + 1}", max(1, inputs // 4), g.silu, g.sigmoid)
            h = g.conv_norm(h, f"{p}.{j + 2}.0", f"{p}.{j + 2}.1", channels, 1)
            x = g.node("Add", x, h) if stride == 1 and inputs == channels else h
    x = g.silu(g.conv_norm(x, "features.8.0", "features.8.1", 1280, 1))
    return g.gemm(g.pooled(x), "classifier.1", 1280)


TORCHVISION = dict(
    patch="conv_proj", token="class_token", position="encoder.pos_embedding", block="encoder.layers.encoder_layer_{}",
    norm1="ln_1", qkv="self_attention.in_proj_", proj="self_attention.out_proj", norm2="ln_2", fc1="mlp.0", fc2="mlp.3",
    norm="encoder.ln", head="heads.head")
TIMM = dict(
    patch="patch_embed.proj", token="cls_token", position="pos_embed", block="blocks.{}",
    norm1="norm1", qkv="attn.qkv.", proj="attn.proj", norm2="norm2", fc1="mlp.fc1", fc2="mlp.fc2", norm="norm", head="head")


def vit(g, dim, depth, heads, names, patch=16):
    patches = (g.image[2] // patch) ** 2
    tokens = patches + 1
    x = g.conv("image", names["patch"], dim, patch, patch)
    x = g.node("Transpose", g.node("Reshape", x, g.ints(g.batch, dim, patches)), perm=[0, 2, 1])
    token = np.repeat(g.weight(names["token"], (1, 1, dim), 0.02), g.batch, axis=0)
    x = g.node("Concat", g.tensor(token), x, axis=1)
    x = g.node("Add", x, g.tensor(g.weight(names["position"], (1, tokens, dim), 0.02)))
    for i in range(depth):
        p = names["block"].format(i) + "."
        h = g.layer_norm(x, p + names["norm1"], dim)
        x = g.node("Add", x, g.attention(h, p + names["qkv"], p + names["proj"], dim, heads, g.batch, tokens))
        h = g.gelu(g.linear(g.layer_norm(x, p + names["norm2"], dim), p + names["fc1"], dim, 4 * dim))
        x = g.node("Add", x, g.linear(h, p + names["fc2"], 4 * dim, dim))
    x = g.node("Gather", g.layer_norm(x, names["norm"], dim), g.tensor(np.int64(0)), axis=1)
    return g.gemm(x, names["head"], dim)


NETWORKS = {
    "resnet18": lambda g: resnet(g, [2, 2, 2, 2], False),
    "resnet50": lambda g: resnet(g, [3, 4, 6, 3], True),
    "vgg16": vgg16,
    "mobilenet_v2": mobilenet_v2,
    "squeezenet1_1": squeezenet1_1,
    "efficientnet_b0": efficientnet_b0,
    "vit_tiny_patch16": lambda g: vit(g, 192, 12, 3, TIMM),
    "vit_b_16": lambda g: vit(g, 768, 12, 12, TORCHVISION),
}
