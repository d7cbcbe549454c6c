"""Memory of processes as Linux counts it: PSS, where a page shared by n processes counts as 1/n of it."""
import os
import threading


def pss_mb(pid):
    """0 for a process that has ended."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as f:
            return next((int(line.split()[1]) / 1024 for line in f if line.startswith("Pss:")), 0.0)
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(child) for child in f.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def program(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def tree_mb(pid):
    """A child between vfork and exec has its parent's memory and is not counted."""
    own = pss_mb(pid)
    return own + sum(tree_mb(c) for c in children(pid) if program(c) != program(pid) or pss_mb(c) != own)


class Watch:
    """The peak of a process tree from now on, looked at every few milliseconds: `with Watch(pid) as w: ...; w.peak_mb`."""

    def __init__(self, pid, interval=0.003):
        self.pid, self.interval, self.peak_mb = pid, interval, 0.0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)

    def look(self):
        while not self.done.wait(self.interval):
            self.peak_mb = max(self.peak_mb, tree_mb(self.pid))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
