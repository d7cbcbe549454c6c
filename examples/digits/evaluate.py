#!/usr/bin/env python3
"""Runs the compiled networks on the 1,000 held-out digits and compares them with what PyTorch answered.

    evaluate.py [--nncc build/nncc] [--run-option=--threads=2 ...]

Fails unless the accuracies are equal and every picture's logits agree to 1e-4 of its largest. Needs numpy.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
MEAN, STD = 0.1307, 0.3081                       # as `meta` of cnn.nn and vit.nn
TOLERANCE = 1e-4


def native_logits(nncc, name, pictures, run_options):
    image = ((pictures.astype(np.float32) / np.float32(255) - np.float32(MEAN)) / np.float32(STD))[:, None]
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/in.npz", image=image)
        arrays = ["--input", f"{folder}/in.npz", "--output", f"{folder}/out.npz"]
        subprocess.run([nncc, "run", HERE / f"{name}.nn", *arrays, *run_options], check=True, stdout=subprocess.DEVNULL)
        return np.load(f"{folder}/out.npz")["logits"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nncc", default=HERE.parents[1] / "build" / "nncc")
    parser.add_argument("--run-option", action="append", default=[], help="passed on to nncc run")
    options = parser.parse_args()
    held, framework = np.load(HERE / "heldout.npz"), np.load(HERE / "heldout_logits.npz")
    failed = False
    for name in ("cnn", "vit"):
        found, expected = native_logits(options.nncc, name, held["pictures"], options.run_option), framework[name]
        right = [(logits.argmax(1) == held["labels"]).sum() for logits in (found, expected)]
        error = (np.abs(found - expected).max(1) / np.abs(expected).max(1)).max()
        count = len(held["labels"])
        print(f"{name}  held-out accuracy {100 * right[0] / count:.1f}% ({right[0]} of {count}), "
              f"PyTorch's {100 * right[1] / count:.1f}%, logits differ by at most {error:.1e}")
        failed |= bool(right[0] != right[1] or not error <= TOLERANCE)
    sys.exit(failed)


if __name__ == "__main__":
    main()
