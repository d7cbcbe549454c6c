#!/usr/bin/env python3
"""Faults put into passes/ one at a time, by a seed: which of them do the tests catch? README.md says how to run it."""

import argparse
import hashlib
import io
import os
import random
import re
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ["chain", "conv", "elementwise", "math", "math_f64", "matrix", "norm", "pictures", "recurrent", "reduce", "shape",
          "stem", "types", "volume", "winograd"]
# Words of a file's name, and the table of lower/ that has most to do with them where that is not named alike.
RELATED = {"attention": "matrix", "linear": "matrix", "contract": "conv", "depthwise": "conv", "conv1x1": "conv",
           "pointwise": "elementwise", "group": "norm", "local": "norm", "resize": "pictures", "region": "pictures", "picture": "pictures",
           "pool": "conv", "pooled": "conv", "window": "conv", "planes": "conv", "toom": "winograd", "index": "shape",
           "order": "shape", "moves": "shape", "strided": "shape", "shuffled": "shape", "place": "shape"}

# What is done to a line: a pattern, and what takes its place (a function of the match, or text).
CHANGES = [
    ("negate a condition", r"\b(if|while) \((.*)\) ?(?=\S)", lambda m: f"{m[1]} (!({m[2]})) "),
    ("move a bound", r" (<|<=|>|>=) ", lambda m: " %s " % {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}[m[1]]),
    ("turn a comparison", r" (==|!=) ", lambda m: " != " if m[1] == "==" else " == "),
    ("exchange and and or", r" (&&|\|\|) ", lambda m: " || " if m[1] == "&&" else " && "),
    ("exchange plus and minus", r"(?<=[\w\])]) ([+-]) (?=[\w(])", lambda m: " - " if m[1] == "+" else " + "),
    ("exchange times and plus", r"(?<=[\w\])]) \* (?=[\w(])", lambda m: " + "),
    ("change a constant", r"(?<![\w.\"x])(\d+)(?![\w.\"])", lambda m: str(int(m[1]) + 1)),
    ("swap operands", r"(\w+)\(b, (\w+), (\w+)\)", lambda m: f"{m[1]}(b, {m[3]}, {m[2]})"),
    ("swap arguments", r", (\w+), (\w+)\)", lambda m: f", {m[2]}, {m[1]})"),
    ("drop a statement", r"^(\s+)(?!return|static|const|break|continue|default)[\w\->.\[\]()]+"
     r"(\((?!.*\bif\b).*\)| [-+*|&]?= .*);$", lambda m: f"{m[1]};"),
    ("return the opposite", r"return (true|false);", lambda m: f"return {'false' if m[1] == 'true' else 'true'};"),
]


def places(path):
    """Every change that could be made to the file: (line number, what, new line)."""
    found = []
    for number, line in enumerate(path.read_text().split("\n")):
        code = line.split("//")[0].rstrip()
        if not code.strip() or code.lstrip().startswith(("#", "static", "//", "extern", "typedef", "enum")):
            continue
        for what, pattern, by in CHANGES:
            for m in re.finditer(pattern, code):
                new = code[: m.start()] + (by(m) if callable(by) else by) + code[m.end():]
                if new != code:
                    found.append((number, what, new))
    return found


def draw(files, seed):
    """Changes without end: a file after the other, so that no pass is left out, a kind of change, a place."""
    chance = random.Random(seed)
    order = list(files)
    chance.shuffle(order)
    seen = set()
    while True:
        for path in order:
            by_kind = {}
            for p in places(path):
                by_kind.setdefault(p[1], []).append(p)
            if not by_kind:
                continue
            place = chance.choice(by_kind[chance.choice(sorted(by_kind))])
            if (path, place) not in seen:
                seen.add((path, place))
                yield path, place


