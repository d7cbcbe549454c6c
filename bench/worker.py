"""One engine in a process of its own, driven by bench.py: worker.py ENGINE JOB.json

Opens the model, runs it once, stores the output, and prints {"first": clock at the first output, "load_s", "base_mb"}.
Then each line `RUNS SECONDS` on standard input is a turn: warm-up, at least that many runs for at least that long, and a
line of their seconds as JSON. Ends with its input.
"""
import gc
import json
import os
import sys
import time

import numpy as np

import engines
import memory

WARM_UP_SECONDS = 0.1


def turn(run, runs, seconds):
    """Seconds of every timed run."""
    end = time.perf_counter() + WARM_UP_SECONDS
    while True:
        run()
        if time.perf_counter() > end:
            break
    times, end = [], time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        run()
        now = time.perf_counter()
        times.append(now - start)
        if len(times) >= runs and now >= end:
            return times


def main():
    engine, job = sys.argv[1], json.load(open(sys.argv[2]))
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)                                           # what an engine prints is no answer
    x = np.load(job["input"])
    base = memory.pss_mb(os.getpid())
    start = time.perf_counter()
    run = engines.ALL[engine](job, x, job["threads"])
    loaded = time.perf_counter()
    y = run()
    first = time.clock_gettime(time.CLOCK_MONOTONIC)
    np.save(job["outputs"][engine], y)
    answers.write(json.dumps({"first": first, "load_s": loaded - start, "base_mb": base}) + "\n")
    gc.disable()
    for line in sys.stdin:
        runs, seconds = line.split()
        answers.write(json.dumps(turn(run, int(runs), float(seconds))) + "\n")


if __name__ == "__main__":
    main()
