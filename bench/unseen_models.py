"""Networks that no example holds, as ONNX as PyTorch exports them, with weights under the names of unseen/*.nn."""

IMAGES = {"unet": (3, 256, 256), "mobilevit_xs": (3, 256, 256)}         # the others take 224 x 224


# ---- unet

def double_conv(g, x, name, channels):
    for i in (0, 3):
        x = g.relu(g.conv_norm(x, f"{name}.{i}", f"{name}.{i + 1}", channels, 3))
    return x


def unet(g):
    widths, skips = [32, 64, 128, 256, 512], []
    x = double_conv(g, "image", "enc.0", widths[0])
    for i in range(1, 5):
        skips.append(x)
        x = double_conv(g, g.max_pool(x, 2, 2), f"enc.{i}", widths[i])
    for i in (3, 2, 1, 0):
        x = g.node("DepthToSpace", g.conv(x, f"up.{i}.proj", 4 * widths[i], 1), blocksize=2, mode="CRD")
        g.channels[x] = widths[i]
        x = double_conv(g, g.concat(skips[i], x), f"dec.{i}", widths[i])
    return g.conv(x, "out", 2, 1)


# ---- convnext

def norm_channels(g, x, name):
    channels = g.channels[x]
    y = g.layer_norm(g.node("Transpose", x, perm=[0, 2, 3, 1]), name, channels)
    return g.node("Transpose", y, perm=[0, 3, 1, 2])


def convnext(g):
    x = norm_channels(g, g.conv("image", "features.0.0", 64, 4, 4), "features.0.1")
    for stage, (channels, depth) in enumerate([(64, 2), (128, 2), (256, 6), (512, 2)]):
        if stage:
            x = g.conv(norm_channels(g, x, f"features.{2 * stage}.0"), f"features.{2 * stage}.1", channels, 2, 2)
        for i in range(depth):
            p = f"features.{2 * stage + 1}.{i}"
            h = g.node("Transpose", g.conv(x, f"{p}.block.0", channels, 7, 1, 3, channels), perm=[0, 2, 3, 1])
            h = g.layer_norm(h, f"{p}.block.2", channels)
            h = g.gelu(g.linear(h, f"{p}.block.3", channels, 4 * channels))
            h = g.node("Transpose", g.linear(h, f"{p}.block.5", 4 * channels, channels), perm=[0, 3, 1, 2])
            scale = g.tensor(g.weight(f"{p}.layer_scale", (channels, 1, 1)))
            x = g.node("Add", x, g.node("Mul", scale, h))
            g.channels[x] = channels
    x = g.node("Flatten", g.node("GlobalAveragePool", x))
    return g.gemm(g.layer_norm(x, "classifier.0", 512), "classifier.2", 512)


# ---- shufflenet_v2

