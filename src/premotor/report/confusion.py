"""What was taken for what, as one picture."""

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from premotor.records import Confusion
from premotor.report.figures import FAINT, INK, OBSERVE, STYLE, Panel, svg_uri

TOLD = 0.005  # smaller shares are drawn, but not written into their cell
_SHADES = LinearSegmentedColormap.from_list("shades", ["#ffffff", OBSERVE])


def confusion_picture(found: Confusion, title: str, note: str) -> Panel:
    """A square of shares: a row per true class, a column per answer; the rows add up to 1.

    Args:
        found: Clips per truth and answer; with more than about 25 classes labels collide.
        title: What it shows, in words.
        note: How to read it.
    """
    count = len(found.labels)
    clips = np.zeros((count, count))
    for truth, answer, number in found.counts:
        clips[truth, answer] = number
    shares = clips / np.maximum(clips.sum(1, keepdims=True), 1e-9)
    names = [label.replace("_", " ") for label in found.labels]
    side = 2.2 + 0.36 * count
    with mpl.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(side + 1.0, side), layout="constrained")
        axes = figure.add_subplot()
        axes.imshow(shares, cmap=_SHADES, vmin=0.0, vmax=1.0)
        axes.set_xticks(range(count), names, rotation=45, ha="right", fontsize=8.5)
        axes.set_yticks(range(count), names, fontsize=8.5)
        axes.set_xlabel("named as")
        axes.set_ylabel("is")
        for i, j in zip(*np.nonzero(shares > TOLD), strict=True):
            share = shares[i, j]
            color = "#ffffff" if share > 0.55 else INK if i == j else FAINT
            axes.text(j, i, f"{100 * share:.0f}", ha="center", va="center", color=color, size=8)
        return Panel(title=title, note=note, uri=svg_uri(figure))
