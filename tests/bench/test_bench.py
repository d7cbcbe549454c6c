"""nncc bench --json and bench/bench.py's results hold what is documented, and the figures agree with each other."""
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
NNCC = os.environ["NNCC"]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "examples")]

import bench  # noqa: E402
import plot  # noqa: E402
import prepare  # noqa: E402
import report  # noqa: E402
from common import tensorfile  # noqa: E402

MODEL = """nn 1
model tiny(image: f32[N, 3, 12, 12]) -> logits {
  x = image |> conv2d(20, 3, padding=1) @conv |> relu |> max_pool2d(2)
  logits = x |> flatten |> linear(7) @fc
}
"""
WEIGHTS = {"conv.weight": (20, 3, 3, 3), "conv.bias": (20,), "fc.weight": (7, 720), "fc.bias": (7,)}
MACS = 20 * 27 * 144 + 7 * 720
LAYER = {"kernel": str, "source": str, "layout": str, "tile": str, "ms": float, "share": float, "macs": float, "bytes": float,
         "gflops": float, "of_peak": float, "gb_per_s": float}
TOP = {"model": str, "cpu": str, "isa": str, "threads": int, "batch": int, "runs": int, "latency_ms": dict, "macs": float,
       "gflops": float, "peak_gflops": float, "open_ms": float, "first_run_ms": float, "peak_rss_mb": float}


class NnccBench(unittest.TestCase):
    """The command's own JSON."""

    def run_bench(self, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder) / "tiny.nn"
            source.write_text(MODEL)
            said = subprocess.run([NNCC, "bench", source, "--init=1", *arguments], capture_output=True, text=True, check=True)
        return said.stdout

    def has(self, found, schema):
        self.assertEqual({key: type(value) for key, value in found.items()}, schema)

    def test_json(self):
        for threads, batch in [(1, 1), (2, 3)]:
            found = json.loads(self.run_bench("--json", "--per-layer", "--runs=9", f"--threads={threads}", f"--batch={batch}"))
            layers = found.pop("layers")
            self.has(found, TOP)
            self.assertEqual((found["threads"], found["batch"], found["runs"]), (threads, batch, 9))
            self.assertEqual(found["macs"], batch * MACS)
            latency = [found["latency_ms"][key] for key in ("min", "median", "p90", "p99")]
            self.assertEqual(latency, sorted(latency))
            self.assertGreater(latency[0], 0)
            self.assertAlmostEqual(found["gflops"] * latency[1] * 1e6 / (2 * found["macs"]), 1, places=5)
            for layer in layers:
                self.has(layer, LAYER)
                self.assertGreaterEqual(layer["ms"], 0)
            self.assertAlmostEqual(sum(layer["share"] for layer in layers), 1, places=5)
            self.assertEqual(sum(layer["macs"] for layer in layers), found["macs"])
            self.assertTrue({"conv", "fc"} <= {name for layer in layers for name in layer["source"].split()})
            gemms = [layer for layer in layers if layer["macs"]]
            for layer in gemms:
                self.assertAlmostEqual(layer["gflops"], layer["of_peak"] * found["peak_gflops"], places=3)
                self.assertNotIn(" ", layer["layout"])
                self.assertRegex(layer["tile"], r"^$|\d+x\d+")

    def test_without_layers(self):
        self.has(json.loads(self.run_bench("--json", "--seconds=0.01")), TOP)

    def test_table(self):
        lines = self.run_bench("--per-layer", "--runs=3").splitlines()
        heads = re.split(r" {2,}", lines[2])
        self.assertEqual(heads, ["kernel", "source", "time ms", "share", "GFLOP/s", "of peak", "GB/s", "layout", "tile"])
        self.assertTrue(lines[-1].startswith("total"))
        self.assertIn("100.0%", lines[-1])

    def test_peak(self):
        one, two = (json.loads(subprocess.run([NNCC, "bench", "--peak", "--json", f"--threads={n}"], capture_output=True,
                                              check=True).stdout) for n in (1, 2))
        self.has(one, {"cpu": str, "threads": int, "peak_gflops": float})
        self.assertEqual((one["threads"], two["threads"]), (1, 2))
        self.assertGreater(one["peak_gflops"], 0)


def row(model, threads, **ms):
    engines = {e: {"best_ms": v, "median_ms": v, "runs": 3, "images_per_s": 1e3 / v, "gflops": 1.0, "of_peak": 0.5,
                   "difference": 1e-6} for e, v in ms.items()}
    return {"model": model, "batch": 1, "threads": threads, "macs": 1, "peak_gflops": 2.0, "engines": engines, "errors": {},
            "ratios": bench.ratios(engines)}


