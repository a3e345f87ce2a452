"""One decision of a policy as a picture: both stages' views, heatmaps and the key pose."""

import io
from collections.abc import Iterable
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from premotor.episode.decision import Decision, Stage
from premotor.episode.keyframe import Keyframe
from premotor.geometry import rotations
from premotor.report.figures import FAINT, INK, STYLE

DPI = 130
SEEN_FROM = ("from above", "from +x, the front", "from +y, the robot's left")
AXES = "xyz"
PAPER = (0.955, 0.95, 0.935)  # where a view shows nothing
FADE = 0.45  # share of white in the views, so that heat and marks stand out
HEAT = LinearSegmentedColormap.from_list("heat", ["#f7c948", "#e8590c", "#b5123b"])
CHOSEN, TRUE = "#101418", "#0b7a75"  # the policy's key pose, the demonstrated one
_DASHES = (0, (3, 2))
_SIDEWAYS: dict[str, Any] = {"rotation": 90, "va": "center", "fontsize": 13, "color": INK}
APPROACH, HALF_OPEN, HALF_CLOSED = 0.06, 0.04, 0.012  # [m] lengths of the drawn hand


def decision_png(decision: Decision, true: Keyframe | None = None, title: str = "") -> bytes:
    """Draw a decision: the whole scene above, the zoomed one below, from three sides each.

    Args:
        decision: What `Actor.look` returned.
        true: The key pose that a demonstration goes to next; drawn beside the chosen one.
        title: A line above, such as the episode's name.

    Returns:
        A PNG.
    """
    with mpl.rc_context({**STYLE, "font.sans-serif": ["DejaVu Sans"]}):
        figure = Figure(figsize=(9.6, 8.1), dpi=DPI, facecolor="white")
        grid = figure.subplots(2, 3)
        figure.subplots_adjust(0.1, 0.115, 0.98, 0.825, wspace=0.26, hspace=0.28)
        stages = {"whole scene": decision.coarse, "zoomed": decision.fine}
        for row, (name, stage) in zip(grid, stages.items(), strict=True):
            if stage is None:
                _leave_out(row)
                continue
            row[0].text(-0.36, 0.5, name, transform=row[0].transAxes, **_SIDEWAYS)
            for view, axes in enumerate(row):
                _draw_view(axes, stage, view)
                _draw_marks(axes, stage, view, decision.keyframe, true)
        for view, axes in enumerate(grid[0]):
            axes.set_title(SEEN_FROM[view], fontsize=11, color=INK)
            if decision.fine is not None:
                _draw_window(axes, decision.coarse, decision.fine, view)
        _write(figure, decision, true, title)
        _draw_legend(figure, true is not None)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _plane(stage: Stage, view: int) -> tuple[tuple[int, int], tuple[float, float, float, float]]:
    """World axes along columns and rows of a view, and its edges [m]: left, right, low, high."""
    matrix = stage.cameras[view, :, :3]
    column, row = (int(axis) for axis in np.abs(matrix).argmax(1))
    left, right = stage.low[column], stage.high[column]
    if matrix[0, column] < 0.0:
        left, right = right, left
    return (column, row), (float(left), float(right), float(stage.low[row]), float(stage.high[row]))


def _draw_view(axes: Axes, stage: Stage, view: int) -> None:
    (column, row), edges = _plane(stage, view)
    image = stage.colors[view] * (1.0 - FADE) + FADE
    image[~stage.occupied[view]] = PAPER
    axes.imshow(image, extent=edges, interpolation="nearest", aspect="equal")
    overlay = _overlay(stage.probability[view])
    axes.imshow(overlay, extent=edges, interpolation="nearest", aspect="equal")
    axes.grid(visible=False)
    axes.set_xlabel(f"{AXES[column]} [m]", labelpad=2)
    axes.set_ylabel(f"{AXES[row]} [m]", labelpad=2)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(labelsize=8.5, pad=2)


