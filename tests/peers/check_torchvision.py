#!/usr/bin/env python3
"""Compares the networks of examples/models/ with torchvision's and timm's, weight by weight and logit by logit.

    check_torchvision.py [--nncc build/nncc] [MODEL...]

For each model a seeded checkpoint is written with every value random (also batch norm's statistics and what starts as
zero), the names and shapes that `nncc inspect --weights` prints must equal its state_dict(), and the logits that
`nncc run` gives must agree to 1e-4 of the largest. Needs python3-torch and python3-torchvision; timm is taken from PyPI as a wheel.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torchvision

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples"))
from common import pypi, tensorfile

TOLERANCE = 1e-4
BATCH = 2
SIDES = {"ssdlite320": 320}  # of pictures; the others take 224


def timm_vit_tiny():
    sys.path.append(pypi.fetch("timm", "1.0.31", ROOT / "build" / "packages").filename)
    import timm
    return timm.create_model("vit_tiny_patch16_224")


def googlenet():
    return torchvision.models.googlenet(aux_logits=False, transform_input=True, init_weights=False)


def ssdlite():
    """What the network computes, without the boxes' decoding that follows."""
    model = torchvision.models.detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)

    def forward(x):
        found = model.head(list(model.backbone(x).values()))
        return {"scores": found["cls_logits"], "boxes": found["bbox_regression"]}
    model.forward = forward
    return model


MODELS = {
    "alexnet": torchvision.models.alexnet,
    "googlenet": googlenet,
    "mnasnet1_0": torchvision.models.mnasnet1_0,
    "regnet_y_400mf": torchvision.models.regnet_y_400mf,
    "resnext50_32x4d": torchvision.models.resnext50_32x4d,
    "swin_t": torchvision.models.swin_t,
    "resnet18": torchvision.models.resnet18,
    "resnet50": torchvision.models.resnet50,
    "vgg16": torchvision.models.vgg16,
    "mobilenet_v2": torchvision.models.mobilenet_v2,
    "ssdlite320": ssdlite,
    "squeezenet1_1": torchvision.models.squeezenet1_1,
    "efficientnet_b0": torchvision.models.efficientnet_b0,
    "vit_b_16": torchvision.models.vit_b_16,
    "vit_tiny_patch16": timm_vit_tiny,
}


def randomise(model, seed):
    """Nothing stays at a value that would hide a mistake; matrices keep the scale that lets signals through."""
    torch.manual_seed(seed)
    for name, t in model.state_dict().items():
        if name.endswith("running_var"):
            t.uniform_(0.5, 1.5)
        elif t.dim() in (2, 4):
            torch.nn.init.kaiming_normal_(t, nonlinearity="linear")
        elif t.is_floating_point():
            t.normal_(1.0 if t.dim() == 1 and name.endswith("weight") else 0.0, 0.1)


def names_of(state):
    unread = "num_batches_tracked", "relative_position_index"
    return {name: "x".join(map(str, t.shape)) for name, t in state.items() if not name.endswith(unread)}


def differences(expected, found):
    lines = [f"  {name}: expected {shape}, nncc has {found.get(name, 'none')}"
             for name, shape in expected.items() if found.get(name) != shape]
    return lines + [f"  {name}: not in state_dict" for name in found if name not in expected]


def check(nncc, name, folder):
    """Returns a list of complaints."""
    source = ROOT / "examples" / "models" / f"{name}.nn"
    model = MODELS[name]().eval()
    randomise(model, seed=1)
    tensorfile.save_state_dict(folder / "weights.safetensors", model.state_dict())
    side = SIDES.get(name, 224)
    x = torch.randn(BATCH, 3, side, side)
    with torch.no_grad():
        expected = model(x)
    expected = expected if isinstance(expected, dict) else {"logits": expected}
    np.savez(folder / "in.npz", image=x.numpy())

    listed = subprocess.run([nncc, "inspect", "--weights", source], check=True, capture_output=True, text=True).stdout
    wrong = differences(names_of(model.state_dict()), dict(line.split() for line in listed.splitlines()))
    arrays = ["--input", folder / "in.npz", "--output", folder / "out.npz"]
    subprocess.run([nncc, "run", source, f"--weights={folder / 'weights.safetensors'}", *arrays], check=True, stdout=subprocess.DEVNULL)
    found = np.load(folder / "out.npz")
    for output, logits in expected.items():
        largest = np.abs(logits.numpy()).max()
        error = np.abs(found[output] - logits.numpy()).max() / largest
        print(f"{name:18} {len(names_of(model.state_dict())):4} weights   largest of {output} {largest:9.3f}   "
              f"relative difference {error:.1e}", flush=True)
        if not error <= TOLERANCE:
            wrong.append(f"  {output} differ by {error:.1e}, allowed {TOLERANCE:.0e}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nncc", default=ROOT / "build" / "nncc")
    parser.add_argument("models", nargs="*", default=list(MODELS), metavar="MODEL")
    options = parser.parse_args()
    torch.set_num_threads(1)
    failed = False
    for name in options.models:
        with tempfile.TemporaryDirectory() as folder:
            for complaint in check(options.nncc, name, pathlib.Path(folder)):
                print(f"{name}:{complaint}", file=sys.stderr)
                failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main()
