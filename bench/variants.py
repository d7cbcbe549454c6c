#!/usr/bin/env python3
"""What variants of a network cost and gain: accuracy against latency and size, as a table and as a page of its own.

    variants.py MODEL --data DATA [--labels labels.txt] [--calibrate DATA] [--html page.html]
    variants.py cnn.nn --data rest.npz --variant "--prune=structured:0.2" --variant "--quantize=int8,dynamic"

Each variant is compiled, judged by `nncc eval`, and timed by `nncc bench`, in turns with all others so that other work on
the machine hits all alike. Without --variant: the network as it is and what nncc can make of it; those that need data
only with --calibrate.
"""
import argparse
import json
import pathlib
import platform
import shlex
import subprocess
import sys
import tempfile

import variants_page

PLAIN = ["", "--precision=bf16", "--quantize=int8,dynamic", "--prune=magnitude:0.7"]
LEARNING = ["--quantize=int8,static", *(f"--prune=structured:{f}" for f in (0.1, 0.2, 0.3, 0.5)),
            *(f"--factorize=channel:{e}" for e in (0.05, 0.1, 0.2)), "--max-error=1%", "--max-error=5%"]


class Variant:
    def __init__(self, options, needs_data):
        self.options, self.needs_data = options, needs_data
        self.name = options or "as it is"
        self.ms, self.error = None, None                            # error: why there are no figures

    def arguments(self, o):
        return [*shlex.split(self.options), *([f"--calibrate={o.calibrate}"] if self.needs_data else [])]


def called(command):
    """Its standard output; RuntimeError with the first line of what it says otherwise."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or [f"status {done.returncode}"])[0])
    return done.stdout


def make(v, o, folder, number):
    """Compiles and judges. A search is made once: its decisions give what is judged."""
    v.library = folder / f"variant{number}.so"
    arguments = v.arguments(o)
    if "--max-error" in v.options:
        decisions = folder / f"variant{number}.json"
        called([o.nncc, o.model, *arguments, f"--save-decisions={decisions}", "-o", v.library])
        arguments = [f"--decisions={decisions}", f"--calibrate={o.calibrate}"]  # factorizations are fitted to the data again
    else:
        called([o.nncc, o.model, *arguments, "-o", v.library])
    v.bytes = v.library.stat().st_size
    labels = [f"--labels={o.labels}"] if o.labels else []
    clean = json.loads(called([o.nncc, "eval", o.model, *arguments, "--data", o.data, "--json", *labels]))["sets"][0]
    v.top1, v.agreement, v.difference = clean.get("top1"), clean.get("agreement", 1.0), clean.get("error", 0.0)


def take_turns(variants, o):
    """The best of all rounds."""
    for _ in range(o.rounds):
        for v in variants:
            said = json.loads(called([o.nncc, "bench", v.library, "--json", f"--threads={o.threads}", f"--seconds={o.seconds}"]))
            ms = said["latency_ms"]["min"]
            v.ms = min(ms, v.ms or ms)
            o.cpu = said["cpu"]


def table(variants):
    lines = [f"{'variant':28}{'top-1':>8}{'agrees':>9}{'error':>9}{'ms':>10}{'speed-up':>10}{'KB':>10}"]
    first = next((v.ms for v in variants if v.ms), None)
    for v in variants:
        if v.error:
            lines.append(f"{v.name:28}  {v.error}")
            continue
        top1 = "-" if v.top1 is None else f"{v.top1:.1%}"
        lines.append(f"{v.name:28}{top1:>8}{v.agreement:>9.1%}{v.difference:>9.2%}{v.ms:>10.3f}{first / v.ms:>9.2f}x"
                     f"{v.bytes / 1e3:>10.0f}")
    return "\n".join(lines)


def parse_arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", type=pathlib.Path)
    p.add_argument("--data", required=True, help="to judge by, as `nncc eval --data` takes it")
    p.add_argument("--labels")
    p.add_argument("--calibrate", help="data for the variants that need some; better other than --data")
    p.add_argument("--variant", action="append", metavar="OPTIONS", help="options of the compiler, instead of the usual variants")
    p.add_argument("--html", type=pathlib.Path, help="write a page that needs nothing else")
    p.add_argument("--nncc", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent / "build" / "nncc")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=0.3, help="the length of a turn (default 0.3)")
    return p.parse_args()


def needs_data(options):
    return any(word in options for word in ("int8,static", "structured", "--factorize", "--max-error"))


def main():
    o = parse_arguments()
    o.cpu = platform.processor()
    given = o.variant or PLAIN + LEARNING * bool(o.calibrate)
    variants = [Variant(options, bool(o.calibrate) and needs_data(options)) for options in given]
    with tempfile.TemporaryDirectory() as folder:
        for number, v in enumerate(variants):
            print(f"{v.name} ...", file=sys.stderr, flush=True)
            try:
                make(v, o, pathlib.Path(folder), number)
            except RuntimeError as error:
                v.error = str(error)
        take_turns([v for v in variants if not v.error], o)
    print(table(variants))
    if o.html:
        o.html.write_text(variants_page.page(o, variants))
    sys.exit(any(v.error for v in variants))


if __name__ == "__main__":
    main()