class Scratch:
    def __init__(self, work, jobs):
        self.source, self.build, self.jobs = work / "source", work / "build", jobs

    def prepare(self):
        if not self.source.exists():
            self.source.mkdir(parents=True)
            archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
            tarfile.open(fileobj=io.BytesIO(archive)).extractall(self.source)
            subprocess.run(["cmake", "-S", self.source, "-B", self.build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"],
                           check=True, stdout=subprocess.DEVNULL)
        if not self.make("nncc_passes"):
            sys.exit("the unchanged source does not build")

    def make(self, target):
        return subprocess.run(["cmake", "--build", self.build, f"-j{self.jobs}", "--target", target],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def object_hash(self, path):
        found = list((self.build / "passes").rglob(f"{path.name}.o"))  # a file's name is of one folder only
        return hashlib.sha256(found[0].read_bytes()).hexdigest()

    def tests(self, path, quick):
        """Stages, that which catches most in the least time first; the programs of a stage run at once."""
        words = path.stem.split("_")
        tables = [[(f"lower/test_native_{n}",)] for n in NATIVE if any(n == w or RELATED.get(w) == n for w in words)]
        golden = [[("golden/test_golden", self.source / "tests/golden")]]
        others = [[("golden/test_plan",), ("golden/test_random",)]]
        draw = lambda how, each: [("lower/fuzz_graphs", kind, each, first, how) for kind in ("layers", "any")
                                  for first in (1, 1 + each)]
        brief, graphs = [draw("brief", 30 if quick else 100)], [draw("stop", 50)]
        if path.parent.name == "lower":
            return brief + ([] if quick else [[("e2e/kernels",)]] + tables + graphs + golden)
        return golden + others + (brief if quick else graphs) + ([] if quick else [[("golden/test_channels",)]])

    def command(self, program):
        if program[0].startswith("e2e/"):
            return ["ctest", "-R", f"^{program[0]}$", "--no-tests=error"]
        return [self.build / "tests" / program[0], *map(str, program[1:])]

    def run_stage(self, stage):
        """The program that failed, or None; the others are ended then."""
        running = [(p, subprocess.Popen(self.command(p), cwd=self.build,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True))
                   for p in stage]
        end, failed = time.time() + 1800, None
        while running and not failed and time.time() < end:
            time.sleep(0.1)
            failed = next((p for p, process in running if process.poll()), None)
            running = [(p, process) for p, process in running if process.poll() is None]
        for p, process in running:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return failed or (running[0][0] if running else None)

    def caught_by(self, path, quick):
        for stage in self.tests(path, quick):
            for program in sorted({p[0] for p in stage}):
                if not self.make("nncc" if program.startswith("e2e/") else Path(program).name):
                    sys.exit(f"{program} does not build")
            failed = self.run_stage(stage)
            if failed:
                return " ".join([Path(failed[0]).name] + [str(a) for a in failed[1:2] if "/" not in str(a)])
        return None


def try_mutant(scratch, path, place, quick):
    """What caught it, "survived", or None where it is none: it does not compile, or the code is the same."""
    number, _, new = place
    text = path.read_text()
    lines = text.split("\n")
    lines[number] = new
    before = scratch.object_hash(path)
    try:
        path.write_text("\n".join(lines))
        if not scratch.make("nncc_passes") or scratch.object_hash(path) == before:
            return None
        return scratch.caught_by(path, quick) or "survived"
    finally:
        path.write_text(text)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--count", type=int, default=60)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--work", type=Path, default=ROOT / "build/mutants", help="scratch folder")
    p.add_argument("--mutant", action="append", default=[], help="this one alone, as a run has named it")
    p.add_argument("--quick", action="store_true", help="without the tables of lower/, and fewer graphs")
    p.add_argument("--most", type=float, default=5, help="percentage of survivors that is no failure")
    p.add_argument("--known", type=Path, default=Path(__file__).with_name("equivalent.txt"),
                   help="mutants that change nothing that can be seen")
    o = p.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the file is put back
    scratch = Scratch(o.work.resolve(), o.jobs)
    scratch.prepare()
    known = {line.split("\t")[0] for line in o.known.read_text().splitlines() if line} if o.known.exists() else set()
    files = sorted(scratch.source.glob("passes/*/*.c"))
    tried = survivors = equivalent = 0
    drawn = ((f, p) for f in files for p in places(f)) if o.mutant else draw(files, o.seed)
    for path, place in drawn:
        if tried == (len(o.mutant) or o.count):
            break
        start = time.time()
        name = f"{path.relative_to(scratch.source)}:{place[0] + 1}: {place[2].strip()}"
        if o.mutant and name not in o.mutant:
            continue
        caught = try_mutant(scratch, path, place, o.quick)
        if caught is None:
            continue
        if caught == "survived" and name in known:
            caught, equivalent = "equivalent", equivalent + 1
            continue
        tried += 1
        survivors += caught == "survived"
        print(f"{tried}\t{caught}\t{time.time() - start:.0f} s\t{place[1]}\t{name}", flush=True)
    print(f"{tried - survivors} of {tried} mutants are caught; {equivalent} equivalent ones besides")
    return 100 * survivors > o.most * tried


if __name__ == "__main__":
    sys.exit(main())
