#!/usr/bin/env python3
"""Writes data/*.pt*: what PyTorch (python3-torch) itself makes of every type and stride, in both formats.

What is loaded as `ramp` has the elements 0 to 23 in the shape 2 x 3 x 4, however it is stored."""
import argparse
import collections
import pathlib
import zipfile

import numpy as np
import torch

data = pathlib.Path(__file__).resolve().parent / "data"
ramp = torch.arange(24.0).reshape(2, 3, 4)
types = {"f32": torch.float32, "f64": torch.float64, "f16": torch.float16, "bf16": torch.bfloat16, "i8": torch.int8,
         "i16": torch.int16, "i32": torch.int32, "i64": torch.int64, "u8": torch.uint8}

tensors = collections.OrderedDict((name, ramp.to(dtype)) for name, dtype in types.items())
tensors["bool"] = ramp % 2 == 1
tensors["permuted"] = ramp.permute(2, 1, 0).contiguous().permute(2, 1, 0)
tensors["channels_last"] = ramp[None].contiguous(memory_format=torch.channels_last)[0]
tensors["offset"] = torch.cat([torch.ones(5), ramp.flatten()])[5:].view(2, 3, 4)
tensors["every_second"] = torch.stack([ramp, -ramp], 3)[..., 0]
tensors["parameter"] = torch.nn.Parameter(ramp)
tensors["tied"] = tensors["f32"]
tensors["scalar"] = torch.tensor(7.0)
tensors["empty"] = torch.zeros(0, 5)
tensors["expanded"] = torch.zeros(1).expand(3)
tensors["sparse"] = torch.eye(2).to_sparse()
tensors["complex"] = torch.zeros(3, dtype=torch.complex64)
tensors["none"] = None
tensors["_extra_state"] = {"calls": 3}

optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1, momentum=0.9)
optimizer.param_groups[0]["params"][0].grad = torch.ones(2)
optimizer.step()
checkpoint = {
    "epoch": 3, "best": torch.tensor(0.9), "loss": [0.5, 1e-3], "seed": 2**80, "done": {1, 2}, "text": "état",
    "args": argparse.Namespace(lr=0.1, sizes=(1, 2)), "score": np.float64(0.5), "counts": np.arange(3),
    "state_dict": collections.OrderedDict(("module._orig_mod." + name, t) for name, t in tensors.items()),
    "optimizer": optimizer.state_dict(),
}
torch.save(tensors, data / "zip.pth")
torch.save(tensors, data / "legacy.pth", _use_new_zipfile_serialization=False)
torch.save(checkpoint, data / "training.pth")
torch.save(checkpoint, data / "training_protocol4.pth", pickle_protocol=4)
torch.save(checkpoint, data / "training_legacy.pth", _use_new_zipfile_serialization=False)
with zipfile.ZipFile(data / "zip.pth") as stored, zipfile.ZipFile(data / "deflated.pth", "w", zipfile.ZIP_DEFLATED) as to:
    for name in stored.namelist():  # as people do who pack a checkpoint once more
        to.writestr(name, stored.read(name))

net = torch.nn.Sequential(collections.OrderedDict(conv=torch.nn.Conv2d(1, 2, 3), norm=torch.nn.BatchNorm2d(2)))
torch.save(net, data / "module.pt")
torch.jit.script(torch.nn.Linear(1, 1)).save(str(data / "script.pt"))
