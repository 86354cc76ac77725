"""Draws the stories of the fault drill: figures over time as SVG, the same bytes for the same figures."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from tests.sim.fault_drill_stand import Track

MOST_POINTS = 240
MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86400.0
# Readable for those who do not tell red from green (Okabe and Ito).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
STYLE = """
text { font-family: sans-serif; font-size: 10px; fill: #444 }
.title { font-size: 13px }
.plot_title { font-size: 16px }
.legends text { font-size: 13px }
.title, .axis.x text { text-anchor: middle }
.axis.y text { text-anchor: end }
.legends text { text-anchor: start }
path { fill: none; stroke: #ddd }
.background { fill: #fff }
.tooltip, .plot .background { fill: none }
"""
# pygal dates what it draws, adds a script from elsewhere that nobody would run, and a style of many pages.
_UNWANTED = (
    re.compile(r"<!--.*?-->", re.DOTALL),
    re.compile(r"<script.*?</script>", re.DOTALL),
    re.compile(r"<defs>.*?</defs>", re.DOTALL),
    re.compile(r'<g [^>]*class="plot (?:text-|tooltip-)?overlay">.*(?=<g [^>]*class="legends">)', re.DOTALL),
)
_FRACTION = re.compile(r"(\d\.\d)\d+")


def draw(path: Path, title: str, track: Track, shown: Sequence[str]) -> None:
    """Draw some figures of a track over the time after the fault."""
    last = track.times[-1]
    unit, name = next(
        (unit, name)
        for unit, name in ((DAY_S, "days"), (HOUR_S, "hours"), (MINUTE_S, "minutes"))
        if last >= 3 * unit or unit == MINUTE_S
    )
    chart = _pygal().XY(
        title=title,
        x_title=f"{name} after the fault",
        width=900,
        height=360,
        show_dots=False,
        legend_at_bottom=True,
        legend_at_bottom_columns=len(shown),
        js=[],
        no_prefix=True,
        explicit_size=True,
        allow_interruptions=True,
    )
    for figure in shown:
        chart.add(figure, _points(track, figure, unit))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(clean(chart.render(is_unicode=True)), encoding="utf-8")


def _pygal() -> ModuleType:
    """The library without the import hook of an old kind it leaves behind: each later look for a module would warn."""
    import pygal  # noqa: PLC0415 - see above

    # Only its own: what it imports replaces the finder of installed packages by another one, which must stay.
    sys.meta_path[:] = [hook for hook in sys.meta_path if type(hook).__module__ != pygal.__name__]
    return pygal  # type: ignore[no-any-return]


def clean(svg: str) -> str:
    """Without what is dated, hidden or fetched from elsewhere, and with a style of our own."""
    for unwanted in _UNWANTED:
        svg = unwanted.sub("", svg)
    colours = "".join(
        f".color-{n} path {{ stroke: {colour}; stroke-width: 1.5 }}\nrect.color-{n} {{ fill: {colour} }}\n"
        for n, colour in enumerate(COLOURS)
    )
    opening = svg.index(">", svg.index("<svg")) + 1
    drawn = _FRACTION.sub(r"\1", svg[opening:])
    svg = f"{svg[:opening]}<style>{STYLE}{colours}</style>{drawn}"
    return svg.replace("><g", ">\n<g").replace(' id=""', "") + "\n"


def _points(track: Track, figure: str, unit: float) -> list[tuple[float, float | None]]:
    """So many points as can be told apart: of each stretch the value furthest from that of the stretch before."""
    pairs = list(zip(track.times, track.figures[figure], strict=True))
    stride = max(1, len(pairs) // MOST_POINTS)
    points: list[tuple[float, float | None]] = []
    before = 0.0
    for first in range(0, len(pairs), stride):
        known = [(at, value) for at, value in pairs[first : first + stride] if value is not None]
        if not known:
            points.append((round(pairs[first][0] / unit, 3), None))
            continue
        last = before
        at, value = max(known, key=lambda pair: abs(pair[1] - last))
        before = value
        points.append((round(at / unit, 3), round(value, 2)))
    ends = zip([None, *points], points, [*points[1:], None], strict=False)
    return [point for left, point, right in ends if not (left and right and left[1] == point[1] == right[1])]
