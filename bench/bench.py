#!/usr/bin/env python3
"""Times nncc beside ONNX Runtime, OpenVINO and ncnn: the same networks with the same weights, one machine, one run.

Each engine has a process of its own, and only one of them runs at a time: the others are stopped. They take turns, a
fraction of a second each a round, so that other work on the machine hits all alike. Every output is compared with ONNX
Runtime's. The peers are installed into build/bench/venv on the first call.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import time
import venv

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
# Of the largest element of ONNX Runtime's output, that of the same model. Of int8 roundings differ: tests/peers/check_qdq.py
# measures how much is due to ours.
TOLERANCE = {"f32": 1e-3, "bf16": 5e-2, "int8": 0.3}
LEAST_RUNS = 3                                  # in a turn


def enter_venv(folder):
    """Makes the environment where it is absent or out of date, and continues inside it."""
    python = folder / "bin" / "python3"
    if pathlib.Path(sys.prefix) == folder:
        return
    lists = [HERE / "requirements.txt", HERE / "requirements-no-deps.txt"]
    wanted, complete = "".join(path.read_text() for path in lists), folder / "complete"
    if not complete.exists() or complete.read_text() != wanted:
        venv.create(folder, with_pip=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", lists[0]], check=True)
        subprocess.run([*pip, "--no-deps", "-r", lists[1]], check=True)
        complete.write_text(wanted)
    os.execv(python, [str(python), *sys.argv])


def clock():
    return time.clock_gettime(time.CLOCK_MONOTONIC)


class Worker:
    """An engine in its process, stopped but in its turns."""

    def __init__(self, engine, job):
        self.errors = job.with_suffix(f".{engine}.log")
        environment = {**os.environ, "OMP_NUM_THREADS": str(json.loads(job.read_text())["threads"])}
        born = clock()
        with open(self.errors, "w") as log:
            self.process = subprocess.Popen([sys.executable, str(HERE / "worker.py"), engine, str(job)], text=True, bufsize=1,
                                            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self.born = born

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            said = self.errors.read_text().strip().splitlines()
            raise RuntimeError(said[-1] if said else f"ended with status {self.process.returncode}")
        return json.loads(line)

    def opened(self):
        """Waits for the first result: {"start_s", "load_s", "base_mb"}."""
        first = self.answer()
        first["start_s"] = first.pop("first") - self.born
        return first

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)

    def turn(self, seconds):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(f"{LEAST_RUNS} {seconds}\n")
        times = self.answer()
        self.stop()
        return times

    def end(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def start_costs(engine, job, starts):
    """The best of some starts, and the memory of one more, on top of Python, numpy and the input."""
    import memory
    opened = []
    for _ in range(starts):
        worker = Worker(engine, job)
        opened.append(worker.opened())
        worker.end()
    worker = Worker(engine, job)
    with memory.Watch(worker.process.pid) as watch:
        base = worker.opened()["base_mb"]
        worker.turn(0)
        worker.end()
    return {"start_s": min(o["start_s"] for o in opened), "load_s": min(o["load_s"] for o in opened),
            "peak_mb": watch.peak_mb - base}


def take_turns(workers, options):
    """Seconds of every run of each, over all rounds; each round begins with another engine."""
    times = {engine: [] for engine in workers}
    order = list(workers)
    for _ in range(options.rounds):
        for engine in order:
            times[engine] += workers[engine].turn(options.seconds)
        order = order[1:] + order[:1]
    return times


def build_start(work):
    compiler = os.environ.get("CC") or shutil.which("cc") or "gcc"
    subprocess.run([compiler, "-O2", f"-I{ROOT}", HERE / "start.c", "-o", work / "start", "-ldl"], check=True)


def start_natively(case, threads, starts):
    """What a C program pays: exec to first result, memory, and the sizes that the library states."""
    program = case.work / "start"
    best = None
    for _ in range(starts):
        born = clock()
        said = subprocess.run([program, case.library("nncc"), case.symbols("nncc"), str(threads)], check=True, capture_output=True, text=True)
        found = json.loads(said.stdout)
        seconds = found.pop("first") - born
        if best is None or seconds < best["start_s"]:
            best = {"start_s": seconds, **found}
    return best


def peak(nncc, threads):
    said = subprocess.run([nncc, "bench", "--peak", f"--threads={threads}", "--json"], check=True, capture_output=True)
    return json.loads(said.stdout)


def compare(case, chosen):
    """The largest difference of each engine from ONNX Runtime, relative to the largest element."""
    import numpy as np
    outputs = {engine: np.load(case.outputs[engine]).reshape(case.batch, -1) for engine in chosen}
    want = outputs.get("onnxruntime")
    if want is None:
        return {}
    return {engine: float(abs(y.reshape(want.shape) - want).max() / abs(want).max()) for engine, y in outputs.items()}


def measure(case, threads, options):
    """One network at one batch size on some threads: a row of the results."""
    import statistics
    job, workers, costs = case.job(threads), {}, {}
    errors = {engine: text for engine, text in case.errors.items() if engine in options.engines}
    for engine in options.engines:
        if engine in errors:
            continue
        try:
            costs[engine] = {} if options.quick else start_costs(engine, job, options.starts)
            workers[engine] = Worker(engine, job)
            workers[engine].opened()
            workers[engine].stop()
        except RuntimeError as error:
            errors[engine] = str(error)
            workers.pop(engine, None)
    try:
        machine = peak(options.nncc, threads)
        times = take_turns(workers, options)
    finally:
        for worker in workers.values():
            worker.end()
    differences, found = compare(case, workers), {}
    for engine, seconds in times.items():
        best = min(seconds)
        found[engine] = {
            "best_ms": 1e3 * best, "median_ms": 1e3 * statistics.median(seconds), "runs": len(seconds),
            "images_per_s": case.batch / best, "gflops": 2e-9 * case.facts["macs"] / best,
            "of_peak": 2e-9 * case.facts["macs"] / best / machine["peak_gflops"],
            "difference": differences.get(engine), **costs[engine]}
    row = {"model": case.name, "batch": case.batch, "threads": threads, "macs": case.facts["macs"],
           "peak_gflops": machine["peak_gflops"], "engines": found, "errors": errors, "ratios": ratios(found)}
    if "nncc" in found:
        row["library"] = library_facts(case, threads, options)
    return row


def ratios(found):
    """Of our best time to each peer's, and to the best peer's."""
    if "nncc" not in found or len(found) == 1:
        return {}
    ours = found["nncc"]["best_ms"]
    each = {engine: ours / other["best_ms"] for engine, other in found.items() if engine != "nncc"}
    return {**each, "best_peer": max(each.values())}


def library_facts(case, threads, options):
    native = start_natively(case, threads, 1 if options.quick else options.starts)
    size, packed, source = case.library("nncc").stat().st_size, native["weights_bytes"], case.facts["weights_bytes"]
    return {**case.build, "bytes": size, "code_bytes": size - packed, "weights_bytes": packed, "source_weights_bytes": source,
            "packing": packed / source, "arena_bytes": native["arena_bytes"], "native_start_s": native["start_s"],
            "native_pss_mb": native["pss_kb"] / 1024}


def describe_run(options):
    from importlib import metadata

    import engines
    revision = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    peaks = {threads: peak(options.nncc, threads) for threads in options.threads}
    return {"schema": 1, "dtype": options.dtype, "date": datetime.datetime.now().isoformat(timespec="minutes"),
            "cpu": next(iter(peaks.values()))["cpu"], "system": platform.platform(), "revision": revision.stdout.strip(),
            "peak_gflops": {str(threads): found["peak_gflops"] for threads, found in peaks.items()},
            "versions": {p: metadata.version(p) for p in options.engines if p not in engines.OURS}, "rounds": options.rounds,
            "seconds": options.seconds, "rows": []}


def parse_arguments(arguments=None):
    def listed(text):
        return text.split(",")

    def numbers(text):
        return [int(part) for part in text.split(",")]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=listed, metavar="A,B", help="default: the eight of models.py")
    parser.add_argument("--unseen", action="store_true", help="the networks of unseen_models.py instead")
    parser.add_argument("--engines", type=listed, metavar="A,B",
                        help="of nncc, imported (nncc from the network's ONNX file), onnxruntime, openvino and ncnn")
    parser.add_argument("--int8", dest="dtype", action="store_const", const="int8",
                        help="int8 copies of the networks, made by ONNX Runtime's quantizer")
    parser.add_argument("--bf16", dest="dtype", action="store_const", const="bf16",
                        help="nncc's --precision=bf16 beside OpenVINO's bf16")
    parser.add_argument("--threads", type=numbers, default=[1, 2], metavar="N,M")
    parser.add_argument("--batches", type=numbers, default=[1], metavar="N,M")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="the length of a turn (default 0.5)")
    parser.add_argument("--starts", type=int, default=3, help="cold starts to take the best of (default 3)")
    parser.add_argument("--quick", action="store_true", help="measure neither cold starts nor memory")
    parser.add_argument("--prepare", action="store_true", help="only make the files that a measurement needs")
    parser.add_argument("--prepared", action="store_true", help="measure with the files that are there")
    parser.add_argument("--nncc", type=pathlib.Path, default=ROOT / "build" / "nncc")
    parser.add_argument("--nncc-flag", action="append", default=[], metavar="FLAG",
                        help="for the compiler, e.g. -mcpu=x86-64-v3")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build" / "bench", help="where files go")
    parser.add_argument("--text", type=pathlib.Path, help="also write the tables there")
    parser.add_argument("--json", type=pathlib.Path, help="write the results as JSON")
    parser.add_argument("--svg", type=pathlib.Path, help="draw the results")
    parser.add_argument("--max-ratio", type=float, help="fail when nncc takes more than this many times the best peer's time")
    options = parser.parse_args(arguments)
    options.dtype = options.dtype or "f32"
    options.engines = options.engines or (["nncc", "openvino"] if options.dtype == "bf16" else
                                          ["nncc", "onnxruntime", "openvino", "ncnn"])
    return options


def run(options):
    import models
    import plot
    import prepare
    import report
    import unseen_models
    names = options.networks or list(unseen_models.NETWORKS if options.unseen else models.NETWORKS)
    cases = [prepare.Case(name, batch, options.work, options.dtype) for batch in options.batches for name in names]
    for case in cases:
        if not options.prepared:
            case.prepare(options.engines, options.nncc, options.nncc_flag)
    if not options.prepared:
        build_start(options.work)
    if options.prepare:
        return True
    results, out = describe_run(options), report.Output(options.text)
    for case in cases:
        case.read()
    for threads in options.threads:
        for batch in options.batches:
            rows = []
            out.print(report.speed_heading(results, threads, batch, options.engines))
            for case in (c for c in cases if c.batch == batch):
                rows.append(measure(case, threads, options))
                out.print(report.speed_row(rows[-1], options.engines))
            out.print(report.means_row(rows, options.engines))
            results["rows"] += rows
    results["geometric_means"] = report.geometric_means(results["rows"])
    out.print(report.start_table(results["rows"], options.engines))
    out.print(report.library_table(results["rows"]))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    if options.svg:
        options.svg.write_text(plot.draw(results))
    return report.judge(results["rows"], TOLERANCE[options.dtype], options.max_ratio)


def main():
    options = parse_arguments()
    options.work = options.work.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    enter_venv(ROOT / "build" / "bench" / "venv")
    sys.path[:0] = [str(HERE), str(ROOT / "examples")]
    sys.exit(not run(options))


if __name__ == "__main__":
    main()