class Report(unittest.TestCase):
    """Arithmetic and layout, on made-up figures."""

    rows = [row("a", 1, nncc=1.0, onnxruntime=2.0, ncnn=4.0), row("b", 1, nncc=2.0, onnxruntime=1.0, ncnn=1.25),
            row("a", 2, nncc=3.0, onnxruntime=6.0)]
    results = {"cpu": "C & <D>", "date": "2026-01-01T00:00", "revision": "r", "rounds": 1, "dtype": "f32",
               "peak_gflops": {"1": 2.0, "2": 4.0}, "rows": rows}

    def test_ratios(self):
        self.assertEqual(self.rows[0]["ratios"], {"onnxruntime": 0.5, "ncnn": 0.25, "best_peer": 0.5})
        self.assertEqual(self.rows[1]["ratios"], {"onnxruntime": 2.0, "ncnn": 1.6, "best_peer": 2.0})
        self.assertEqual(bench.ratios({"onnxruntime": {"best_ms": 1}}), {})
        means = report.geometric_means(self.rows)
        self.assertEqual([(m["threads"], m["networks"]) for m in means], [(1, 2), (2, 1)])
        self.assertTrue(math.isclose(means[0]["best_peer"], 1) and math.isclose(means[1]["best_peer"], 0.5))

    def test_judge(self):
        self.assertTrue(report.judge(self.rows, 1e-3, None))
        self.assertFalse(report.judge(self.rows, 1e-3, 1.9))
        self.assertFalse(report.judge(self.rows, 1e-7, None))

    def test_columns(self):
        """Every row is as wide as its heading."""
        engines = ["nncc", "onnxruntime", "ncnn"]
        heading = report.speed_heading(self.results, 1, 1, engines).splitlines()[-1]
        self.assertEqual({len(heading)}, {len(report.speed_row(r, engines)) for r in self.rows})

    def test_picture(self):
        drawn = plot.draw(self.results)
        bars = [e for e in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}rect") if len(e)]
        self.assertEqual(len(bars), sum(len(r["engines"]) for r in self.rows))


class Harness(unittest.TestCase):
    """A whole measurement, with nncc as the only engine."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        work = pathlib.Path(cls.folder.name)
        (work / "tiny.nn").write_text(MODEL)
        cls.options = bench.parse_arguments(["--engines=nncc", f"--nncc={NNCC}", "--rounds=2", "--seconds=0.01", "--starts=1",
                                             f"--work={work}", "--threads=1"])
        case = prepare.Case("tiny", 2, work)
        np.save(case.input, np.random.default_rng(1).standard_normal((2, 3, 12, 12)).astype(np.float32))
        case.facts.write_text(json.dumps({"macs": 2 * MACS, "weights_bytes": sum(4 * math.prod(s) for s in WEIGHTS.values())}))
        case.sources["nncc"] = work / "tiny.nn"
        tensorfile.save(case.weights, {name: np.full(shape, 0.01, np.float32) for name, shape in WEIGHTS.items()})
        case.compile("nncc", NNCC, [])
        bench.build_start(work)
        case.ncnn.mkdir()
        case.read()
        cls.case, cls.row = case, bench.measure(case, 1, cls.options)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_figures(self):
        found = self.row["engines"]["nncc"]
        self.assertLessEqual(found["best_ms"], found["median_ms"])
        self.assertGreaterEqual(found["runs"], 2 * bench.LEAST_RUNS)
        self.assertAlmostEqual(found["images_per_s"] * found["best_ms"], 2000, places=3)
        self.assertAlmostEqual(found["gflops"], found["of_peak"] * self.row["peak_gflops"], places=6)
        self.assertLess(found["load_s"], found["start_s"])
        library = self.row["library"]
        self.assertEqual(library["code_bytes"] + library["weights_bytes"], library["bytes"])
        self.assertGreater(library["native_start_s"], 0)
        self.assertGreater(library["compile_peak_mb"], 0)

    def test_halves(self):
        """With --bf16 weights take half the room, beside engines that have that type."""
        options = bench.parse_arguments(["--bf16"])
        self.assertEqual(options.engines, ["nncc", "openvino"])
        case = prepare.Case("tiny", 2, self.case.work, options.dtype)
        case.sources = self.case.sources
        case.compile("nncc", NNCC, [])
        self.assertNotEqual(case.library("nncc"), self.case.library("nncc"))
        case.read()
        found = bench.measure(case, 1, self.options)
        self.assertLess(found["library"]["weights_bytes"], 0.8 * self.row["library"]["weights_bytes"])

    def test_output(self):
        """The worker stored what nncc run gives."""
        out = self.case.work / "out.npz"
        command = [NNCC, "run", self.case.library("nncc"), "--input", self.case.input, "--output", out]
        subprocess.run(command, check=True, capture_output=True)
        np.testing.assert_array_equal(np.load(out)["logits"], np.load(self.case.outputs["nncc"]))

    def test_documented(self):
        """bench/README.md names every key of the JSON."""
        named = set(re.findall(r"`(\w+)`", (ROOT / "bench" / "README.md").read_text()))
        results = {**bench.describe_run(self.options), "rows": [self.row], "geometric_means": []}
        keys = set(results) | set(self.row) | set(self.row["engines"]["nncc"]) | set(self.row["library"])
        self.assertEqual(keys - named, set())
        json.dumps(results)

    def test_failure_is_a_row(self):
        """An engine that cannot take part is named, with the reason."""
        self.case.errors = {"nncc": "a reason"}
        found = bench.measure(self.case, 1, self.options)
        self.case.errors = {}
        self.assertEqual((found["errors"], found["engines"]), ({"nncc": "a reason"}, {}))
        self.assertIn("a reason", report.speed_row(found, ["nncc"]))
        self.assertFalse(report.judge([found], 1e-3, None))


if __name__ == "__main__":
    unittest.main()
