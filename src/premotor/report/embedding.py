"""Joint t-SNE of both sides over training, so that one can watch partners find each other.

z_u and z_e of the same probe episodes are embedded together, once per step. Each step starts
from the picture of the step before and is turned onto it, so that what moves has moved in the
latent space and not by a new draw of the embedding.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from premotor.errors import NoVariation
from premotor.measure.neighbors import knn_purity
from premotor.measure.retrieval import recall_at_k
from premotor.measure.rows import scaled_rows
from premotor.records import ProbeRow
from premotor.report.run import ProbeStep

MAX_ROWS = 150  # episodes in a picture; more would hide each other
MAX_STEPS = 8  # pictures over the iterations, first and last among them
MIN_ROWS = 8
START_SD = 1e-4  # spread of the starting picture (decisions D41)
COMPONENTS = 50


@dataclass(frozen=True, eq=False)
class Picture:
    """One step of training as points in the unit square."""

    step: int
    watched: Float[np.ndarray, "n 2"]  # of z_u, in [0, 1]
    done: Float[np.ndarray, "n 2"]  # of z_e, in [0, 1]
    purity: float | None  # share of the nearest neighbors (joint, latent space) of the same task
    recall: float | None  # R@1, mean of both directions, over the rows shown


def spread(count: int, most: int) -> Int[np.ndarray, " k"]:
    """At most `most` indices spread evenly over `count`, first and last among them."""
    if count <= most:
        return np.arange(count)
    return np.unique(np.round(np.linspace(0, count - 1, most)).astype(np.int64))


def joint_pictures(
    probe: tuple[ProbeStep, ...], rows: tuple[ProbeRow, ...], seed: int = 0
) -> tuple[Int[np.ndarray, " k"], tuple[Picture, ...]]:
    """Which probe rows are shown, and one joint embedding of z_u and z_e per chosen step.

    Too few rows give no picture: t-SNE of a handful of points means nothing.
    """
    shown = spread(len(rows), MAX_ROWS)
    if len(shown) < MIN_ROWS or not probe:
        return shown, ()
    labels = np.unique([r.task for r in rows], return_inverse=True)[1][shown]
    pictures: list[Picture] = []
    before: Float[np.ndarray, "m 2"] | None = None
    for index in spread(len(probe), MAX_STEPS):
        step = probe[int(index)]
        z_u, z_e = step.z_u[shown], step.z_e[shown]
        before = _embed(np.concatenate([z_u, z_e]), before, seed)
        points = into_square(before)
        twice = np.concatenate([labels, labels])
        pictures.append(
            Picture(
                step=step.step,
                watched=points[: len(shown)],
                done=points[len(shown) :],
                **_measured(z_u, z_e, twice),
            )
        )
    return shown, tuple(pictures)


def _measured(
    z_u: Float[np.ndarray, "k d"], z_e: Float[np.ndarray, "k d"], labels: Int[np.ndarray, " m"]
) -> dict[str, float | None]:
    """What stands below a picture; None where a side does not vary."""
    both = np.concatenate([z_u, z_e])
    try:
        return {
            "purity": knn_purity(both, labels, min(10, len(both) - 1)),
            "recall": (recall_at_k(z_u, z_e) + recall_at_k(z_e, z_u)) / 2,
        }
    except NoVariation:
        return {"purity": None, "recall": None}


def single_picture(x: Float[np.ndarray, "n d"], seed: int = 0) -> Float[np.ndarray, "n 2"]:
    """t-SNE of one representation alone, in the unit square."""
    return into_square(_embed(x, None, seed))


def _embed(
    x: Float[np.ndarray, "m d"], before: Float[np.ndarray, "m 2"] | None, seed: int
) -> Float[np.ndarray, "m 2"]:
    reduced = principal_components(x)
    points = tsne(reduced, beginning(reduced if before is None else before, seed), seed)
    points -= points.mean(axis=0)
    return points if before is None else turned_onto(points, before)


def principal_components(x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m c"]:
    """The first 50 of the unit rows, or as many as there are."""
    unit = scaled_rows(x.astype(np.float64))
    left, scale, _ = np.linalg.svd(unit - unit.mean(axis=0), full_matrices=False)
    return (left * scale)[:, :COMPONENTS]


def beginning(rows: Float[np.ndarray, "m c"], seed: int) -> Float[np.ndarray, "m 2"]:
    """A starting picture: the first two columns, made small; random where they do not vary."""
    start = rows[:, :2]
    if start.shape[1] < 2 or start[:, 0].std() < 1e-12:  # a collapsed representation
        start = np.random.default_rng(seed).normal(size=(len(rows), 2))
    return start / start[:, 0].std() * START_SD


def tsne(
    rows: Float[np.ndarray, "m c"], start: Float[np.ndarray, "m 2"], seed: int
) -> Float[np.ndarray, "m 2"]:
    """scikit-learn's t-SNE from a starting picture."""
    init: Any = start.astype(np.float32)  # scikit-learn's annotation knows its names alone
    drawn = TSNE(
        perplexity=perplexity(len(rows)),
        init=init,
        metric="euclidean",  # of unit rows: ranks as the cosine does
        random_state=seed,
        max_iter=750,
    )
    with threadpool_limits(1):  # a few hundred points: on a busy machine threads wait for years
        return drawn.fit_transform(rows.astype(np.float32)).astype(np.float64)


def perplexity(count: int) -> float:
    """Of t-SNE of so many rows."""
    return min(30.0, (count - 1) / 3)


def turned_onto(
    rows: Float[np.ndarray, "m c"], target: Float[np.ndarray, "m c"]
) -> Float[np.ndarray, "m c"]:
    """Rotated or mirrored to lie on the target as closely as it can (Procrustes)."""
    left, _, right = np.linalg.svd(rows.T @ target)
    return rows @ (left @ right)


def into_square(points: Float[np.ndarray, "m 2"]) -> Float[np.ndarray, "m 2"]:
    """Moved and scaled into the unit square, with a margin."""
    low, high = points.min(axis=0), points.max(axis=0)
    size = max(float((high - low).max()), 1e-9)
    return 0.5 + (points - (low + high) / 2) / size * 0.94
