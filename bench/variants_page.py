"""The page of variants.py: two pictures and a table in one HTML file, without scripts, fonts or anything from elsewhere."""
import datetime
import math
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 560, 340, 62, 20, 20, 46
COLORS = {"prune": "#d1495b", "factorize": "#edae49", "quantize": "#00798c", "precision": "#5b7c99", "max-error": "#30638e"}
STYLE = """body{font:15px/1.5 Helvetica,Arial,sans-serif;color:#222;max-width:1180px;margin:2em auto;padding:0 1em}
svg{max-width:100%}td,th{padding:.15em .9em .15em 0;text-align:right}td:first-child,th:first-child{text-align:left}
th{border-bottom:1px solid #888}td:first-child{font-family:monospace}.best td{font-weight:bold}"""


def color(v):
    return next((c for word, c in COLORS.items() if word in v.options), "#222")


def accuracy(v):
    return v.agreement if v.top1 is None else v.top1


def text(x, y, content, anchor="middle", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="11" text-anchor="{anchor}"{extra}>{escape(content)}</text>'


def ticks(low, high, count=6):
    """Round numbers between, at most so many and one."""
    power = 10.0 ** math.floor(math.log10((high - low) / count))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * count >= high - low)
    return [round(k * step, 9) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def frontier(variants, cost):
    """Those than which no other is both cheaper and more accurate, by cost."""
    best, chosen = -1.0, []
    for v in sorted(variants, key=lambda v: (cost(v), -accuracy(v))):
        if accuracy(v) > best:
            best = accuracy(v)
            chosen.append(v)
    return chosen


def label(x, y, name, taken):
    """Beside its point, where no other label is: `taken` holds their boxes."""
    line, letter = 13, 6
    left = x + 8 if x < WIDTH * 0.7 else x - 8 - letter * len(name)
    for shift in (0, 1, -1, 2, -2, 3, -3, 4, -4):
        box = left, y - 6 + line * shift, left + letter * len(name)
        if all(abs(box[1] - other[1]) >= line or box[2] < other[0] or other[2] < box[0] for other in taken):
            break
    taken.append(box)
    return text(box[0], box[1], name, "start")


def scatter(variants, cost, axis, unit, measure):
    costs, shares = [cost(v) for v in variants], [accuracy(v) for v in variants]
    most, low, high = max(costs) * 1.08, min(shares), max(shares)
    margin = max(0.002, (high - low) * 0.1)
    low, high = max(0.0, low - margin), min(1.0, high + margin)

    def place(v):
        x = LEFT + (WIDTH - LEFT - RIGHT) * cost(v) / most
        return x, TOP + (HEIGHT - TOP - BOTTOM) * (high - accuracy(v)) / (high - low)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{measure} against {axis}">']
    for tick in ticks(100 * low, 100 * high):
        y = TOP + (HEIGHT - TOP - BOTTOM) * (high - tick / 100) / (high - low)
        parts += [f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>', text(LEFT - 6, y + 4, f"{tick:g}%", "end")]
    for tick in ticks(0, most):
        x = LEFT + (WIDTH - LEFT - RIGHT) * tick / most
        parts += [f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#eee"/>', text(x, HEIGHT - BOTTOM + 16, f"{tick:g}")]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, frontier(variants, cost)))
    parts.append(f'<polyline points="{line}" fill="none" stroke="#888" stroke-dasharray="4 3"/>')
    taken = []
    for v in variants:
        x, y = place(v)
        title = f"{v.name}: {accuracy(v):.1%}, {cost(v):.3g} {unit}"
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{color(v)}"><title>{escape(title)}</title></circle>')
        parts.append(label(x, y, v.name.removeprefix("--"), taken))
    parts += [text(WIDTH / 2, HEIGHT - 10, f"{axis}, {unit}"), text(14, HEIGHT / 2, measure, extra=f' transform="rotate(-90 14 {HEIGHT / 2})"')]
    return "\n".join([*parts, "</svg>"])


def rows(variants):
    first, best = variants[0].ms, {v.name for v in frontier(variants, lambda v: v.ms)}
    for v in variants:
        top1 = "-" if v.top1 is None else f"{v.top1:.1%}"
        mark = ' class="best"' if v.name in best else ""
        yield (f"<tr{mark}><td>{escape(v.name)}</td><td>{top1}</td><td>{v.agreement:.1%}</td><td>{v.difference:.2%}</td>"
               f"<td>{v.ms:.3f}</td><td>{first / v.ms:.2f}x</td><td>{v.bytes / 1e3:.0f}</td></tr>")


def page(o, variants):
    done = [v for v in variants if not v.error]
    failed = [f"<li><code>{escape(v.name)}</code>: {escape(v.error)}</li>" for v in variants if v.error]
    measure = "agreement with f32" if done[0].top1 is None else "top-1 accuracy"
    threads = f"{o.threads} thread{'s' * (o.threads > 1)}"
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Variants of {escape(o.model.stem)}</title><style>{STYLE}</style></head><body>
<h1>Variants of {escape(o.model.stem)}</h1>
<p>{measure} against latency and size; the dashed line joins those than which no other is better in both.
{escape(o.cpu)}, {threads}, best of {o.rounds} rounds in turns, {datetime.date.today()}.</p>
{scatter(done, lambda v: v.ms, "latency", "ms", measure)}
{scatter(done, lambda v: v.bytes / 1e3, "size of the library", "KB", measure)}
<table><tr><th>variant</th><th>top-1</th><th>agrees</th><th>error</th><th>ms</th><th>speed-up</th><th>KB</th></tr>
{chr(10).join(rows(done))}
</table>
{'<p>Not made:</p><ul>' + ''.join(failed) + '</ul>' if failed else ''}
</body></html>
"""
