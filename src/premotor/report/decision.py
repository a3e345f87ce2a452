"""One decision of a policy as a picture: both stages' views, heatmaps and the key pose."""

import io
from collections.abc import Sequence

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
        figure.subplots_adjust(
            left=0.1, right=0.98, top=0.83, bottom=0.115, wspace=0.26, hspace=0.3
        )
        for row, stage, name in zip(
            grid, (decision.coarse, decision.fine), ("whole scene", "zoomed"), strict=True
        ):
            for view, axes in enumerate(row):
                _draw_view(axes, stage, view)
                _draw_marks(axes, stage, view, decision.keyframe, true)
            row[0].text(
                -0.36,
                0.5,
                name,
                transform=row[0].transAxes,
                rotation=90,
                va="center",
                fontsize=13,
                color=INK,
            )
        for view, axes in enumerate(grid[0]):
            axes.set_title(SEEN_FROM[view], fontsize=11, color=INK)
            _draw_window(axes, decision, view)
        _write(figure, decision, true, title)
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
    heat = stage.probability[view]
    heat = heat / heat.max()
    overlay = HEAT(heat)
    overlay[..., 3] = 0.85 * np.sqrt(heat)
    axes.imshow(overlay, extent=edges, interpolation="nearest", aspect="equal")
    axes.grid(visible=False)
    axes.set_xlabel(f"{AXES[column]} [m]", labelpad=2)
    axes.set_ylabel(f"{AXES[row]} [m]", labelpad=2)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(labelsize=8.5, pad=2)


def _hand(keyframe: Keyframe) -> tuple[Float[np.ndarray, "2 3"], Float[np.ndarray, "2 3"]]:
    """Ends of the approach and of the fingers' bar, world frame [m]."""
    tip = keyframe.end_effector.position
    turn = rotations.to_matrix(keyframe.end_effector.quaternion)
    half = (HALF_OPEN if keyframe.gripper_open else HALF_CLOSED) * turn[:, 1]
    return np.stack([tip - APPROACH * turn[:, 2], tip]), np.stack([tip - half, tip + half])


def _draw_marks(
    axes: Axes, stage: Stage, view: int, chosen: Keyframe, true: Keyframe | None
) -> None:
    planes, edges = _plane(stage, view)
    both = [(chosen, CHOSEN, "o")] if true is None else [(true, TRUE, "D"), (chosen, CHOSEN, "o")]
    for keyframe, color, marker in both:
        for line in _hand(keyframe):
            for width, ink in ((4.4, "white"), (2.2, color)):
                axes.plot(*line[:, list(planes)].T, color=ink, linewidth=width)
        x, y = keyframe.end_effector.position[list(planes)]
        axes.plot(
            x, y, marker, color=color, markersize=7, markeredgecolor="white", markeredgewidth=1.5
        )
    axes.set_xlim(*edges[:2])
    axes.set_ylim(*edges[2:])


def _draw_window(axes: Axes, decision: Decision, view: int) -> None:
    """What the zoomed stage sees, as a frame in the whole scene."""
    (column, row), _ = _plane(decision.coarse, view)
    low, high = decision.fine.low, decision.fine.high
    axes.add_patch(
        Rectangle(
            (low[column], low[row]),
            high[column] - low[column],
            high[row] - low[row],
            fill=False,
            edgecolor=FAINT,
            linewidth=1.1,
            linestyle=(0, (3, 2)),
        )
    )


def _write(figure: Figure, decision: Decision, true: Keyframe | None, title: str) -> None:
    figure.text(0.025, 0.955, f"“{decision.instruction}”", fontsize=14, color=INK)
    figure.text(0.975, 0.957, title, fontsize=10, color=FAINT, ha="right")
    lines = [_words("chosen", decision.keyframe)]
    opened, ignored = decision.gripper_open, decision.ignore_collisions
    lines[0] += (
        f"   (hand {max(opened, 1 - opened):.0%}, collisions {max(ignored, 1 - ignored):.0%} sure)"
    )
    if true is not None:
        apart = np.linalg.norm(decision.keyframe.end_effector.position - true.end_effector.position)
        lines.append(_words("demonstrated", true) + f"   ({100 * apart:.1f} cm apart)")
    for number, (line, color) in enumerate(zip(lines, (CHOSEN, TRUE), strict=False)):
        figure.text(0.025, 0.922 - 0.026 * number, line, fontsize=9.5, color=color)
    figure.legend(
        handles=_legend(true is not None),
        loc="lower center",
        ncols=4,
        fontsize=9.5,
        bbox_to_anchor=(0.5, 0.01),
    )


def _words(who: str, keyframe: Keyframe) -> str:
    x, y, z = keyframe.end_effector.position
    roll, pitch, yaw = rotations.euler_degrees(keyframe.end_effector.quaternion)
    hand = "open" if keyframe.gripper_open else "closed"
    way = "through anything" if keyframe.ignore_collisions else "around obstacles"
    return (
        f"{who}: to ({x:.3f}, {y:.3f}, {z:.3f}) m, turned ({roll:.0f}, {pitch:.0f}, {yaw:.0f})°, "
        f"then {hand}, {way}"
    )


def _legend(with_true: bool) -> Sequence[Line2D]:
    def mark(label: str, color: str, marker: str) -> Line2D:
        return Line2D([], [], color=color, marker=marker, markersize=7, linewidth=2.2, label=label)

    handles = [mark("chosen key pose", CHOSEN, "o")]
    if with_true:
        handles.append(mark("demonstrated key pose", TRUE, "D"))
    window = Line2D([], [], color=FAINT, linestyle=(0, (3, 2)), label="what is zoomed to")
    heat = Line2D([], [], color="#e8590c", marker="s", markersize=9, linewidth=0, label="heatmap")
    return [*handles, heat, window]
