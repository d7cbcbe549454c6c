#!/usr/bin/env python3
"""Runs one network with its weights in every file that torch.save can make of them.

    check_checkpoints.py [--nncc build/nncc]

The outputs must be bitwise those with the same weights in safetensors. Needs python3-torch and python3-torchvision.
"""
import argparse
import collections
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torchvision

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples"))
from common import tensorfile


def prefixed(state, prefix):
    return collections.OrderedDict((prefix + name, t) for name, t in state.items())


def training(model, state):
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(2, 3, 64, 64)).sum().backward()
    optimizer.step()
    return {"epoch": 1, "state_dict": state, "optimizer": optimizer.state_dict(), "best": torch.tensor(0.5)}


def checkpoints(model):
    """(what it is, object, options of torch.save) of each."""
    state = collections.OrderedDict((name, t.clone()) for name, t in model.state_dict().items())
    strided = collections.OrderedDict(
        (name, t.contiguous(memory_format=torch.channels_last) if t.dim() == 4 else t) for name, t in state.items())
    flat = torch.cat([t.flatten().float() for t in state.values()])
    starts = np.cumsum([0] + [t.numel() for t in state.values()])
    views = {name: flat[starts[i]:starts[i + 1]].view(t.shape) for i, (name, t) in enumerate(state.items())}
    legacy = {"_use_new_zipfile_serialization": False}
    yield "state dict", state, {}
    yield "legacy", state, legacy
    for protocol in 3, 4, 5:
        yield f"protocol {protocol}", state, {"pickle_protocol": protocol}
        yield f"legacy, protocol {protocol}", state, {"pickle_protocol": protocol, **legacy}
    yield "channels last", strided, {}
    yield "one storage", views, {}
    yield "one storage, legacy", views, legacy
    yield "module", model, {}
    yield "module, legacy", model, legacy
    yield "DataParallel", prefixed(state, "module."), {}
    yield "compiled, DataParallel", prefixed(state, "module._orig_mod."), {}
    yield "training", training(model, prefixed(state, "module.")), {}


def run(nncc, source, weights, folder):
    subprocess.run([nncc, "run", source, f"--weights={weights}", "--input", folder / "in.npz", "--output", folder / "out.npz"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return np.load(folder / "out.npz")["logits"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nncc", default=ROOT / "build" / "nncc")
    options = parser.parse_args()
    source = ROOT / "examples" / "models" / "resnet18.nn"
    torch.manual_seed(1)
    model = torchvision.models.resnet18().eval()
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        np.savez(folder / "in.npz", image=torch.randn(1, 3, 224, 224).numpy())
        tensorfile.save_state_dict(folder / "weights.safetensors", model.state_dict())
        expected = run(options.nncc, source, folder / "weights.safetensors", folder)
        for what, value, how in checkpoints(model):
            torch.save(value, folder / "weights.pth", **how)
            same = np.array_equal(run(options.nncc, source, folder / "weights.pth", folder), expected)
            print(f"{what:26} {'equal' if same else 'DIFFERENT'}", flush=True)
            failed |= not same
    sys.exit(failed)


if __name__ == "__main__":
    main()
