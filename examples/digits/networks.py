"""The networks of cnn.nn and vit.nn in PyTorch; module names are the weight names, as @path states them there."""
import torch
from torch import nn
from torch.nn import functional as F


def conv_norm_relu(inputs, channels, kernel, batch_norm):
    layers = nn.Sequential()
    layers.add_module("conv", nn.Conv2d(inputs, channels, kernel, padding=kernel // 2, bias=not batch_norm))
    if batch_norm:
        layers.add_module("norm", nn.BatchNorm2d(channels))
    layers.add_module("relu", nn.ReLU())
    return layers


class Cnn(nn.Module):
    def __init__(self, dropout=0.3, batch_norm=True):
        super().__init__()
        self.layer1 = conv_norm_relu(1, 24, 5, batch_norm)
        self.layer2 = conv_norm_relu(24, 48, 3, batch_norm)
        self.layer3 = conv_norm_relu(48, 64, 3, batch_norm)
        self.fc1 = nn.Linear(64 * 7 * 7, 96)
        self.fc2 = nn.Linear(96, 10)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = F.max_pool2d(self.layer1(x), 2)
        x = F.max_pool2d(self.layer3(self.layer2(x)), 2)
        x = F.relu(self.fc1(self.dropout(x.flatten(1))))
        return self.fc2(self.dropout(x))


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1) * (d // self.heads) ** -0.5).softmax(-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(n, t, d))


class Encoder(nn.Module):
    def __init__(self, dim, heads, dropout):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(dim, 4 * dim), "fc2": nn.Linear(4 * dim, dim)})
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = x + self.dropout(self.attn(self.norm1(x)))
        return x + self.dropout(self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x)))))


class Vit(nn.Module):
    def __init__(self, dropout=0.0, dim=64, depth=4, heads=4, patch=4):
        super().__init__()
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(1, dim, patch, stride=patch)})
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, 1 + (28 // patch) ** 2, dim))
        self.blocks = nn.ModuleList(Encoder(dim, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.head = nn.Linear(dim, 10)

    def forward(self, x):
        x = self.patch_embed["proj"](x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])
