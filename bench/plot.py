"""The results as an SVG picture: each engine's speed relative to the best peer's, a panel for each setting."""
from xml.sax.saxutils import escape

COLORS = {"nncc": "#d1495b", "onnxruntime": "#8d96a3", "openvino": "#5b7c99", "ncnn": "#b8c4bb"}
LEFT, RIGHT, BAR, GAP, PLOT_HEIGHT, HEAD, FOOT, SLANT, LEGEND = 46, 14, 13, 16, 170, 66, 8, 84, 92


def text(x, y, content, size=11, anchor="start", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"{extra}>{escape(content)}</text>'


def panel(rows, engines, top, width, title):
    """Bars of one setting; the line at 1 is the best peer."""
    speeds = [{e: min(o["best_ms"] for n, o in row["engines"].items() if n != "nncc") / found["best_ms"]
               for e, found in row["engines"].items()} for row in rows]
    most = max([1.0, *(v for s in speeds for v in s.values())]) * 1.08
    bottom, parts = top + PLOT_HEIGHT, [text(LEFT, top - 8, title, 12, extra=' font-weight="bold"')]

    def level(value):
        return bottom - PLOT_HEIGHT * value / most

    step = 0.25 if most < 2 else 0.5
    for k in range(int(most / step) + 1):
        y = level(k * step)
        dash = "" if k * step == 1 else ' stroke-dasharray="2 3" opacity=".35"'
        parts.append(f'<path d="M{LEFT} {y:.1f}H{width - RIGHT}" stroke="#444"{dash}/>')
        parts.append(text(LEFT - 6, y + 4, f"{k * step:.2f}", 10, "end"))
    x, labels = LEFT + GAP / 2, []                                  # labels lie on top of all bars
    for row, speed in zip(rows, speeds):
        middle = x + BAR * len(engines) / 2
        for engine in engines:
            if engine in speed:
                y = level(speed[engine])
                label = f"{row['model']} {engine}: {row['engines'][engine]['best_ms']:.2f} ms"
                parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{BAR - 1}" height="{bottom - y:.1f}" '
                             f'fill="{COLORS[engine]}"><title>{label}</title></rect>')
                if engine == "nncc":
                    labels.append(text(x + BAR / 2, y - 3, f"{speed[engine]:.2f}", 10, "middle",
                                       ' paint-order="stroke" stroke="#fff" stroke-width="3"'))
            x += BAR
        parts.append(text(middle, bottom + 14, row["model"], 10, "end", f' transform="rotate(-28 {middle:.1f} {bottom + 14})"'))
        x += GAP
    return parts + labels


def draw(results):
    engines = [e for e in COLORS if any(e in row["engines"] for row in results["rows"])]
    settings = {}
    for row in results["rows"]:
        if any(engine != "nncc" for engine in row["engines"]):
            settings.setdefault((row["threads"], row["batch"]), []).append(row)
    widest = max(map(len, settings.values()), default=1)
    width = max(560, LEFT + RIGHT + widest * (BAR * len(engines) + GAP))
    step = PLOT_HEIGHT + SLANT
    height = HEAD + step * len(settings) + FOOT
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
             'font-family="Helvetica, Arial, sans-serif" fill="#222">',
             f'<rect width="{width}" height="{height}" fill="#fff"/>',
             text(LEFT, 18, f"Speed relative to the best peer, {results['dtype']} (higher is faster)", 13)]
    x = width - RIGHT - LEGEND * len(engines)
    for engine in engines:
        parts += [f'<rect x="{x}" y="25" width="10" height="10" fill="{COLORS[engine]}"/>', text(x + 14, 34, engine, 10)]
        x += LEGEND
    for i, ((threads, batch), rows) in enumerate(sorted(settings.items())):
        title = f"{threads} thread{'s' * (threads > 1)}, batch {batch}"
        parts += panel(rows, engines, HEAD + step * i, width, title)
    parts.append(text(LEFT, height - 10, f"{results['cpu']}, {results['date'][:10]}, nncc {results['revision']}", 10))
    return "\n".join([*parts, "</svg>"]) + "\n"
