"""The figures of a report: curves as SVG in one style, scatter pictures as compact SVG paths."""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

INK, FAINT, GRID = "#20242b", "#7b828c", "#e6e3dc"
OBSERVE, EXECUTE, ALIGN, QUIET = "#1d6f8c", "#c4562f", "#6b4e9b", "#9aa1aa"
# Twenty colors that stay apart for the eighteen tasks; the first ones are the calmest.
TASK_COLORS = (
    *("#2f6fa7", "#d9822b", "#3f9368", "#b5485d", "#7a5ea8", "#8a6d4b", "#c86fa6", "#5f8f2f"),
    *("#2aa3a3", "#b8a02a", "#4b5fc2", "#d2603f", "#6f7f8f", "#9c3f8f", "#1f7f4f", "#a85f1f"),
    *("#5fa8d3", "#8f2f2f", "#7fae5f", "#3f3f6f"),
)
STYLE: dict[Any, Any] = {  # matplotlib rc
    "svg.fonttype": "none",
    "svg.hashsalt": "premotor",
    "font.family": "sans-serif",
    "font.sans-serif": [
        "Inter",
        "Helvetica Neue",
        "Helvetica",
        "Arial",
        "Liberation Sans",
        "DejaVu Sans",
    ],
    "font.size": 10.5,
    "axes.edgecolor": "#c9c5bb",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.labelcolor": FAINT,
    "axes.labelsize": 10,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "lines.linewidth": 1.9,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 10,
    "legend.handlelength": 1.3,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class Series:
    """One line of a panel."""

    label: str
    steps: Sequence[int]
    values: Sequence[float]  # NaN where there is none: a gap
    color: str
    smooth: bool = False  # draw the raw values faintly and their running mean on top
    marks: bool = False


@dataclass(frozen=True, kw_only=True)
class Level:
    """A horizontal line to compare with, e.g. chance or a ceiling."""

    label: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One small chart with a title in words and a data URI of its SVG."""

    title: str
    note: str
    uri: str


def panel(
    title: str,
    note: str,
    series: Sequence[Series],
    levels: Sequence[Level] = (),
) -> Panel:
    """Draw one chart over training steps; its value axis starts at 0 if no value is negative.

    Args:
        title: What it shows, in words.
        note: Unit or how to read it.
        series: The lines.
        levels: Horizontal lines to compare with.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.2, 2.5), layout="constrained")
        axes = figure.add_subplot()
        for line in series:
            _draw(axes, line)
        _without_spikes(axes, series)
        for level in levels:
            axes.axhline(level.value, color=INK, linewidth=0.9, linestyle=(0, (2, 2.5)))
            axes.annotate(
                level.label,
                (1.0, level.value),
                xycoords=("axes fraction", "data"),
                xytext=(0, 3),
                textcoords="offset points",
                ha="right",
                color=INK,
                fontsize=9.5,
            )
        _over_all_steps(axes, series)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.set_xlabel("training step")
        low, high = axes.get_ylim()
        if axes.dataLim.y0 >= 0.0:
            axes.set_ylim(0.0, high + 0.04 * (high - max(0.0, low)) + 0.04 * high)
        if len(series) > 1:
            axes.legend(loc="best", ncols=1 if len(series) < 4 else 2, labelcolor="linecolor")
        return Panel(title=title, note=note, uri=svg_uri(figure))


def _draw(axes: Axes, line: Series) -> None:
    steps, values = np.asarray(line.steps), np.asarray(line.values)
    if _smoothed(line):
        axes.plot(steps, values, color=line.color, alpha=0.22, linewidth=0.8)
        axes.plot(steps, running_mean(values), color=line.color, label=line.label)
        return
    marker = "o" if line.marks or len(steps) < 3 else None
    axes.plot(steps, values, color=line.color, label=line.label, marker=marker, markersize=3.6)


def _over_all_steps(axes: Axes, series: Sequence[Series]) -> None:
    """The step axis reaches over steps without a value too, so that a gap is seen as one."""
    steps = [step for line in series for step in line.steps]
    reach = 0.05 * (max(steps, default=0) - min(steps, default=0))  # as matplotlib does
    if reach > 0.0:
        axes.set_xlim(min(steps) - reach, max(steps) + reach)


def _smoothed(line: Series) -> bool:
    return line.smooth and len(line.values) > 30


def _without_spikes(axes: Axes, series: Sequence[Series]) -> None:
    """End the value axis where single steps of smoothed lines would stretch it out of use."""
    if not series or not all(_smoothed(line) for line in series):
        return
    tops = [
        max(np.nanmax(running_mean(np.asarray(line.values))), np.quantile(line.values, 0.99))
        for line in series
    ]
    low, high = axes.get_ylim()
    top = 1.12 * float(max(tops))
    if low < top < high:
        axes.set_ylim(low, top)


def running_mean(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Centered mean over about 1/25 of the run; NaN at the ends, where too little is around."""
    reach = max(1, len(values) // 50)
    total = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    half = np.minimum(np.minimum(index, len(values) - 1 - index), reach)
    mean = (total[index + half + 1] - total[index - half]) / (2 * half + 1)
    return np.where(half >= reach // 3, mean, np.nan)


def thinned(count: int, most: int = 1500) -> slice:
    """Stride that leaves at most `most` of `count` points, so that a page stays small."""
    return slice(None, None, max(1, math.ceil(count / most)))


def svg(figure: Figure) -> str:
    """A figure as SVG text, the same every time; call it inside `STYLE`."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def svg_uri(figure: Figure) -> str:
    """A figure as a data URI of its SVG; call it inside `STYLE`."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg(figure).encode()).decode()


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """Points of one task in a scatter picture, as SVG path data in a 1000 x 1000 box."""

    task: str
    color: str
    watched: str  # dots
    done: str  # diamonds
    threads: str  # lines between partners


def clouds(
    watched: Float[np.ndarray, "n 2"], done: Float[np.ndarray, "n 2"], tasks: Sequence[str]
) -> tuple[Cloud, ...]:
    """Scatter of both sides as three paths per task.

    A dot is a path of length 0 with round caps: the page's style gives it its size, and a
    hundred of them cost one element.
    """
    names = sorted(set(tasks))
    found: list[Cloud] = []
    for number, name in enumerate(names):
        rows = [i for i, task in enumerate(tasks) if task == name]
        a, b = _pixels(watched[rows]), _pixels(done[rows])
        found.append(
            Cloud(
                task=name,
                color=TASK_COLORS[number % len(TASK_COLORS)],
                watched="".join(f"M{x} {y}h0" for x, y in a),
                done="".join(f"M{x - 11} {y}l11-11 11 11-11 11z" for x, y in b),
                threads="".join(f"M{x} {y}L{p} {q}" for (x, y), (p, q) in zip(a, b, strict=True)),
            )
        )
    return tuple(found)


def _pixels(points: Float[np.ndarray, "n 2"]) -> list[tuple[int, int]]:
    return [(round(x * 1000), round(1000 - y * 1000)) for x, y in points.tolist()]
