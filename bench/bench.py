#!/usr/bin/env python3
"""Times nncc beside ONNX Runtime, OpenVINO and ncnn on the same networks with the same weights, batch 1, f32.

    bench.py [--threads 1] [--rounds 5] [--max-ratio R] [--json FILE] [MODEL...]

The peers run in turns, half a second each a round, and the best time of all rounds counts: other work on the machine
then hits all alike. Every output is compared with ONNX Runtime's. Peers are installed into build/bench/venv on the first call.
"""
import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import time
import venv

ROOT = pathlib.Path(__file__).resolve().parents[1]
WORK = ROOT / "build" / "bench"
MODELS = ["resnet18", "resnet50", "mobilenet_v2", "vit_tiny_patch16", "vit_b_16"]
ROUND_SECONDS = 0.5
LOGITS_TOLERANCE = 1e-3

Paths = collections.namedtuple("Paths", "name onnx weights library")


def enter_venv():
    """Makes the environment if it is absent and continues inside it."""
    python = WORK / "venv" / "bin" / "python3"
    if pathlib.Path(sys.prefix) == python.parents[1]:
        return
    complete = WORK / "venv" / "complete"
    if not complete.exists():
        venv.create(WORK / "venv", with_pip=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", ROOT / "bench" / "requirements.txt"], check=True)
        subprocess.run([*pip, "--no-deps", "-r", ROOT / "bench" / "requirements-no-deps.txt"], check=True)
        complete.touch()
    os.execv(python, [str(python), *sys.argv])


def newer(made, source):
    return made.exists() and made.stat().st_mtime > source.stat().st_mtime


def prepare(name, nncc):
    """Writes the network for both sides and compiles ours."""
    import models
    from common import tensorfile
    paths = Paths(name, WORK / f"{name}.onnx", WORK / f"{name}.safetensors", WORK / f"{name}.so")
    if not newer(paths.onnx, pathlib.Path(models.__file__)):           # written last
        graph = models.Graph()
        logits = models.NETWORKS[name](graph)
        tensorfile.save(paths.weights, graph.weights)
        graph.save(logits, paths.onnx)
    if nncc:
        source = ROOT / "examples" / "models" / f"{name}.nn"
        subprocess.run([nncc, source, f"--weights={paths.weights}", "-o", paths.library], check=True)
    return paths


def measure(runs, rounds):
    """Seconds of the best call of each, in turns."""
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, run in runs.items():
            run()                                                       # warms caches after the others' turn
            end = time.perf_counter() + ROUND_SECONDS
            while True:
                start = time.perf_counter()
                run()
                now = time.perf_counter()
                best[name] = min(best[name], now - start)
                if now > end:
                    break
    return best


def bench(name, options):
    """Returns a row: each one's milliseconds and difference from ONNX Runtime, and the ratio of nncc to the best peer."""
    import numpy as np
    import models
    import peers
    chosen = [p for p in options.peers.split(",") if p != "nncc" or options.nncc]
    paths = prepare(name, options.nncc if "nncc" in chosen else None)
    x = np.random.default_rng(2).standard_normal(models.IMAGE).astype(np.float32)
    runs = {peer: peers.ALL[peer](paths, x, options.threads) for peer in chosen}
    outputs = {peer: np.array(run()).reshape(-1) for peer, run in runs.items()}
    reference = outputs.get("onnxruntime", next(iter(outputs.values())))
    best = measure(runs, options.rounds)
    others = [seconds for peer, seconds in best.items() if peer != "nncc"]
    return {"model": name, "threads": options.threads,
            "ms": {peer: round(1e3 * seconds, 3) for peer, seconds in best.items()},
            "difference": {peer: float(abs(y - reference).max() / abs(reference).max()) for peer, y in outputs.items()},
            "ratio": best["nncc"] / min(others) if "nncc" in best and others else None}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nncc", type=pathlib.Path, default=ROOT / "build" / "nncc")
    parser.add_argument("--peers", default="nncc,onnxruntime,openvino,ncnn", help="who takes part")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--max-ratio", type=float, help="fail when nncc takes more than this many times the best peer's time")
    parser.add_argument("--json", type=pathlib.Path, help="append a line a model")
    parser.add_argument("models", nargs="*", default=MODELS, metavar="MODEL", help=f"of {', '.join(MODELS)}")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    enter_venv()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "examples")]

    columns = options.peers.split(",")
    print(f"best of {options.rounds} rounds, ms, {options.threads} thread{'s' * (options.threads > 1)}, batch 1, f32")
    print(f"{'model':18}" + "".join(f"{peer:>13}" for peer in columns) + "   nncc / best peer")
    failed = False
    for name in options.models:
        row = bench(name, options)
        ratio = row["ratio"]
        times = "".join(f"{row['ms'].get(peer, float('nan')):13.2f}" for peer in columns)
        print(f"{name:18}{times}" + (f"   {ratio:.2f}" if ratio else ""), flush=True)
        if options.json:
            with options.json.open("a") as f:
                f.write(json.dumps(row) + "\n")
        for peer, difference in row["difference"].items():
            if not difference <= LOGITS_TOLERANCE:
                print(f"{name}: {peer} differs by {difference:.1e} of the largest logit", file=sys.stderr)
                failed |= peer == "nncc"
        failed |= bool(options.max_ratio and ratio and ratio > options.max_ratio)
    sys.exit(failed)


if __name__ == "__main__":
    main()
