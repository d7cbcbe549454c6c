#!/usr/bin/env python3
"""Trains the CNN and the ViT of this folder and writes their weights; with --study, prints what each regulariser does.

    train.py                writes cnn.safetensors, vit.safetensors, heldout.npz, heldout_logits.npz and pictures/
    train.py --study        prints a table, about an hour on one core

Needs PyTorch (Debian's python3-torch with libopenblas0) and, to fetch the digits, pip.
"""
import argparse
import dataclasses
import pathlib
import sys

import numpy as np
import torch

import data
import networks
from training import Recipe, accuracy, predict, train

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from common import png, tensorfile

HERE = pathlib.Path(__file__).resolve().parent
ALL = frozenset({"rotation", "shift", "crop", "scale", "brightness"})

SHIPPED_CNN = Recipe("cnn", epochs=60, l2=1e-2, dropout=0.3, augmentation=ALL)
SHIPPED_VIT = Recipe("vit", epochs=80, l2=5e-2, augmentation=ALL, teacher=True)


def experiments():
    """Yields (row, Recipe): each changes one thing of the plain recipe."""
    cnn, vit = Recipe("cnn"), Recipe("vit", epochs=30)
    change = dataclasses.replace
    yield "CNN, no regulariser but batch norm", cnn
    yield "batch norm off", change(cnn, batch_norm=False)
    for rate in (0.2, 0.3, 0.4, 0.5):
        yield f"dropout {rate}", change(cnn, dropout=rate)
    for kind in ("rotation", "shift", "crop", "scale", "brightness"):
        yield kind, change(cnn, augmentation=frozenset({kind}))
    yield "rotation, shift, crop, scale, brightness", change(cnn, augmentation=ALL)
    for l2 in (1e-4, 1e-3, 1e-2, 1e-1):
        yield f"L2 {l2:g}", change(cnn, l2=l2)
    for patience in (5, 10):
        yield f"early stopping, patience {patience}", change(cnn, patience=patience, epochs=40)
    for batch in (16, 32, 128):
        yield f"mini-batch {batch} instead of 64", change(cnn, batch=batch)
    for layers in (1, 2):
        yield f"first {layers} of 3 convolutions frozen as shipped", change(cnn, frozen=layers)
    yield "augmentation, dropout 0.3, L2 0.01", change(cnn, augmentation=ALL, dropout=0.3, l2=1e-2)
    yield "ViT, no regulariser", vit
    yield "ViT, augmentation", change(vit, augmentation=ALL)
    yield "ViT, CNN as teacher", change(vit, teacher=True)
    yield "ViT, augmentation, CNN as teacher", change(vit, augmentation=ALL, teacher=True)


def study(wanted, x, labels, x_held, labels_held, seeds):
    """Prints a Markdown table. The shipped CNN is the teacher and lends the frozen layers."""
    trained = load("cnn")
    print(f"| change | held-out accuracy, mean of {seeds} seeds | each |\n|---|---|---|")
    for row, recipe in experiments():
        if recipe.network not in wanted:
            continue
        scores = []
        for seed in range(1, seeds + 1):
            model = train(dataclasses.replace(recipe, seed=seed), x, labels, trained)
            scores.append(100 * accuracy(predict(model, x_held), labels_held))
        print(f"| {row} | {np.mean(scores):.2f} % | {' '.join(f'{s:.1f}' for s in scores)} |", flush=True)


def save_pictures(pictures, labels):
    """Two held-out pictures of each digit, the truth in their names."""
    folder = HERE / "pictures"
    folder.mkdir(exist_ok=True)
    chosen = sorted(i for digit in range(10) for i in np.flatnonzero(labels == digit)[:2])
    for k, i in enumerate(chosen):
        png.save(folder / f"{k:02}_is_{labels[i]}.png", pictures[i])


def ship(name, recipe, x, labels, teacher=None):
    log = lambda text: print(f"{name}  {text}", flush=True)
    model = train(recipe, x, labels, teacher, log)
    tensorfile.save_state_dict(HERE / f"{name}.safetensors", model.state_dict())


def load(name):
    """The network as shipped."""
    model = networks.Cnn() if name == "cnn" else networks.Vit()
    state = {key: torch.tensor(a) for key, a in tensorfile.load(HERE / f"{name}.safetensors").items()}
    model.load_state_dict(state, strict=False)                          # batch norm's counters are not kept
    return model.eval()


def save_held_out(pictures, labels, x_held, labels_held):
    """What the native networks are compared with: the pictures, the labels, and these networks' logits."""
    logits = {name: predict(load(name), x_held) for name in ("cnn", "vit")}
    np.savez_compressed(HERE / "heldout.npz", pictures=pictures, labels=labels.astype(np.uint8))
    np.savez_compressed(HERE / "heldout_logits.npz", **{name: values.numpy() for name, values in logits.items()})
    save_pictures(pictures, labels)
    for name, values in logits.items():
        print(f"{name}: held-out accuracy {100 * accuracy(values, labels_held):.1f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=["cnn", "vit"], help="this one alone; the ViT learns from cnn.safetensors")
    parser.add_argument("--study", action="store_true")
    parser.add_argument("--seeds", type=int, default=2, help="runs behind each row of the study (default: 2)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cache", type=pathlib.Path, default=HERE.parents[1] / "build" / "packages")
    options = parser.parse_args()
    wanted = [options.network] if options.network else ["cnn", "vit"]
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)

    (pictures, labels), (pictures_held, labels_held) = data.load(options.cache)
    x, y = data.normalize(pictures), torch.from_numpy(labels)
    x_held, y_held = data.normalize(pictures_held), torch.from_numpy(labels_held)
    if options.study:
        study(wanted, x, y, x_held, y_held, options.seeds)
        return
    if "cnn" in wanted:
        ship("cnn", SHIPPED_CNN, x, y)
    if "vit" in wanted:
        ship("vit", SHIPPED_VIT, x, y, load("cnn"))
    save_held_out(pictures_held, labels_held, x_held, y_held)


if __name__ == "__main__":
    main()