def shuffled(g, x, size):
    channels = g.channels[x]
    x = g.node("Reshape", x, g.ints(g.batch, 2, channels // 2, size, size))
    x = g.node("Reshape", g.node("Transpose", x, perm=[0, 2, 1, 3, 4]), g.ints(g.batch, channels, size, size))
    g.channels[x] = channels
    return x


def shuffle_branch(g, x, name, channels, stride):
    x = g.relu(g.conv_norm(x, f"{name}.0", f"{name}.1", channels, 1))
    x = g.conv_norm(x, f"{name}.3", f"{name}.4", channels, 3, stride, channels)
    return g.relu(g.conv_norm(x, f"{name}.5", f"{name}.6", channels, 1))


def shufflenet_v2(g):
    x = g.max_pool(g.relu(g.conv_norm("image", "conv1.0", "conv1.1", 24, 3, 2)), 3, 2, 1)
    for stage, channels, repeats, size in [(2, 116, 4, 28), (3, 232, 8, 14), (4, 464, 4, 7)]:
        for i in range(repeats):
            p, half = f"stage{stage}.{i}", channels // 2
            if i == 0:
                a = g.conv_norm(x, f"{p}.branch1.0", f"{p}.branch1.1", g.channels[x], 3, 2, g.channels[x])
                a = g.relu(g.conv_norm(a, f"{p}.branch1.2", f"{p}.branch1.3", half, 1))
                b = shuffle_branch(g, x, f"{p}.branch2", half, 2)
            else:
                a, b = g.node("Split", x, g.ints(half, half), outputs=2, axis=1)
                g.channels[a] = g.channels[b] = half
                b = shuffle_branch(g, b, f"{p}.branch2", half, 1)
            x = shuffled(g, g.concat(a, b), size)
    x = g.relu(g.conv_norm(x, "conv5.0", "conv5.1", 1024, 1))
    return g.gemm(g.node("ReduceMean", x, axes=[2, 3], keepdims=0), "fc", 1024)


# ---- densenet121

def densenet121(g):
    x = g.max_pool(g.relu(g.conv_norm("image", "features.conv0", "features.norm0", 64, 7, 2)), 3, 2, 1)
    for block, layers in enumerate([6, 12, 24, 16], 1):
        seen = [x]
        for i in range(1, layers + 1):
            p = f"features.denseblock{block}.denselayer{i}"
            h = g.concat(*seen) if i > 1 else x
            h = g.conv(g.relu(g.batch_norm(h, f"{p}.norm1")), f"{p}.conv1", 128, 1, bias=False)
            seen.append(g.conv(g.relu(g.batch_norm(h, f"{p}.norm2")), f"{p}.conv2", 32, 3, padding=1, bias=False))
        x = g.concat(*seen)
        if block < 4:
            p = f"features.transition{block}"
            x = g.conv(g.relu(g.batch_norm(x, f"{p}.norm")), f"{p}.conv", g.channels[x] // 2, 1, bias=False)
            x = g.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    return g.gemm(g.pooled(g.relu(g.batch_norm(x, "features.norm5"))), "classifier", 1024)


# ---- mobilenet_v3

MOBILENET_V3 = [                                    # kernel, wide, channels, squeeze-excite, hardswish, stride
    (3, 16, 16, False, False, 1), (3, 64, 24, False, False, 2), (3, 72, 24, False, False, 1), (5, 72, 40, True, False, 2),
    (5, 120, 40, True, False, 1), (5, 120, 40, True, False, 1), (3, 240, 80, False, True, 2), (3, 200, 80, False, True, 1),
    (3, 184, 80, False, True, 1), (3, 184, 80, False, True, 1), (3, 480, 112, True, True, 1), (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2), (5, 960, 160, True, True, 1), (5, 960, 160, True, True, 1)]


def divisible(v):
    n = max(8, int(v + 4) // 8 * 8)
    return n + 8 if n < 0.9 * v else n


def mobilenet_v3(g):
    eps = 1e-3
    x = g.hardswish(g.conv_norm("image", "features.0.0", "features.0.1", 16, 3, 2, eps=eps))
    for k, (kernel, wide, channels, excite, swish, stride) in enumerate(MOBILENET_V3, 1):
        inputs, act, h, j = g.channels[x], g.hardswish if swish else g.relu, x, 0
        p = f"features.{k}.block"
        if wide != inputs:
            h, j = act(g.conv_norm(h, f"{p}.0.0", f"{p}.0.1", wide, 1, eps=eps)), 1
        h = act(g.conv_norm(h, f"{p}.{j}.0", f"{p}.{j}.1", wide, kernel, stride, wide, eps=eps))
        if excite:
            h, j = g.squeeze_excite(h, f"{p}.{j + 1}", divisible(wide // 4), g.relu, g.hardsigmoid), j + 1
        h = g.conv_norm(h, f"{p}.{j + 1}.0", f"{p}.{j + 1}.1", channels, 1, eps=eps)
        x = g.node("Add", x, h) if stride == 1 and inputs == channels else h
    x = g.hardswish(g.conv_norm(x, "features.16.0", "features.16.1", 960, 1, eps=eps))
    return g.gemm(g.hardswish(g.gemm(g.pooled(x), "classifier.0", 960, 1280)), "classifier.3", 1280)


# ---- mobilevit_xs

def wide_residual(g, x, name, channels, stride=1):
    inputs = g.channels[x]
    h = g.silu(g.conv_norm(x, f"{name}.conv1.0", f"{name}.conv1.1", 4 * inputs, 1))
    h = g.silu(g.conv_norm(h, f"{name}.conv2.0", f"{name}.conv2.1", 4 * inputs, 3, stride, 4 * inputs))
    h = g.conv_norm(h, f"{name}.conv3.0", f"{name}.conv3.1", channels, 1)
    return g.node("Add", x, h) if stride == 1 and inputs == channels else h


def mobilevit(g, x, name, dim, depth, size):
    channels, half = g.channels[x], size // 2
    tokens, rows = half * half, 4 * g.batch
    t = g.silu(g.conv_norm(x, f"{name}.local.0", f"{name}.local.1", channels, 3))
    t = g.node("Reshape", g.conv(t, f"{name}.expand", dim, 1, bias=False), g.ints(g.batch, dim, half, 2, half, 2))
    t = g.node("Reshape", g.node("Transpose", t, perm=[0, 3, 5, 2, 4, 1]), g.ints(rows, tokens, dim))
    for i in range(depth):
        p = f"{name}.layers.{i}"
        h = g.layer_norm(t, f"{p}.norm1", dim, 1e-5)
        t = g.node("Add", t, g.attention(h, f"{p}.attn.qkv.", f"{p}.attn.proj", dim, 4, rows, tokens))
        h = g.silu(g.linear(g.layer_norm(t, f"{p}.norm2", dim, 1e-5), f"{p}.fc1", dim, 2 * dim))
        t = g.node("Add", t, g.linear(h, f"{p}.fc2", 2 * dim, dim))
    t = g.node("Reshape", g.layer_norm(t, f"{name}.norm", dim, 1e-5), g.ints(g.batch, 2, 2, half, half, dim))
    t = g.node("Reshape", g.node("Transpose", t, perm=[0, 5, 3, 1, 4, 2]), g.ints(g.batch, dim, size, size))
    g.channels[t] = dim
    t = g.silu(g.conv_norm(t, f"{name}.reduce.0", f"{name}.reduce.1", channels, 1))
    return g.silu(g.conv_norm(g.concat(x, t), f"{name}.fuse.0", f"{name}.fuse.1", channels, 3))


def mobilevit_xs(g):
    x = wide_residual(g, g.silu(g.conv_norm("image", "stem.0", "stem.1", 16, 3, 2)), "stage1.0", 32)
    for i in range(3):
        x = wide_residual(g, x, f"stage2.{i}", 48, 1 if i else 2)
    for stage, channels, dim, depth, size in [(3, 64, 96, 2, 32), (4, 80, 120, 4, 16), (5, 96, 144, 3, 8)]:
        x = wide_residual(g, x, f"stage{stage}.0", channels, 2)
        x = mobilevit(g, x, f"stage{stage}.1", dim, depth, size)
    x = g.silu(g.conv_norm(x, "head.0", "head.1", 384, 1))
    return g.gemm(g.pooled(x), "fc", 384)


NETWORKS = {"unet": unet, "convnext": convnext, "shufflenet_v2": shufflenet_v2, "densenet121": densenet121,
            "mobilenet_v3": mobilenet_v3, "mobilevit_xs": mobilevit_xs}