def _overlay(probability: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w 4"]:
    """Clear where a pixel is no likelier than the average one, full where it is certain.

    The scale is the logarithm of the probability, the same in all pictures: an undecided policy
    looks undecided.
    """
    count = probability.size
    certainty = np.log(np.maximum(probability * count, 1.0)) / np.log(count)
    overlay = HEAT(certainty)
    overlay[..., 3] = 0.9 * certainty**0.7
    return overlay


def _hand(keyframe: Keyframe) -> tuple[Float[np.ndarray, "2 3"], Float[np.ndarray, "2 3"]]:
    """Ends of the approach and of the fingers' bar, world frame [m]."""
    tip = keyframe.end_effector.position
    turn = rotations.to_matrix(keyframe.end_effector.quaternion)
    half = (HALF_OPEN if keyframe.gripper_open else HALF_CLOSED) * turn[:, 1]
    return np.stack([tip - APPROACH * turn[:, 2], tip]), np.stack([tip - half, tip + half])


def _draw_marks(
    axes: Axes, stage: Stage, view: int, chosen: Keyframe, true: Keyframe | None
) -> None:
    plane, edges = _plane(stage, view)
    for keyframe, color, marker, size in ((true, TRUE, "D", 11), (chosen, CHOSEN, "o", 7)):
        if keyframe is None:
            continue
        lines = [line[:, list(plane)].T for line in _hand(keyframe)]
        for line in lines:
            axes.plot(*line, color="white", linewidth=4.4)
        for line in lines:
            axes.plot(*line, color=color, linewidth=2.2)
        x, y = keyframe.end_effector.position[list(plane)]
        axes.plot(x, y, marker, color=color, markersize=size, markeredgecolor="white")
    axes.set_xlim(*edges[:2])
    axes.set_ylim(*edges[2:])


def _leave_out(row: Iterable[Axes]) -> None:
    """The place of a stage that the policy does not have."""
    for axes in row:
        axes.set_axis_off()


def _draw_window(axes: Axes, whole: Stage, zoomed: Stage, view: int) -> None:
    """What the zoomed stage sees, as a frame in the whole scene."""
    (column, row), _ = _plane(whole, view)
    low, high = zoomed.low, zoomed.high
    width, height = high[column] - low[column], high[row] - low[row]
    for color, style in (("white", "solid"), (INK, _DASHES)):
        axes.add_patch(
            Rectangle(
                (low[column], low[row]),
                width,
                height,
                fill=False,
                edgecolor=color,
                linewidth=1.2,
                linestyle=style,
            )
        )


def _write(figure: Figure, decision: Decision, true: Keyframe | None, title: str) -> None:
    figure.text(0.025, 0.972, title, fontsize=9.5, color=FAINT)
    size = min(14.0, 14.0 * 78 / len(decision.instruction))  # on one line, however long
    figure.text(0.025, 0.937, f"\u201c{decision.instruction}\u201d", fontsize=size, color=INK)
    hand, way = (max(p, 1.0 - p) for p in (decision.gripper_open, decision.ignore_collisions))
    said = _words("chosen", decision.keyframe) + f"   (hand {hand:.0%}, way {way:.0%} sure)"
    figure.text(0.025, 0.905, said, fontsize=9.5, color=CHOSEN)
    if true is not None:
        position, last = true.end_effector.position, decision.fine or decision.coarse
        apart = 100.0 * np.linalg.norm(decision.keyframe.end_effector.position - position)
        shown = bool(((position >= last.low) & (position <= last.high)).all())
        place = f"{apart:.1f} cm apart" if shown else f"{apart:.1f} cm apart, outside the view"
        said = f"{_words('demonstrated', true)}   ({place})"
        figure.text(0.025, 0.879, said, fontsize=9.5, color=TRUE)


def _words(who: str, keyframe: Keyframe) -> str:
    x, y, z = keyframe.end_effector.position
    turn = np.round(rotations.euler_degrees(keyframe.end_effector.quaternion)).astype(int)
    hand = "open" if keyframe.gripper_open else "closed"
    way = "ignoring collisions" if keyframe.ignore_collisions else "avoiding collisions"
    turned = ", ".join(str(180 if angle == -180 else angle) for angle in turn)
    return f"{who}: to ({x:.3f}, {y:.3f}, {z:.3f}) m, turned ({turned})\u00b0, hand {hand}, {way}"


def _draw_legend(figure: Figure, with_true: bool) -> None:
    marks = [("chosen key pose", CHOSEN, "o"), ("demonstrated key pose", TRUE, "D")]
    handles = [
        Line2D([], [], color=color, marker=marker, linewidth=2.2, label=label, markersize=7)
        for label, color, marker in (marks if with_true else marks[:1])
    ]
    handles.append(Line2D([], [], color=INK, linewidth=1.2, linestyle=_DASHES, label="zoom"))
    figure.legend(handles=handles, loc="lower left", ncols=3, bbox_to_anchor=(0.02, 0.012))
    scale = figure.add_axes((0.735, 0.026, 0.14, 0.013))
    count = 1000.0
    ramp = _overlay(count ** np.linspace(-1.0, 0.0, 128)[None])
    scale.imshow(ramp, extent=(0.0, 1.0, 0.0, 1.0), aspect="auto")
    scale.set(xticks=[], yticks=[])
    scale.spines[["top", "right"]].set_visible(True)
    for place, align, word in ((-0.04, "right", "heatmap: average"), (1.04, "left", "certain")):
        scale.text(place, 0.4, word, ha=align, va="center", fontsize=10, color=INK)
