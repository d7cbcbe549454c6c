"""The results as text: aligned tables, a ratio is nncc's best time over the other's, so below 1 is faster."""
import math
import sys

SHORT = {"onnxruntime": "ort", "openvino": "ov"}
NAME = 18


class Output:
    """Standard output, and a file beside it."""

    def __init__(self, path):
        self.file = open(path, "w") if path else None

    def print(self, text):
        print(text, flush=True)
        if self.file:
            print(text, file=self.file, flush=True)


def peers_of(engines):
    return [engine for engine in engines if engine != "nncc"]


def cell(value, form, width):
    return f"{'-' if value is None else format(value, form):>{width}}"


def speed_heading(results, threads, batch, engines):
    heads = [f"{'model':{NAME}}", *(f"{engine:>20}" for engine in engines), "  "]
    if "nncc" in engines:
        heads += [f"{'/' + SHORT.get(peer, peer):>7}" for peer in peers_of(engines)] + [f"{'/best':>7}"]
    heads += [f"{'images/s':>10}" * (batch > 1), f"{'GFLOP/s':>9}{'of peak':>9}"]
    return (f"\n{results['cpu']}   {threads} thread{'s' * (threads > 1)}   batch {batch}   {results['dtype']}   "
            f"FMA peak {results['peak_gflops'][str(threads)]:.0f} GFLOP/s   {results['date']}   {results['revision']}\n"
            f"best (median) of {results['rounds']} rounds, ms\n" + "".join(heads))


def speed_row(row, engines):
    found, ratios = row["engines"], row["ratios"]
    cells = [f"{row['model']:{NAME}}"]
    for engine in engines:
        e = found.get(engine)
        cells.append(f"{e['best_ms']:10.2f} ({e['median_ms']:7.2f})" if e else f"{'-':>20}")
    cells.append("  ")
    if "nncc" in engines:
        cells += [cell(ratios.get(peer), ".2f", 7) for peer in peers_of(engines)]
        cells.append(cell(ratios.get("best_peer"), ".2f", 7))
    e = found.get("nncc") or next(iter(found.values()), None)
    if e:
        cells += [cell(e["images_per_s"], ".1f", 10) * (row["batch"] > 1), cell(e["gflops"], ".0f", 9),
                  cell(e["of_peak"], ".0%", 9)]
    problems = [f"  {engine}: {text}" for engine, text in row["errors"].items()]
    return "\n".join(["".join(cells), *problems])


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def means(rows, key):
    return geometric_mean([row["ratios"][key] for row in rows if key in row["ratios"]])


def means_row(rows, engines):
    peers = peers_of(engines)
    cells = [f"{'geometric mean':{NAME}}", " " * 20 * len(engines), "  "]
    cells += [cell(means(rows, peer), ".3f", 7) for peer in peers]
    return "".join([*cells, cell(means(rows, "best_peer"), ".3f", 7)])


def geometric_means(rows):
    """Of every set of rows that differ in the model only."""
    sets = sorted({(row["threads"], row["batch"]) for row in rows})
    chosen = {s: [row for row in rows if (row["threads"], row["batch"]) == s] for s in sets}
    return [{"threads": t, "batch": b, "networks": len(chosen[t, b]), "best_peer": means(chosen[t, b], "best_peer")}
            for t, b in sets]


def start_table(rows, engines):
    """Cold start, loading, memory, and agreement with ONNX Runtime."""
    heads = "".join(f"{engine:>20}" for engine in engines)
    lines = ["\ncold start to the first result, s (Python process), and peak memory on top of Python's, MB",
             f"{'':{NAME + 14}}{heads}"]
    for row in rows:
        if any("start_s" in e for e in row["engines"].values()):
            cells = [f"{e['start_s']:11.3f} {e['peak_mb']:5.0f} MB" if e else f"{'-':>20}"
                     for e in map(row["engines"].get, engines)]
            lines.append(case_name(row) + "".join(cells))
    table = lines if len(lines) > 2 else []
    lines = [f"\nlargest difference from ONNX Runtime's output, of the largest element\n{'':{NAME + 14}}{heads}"]
    for row in rows:
        values = [(row["engines"].get(engine) or {}).get("difference") for engine in engines]
        lines.append(case_name(row) + "".join(cell(value, ".1e", 20) for value in values))
    return "\n".join(table + lines)


def case_name(row):
    return f"{row['model']:{NAME}}{row['batch']:3} x{row['threads']:2} threads"


def library_table(rows):
    heads = ["compile s", "peak MB", "x weights", "exec to result ms", "PSS MB", "arena MB", "code KB", "packed MB", "/source"]
    widths = [len(head) + 3 for head in heads]
    lines = [f"\n{'libraries of nncc':{NAME + 14}}" + "".join(f"{head:>{w}}" for head, w in zip(heads, widths))]
    for row in rows:
        f = row.get("library")
        if f:
            values = [(f["compile_s"], ".2f"), (f["compile_peak_mb"], ".0f"),
                      (f["compile_peak_mb"] * 1e6 / f["weights_bytes"], ".2f"),
                      (1e3 * f["native_start_s"], ".1f"), (f["native_pss_mb"], ".0f"), (f["arena_bytes"] / 1e6, ".1f"),
                      (f["code_bytes"] / 1e3, ".0f"), (f["weights_bytes"] / 1e6, ".1f"), (f["packing"], ".2f")]
            lines.append(case_name(row) + "".join(cell(value, form, w) for (value, form), w in zip(values, widths)))
    return "\n".join(lines) if len(lines) > 1 else ""


def judge(rows, tolerance, max_ratio):
    """True where nncc took part everywhere it was asked to, agrees, and is as fast as demanded."""
    good = True
    for row in rows:
        for engine, e in row["engines"].items():
            if e["difference"] is not None and not e["difference"] <= tolerance:
                print(f"{row['model']}: {engine} differs by {e['difference']:.1e} of the largest element", file=sys.stderr)
                good &= engine != "nncc"
        if "nncc" in row["errors"]:
            good = False
        ratio = row["ratios"].get("best_peer")
        if max_ratio and ratio and ratio > max_ratio:
            print(f"{row['model']}: {ratio:.2f} times the best peer's time", file=sys.stderr)
            good = False
    return good
