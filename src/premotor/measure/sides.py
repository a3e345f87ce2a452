"""Two representations of the same episodes, with their labels and the same under controls."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int, Real

from premotor.errors import ConfigError
from premotor.findings import Stratum
from premotor.measure.rows import codes, group_means

LEAST = 8  # rows; fewer cannot be halved for an interval
_ROUNDING = 1e-12  # of a column's largest entry; what a mean leaves below it is nothing
CONTROLS = {
    "blanked": "the instruction withheld from E",
    "another": "U shown another episode of the same variation",
    "both": "both at once",
}


@dataclass(frozen=True, eq=False)
class Sides:
    """What a model makes of watching some episodes, another of doing them; one row per episode.

    Controls are sides of their own: the same episodes, or those of them that can be taken, where
    something that both may share was taken away. So are untrained networks and stand-ins.
    """

    u: Real[np.ndarray, "n p"]  # of watching
    e: Real[np.ndarray, "m q"]  # of doing; as many rows, which is checked
    tasks: tuple[str, ...] = ()  # per row; () = not known, as the nulls within it then are
    variations: tuple[str, ...] = ()  # per row; () = not known
    controls: Mapping[str, "Sides"] = field(default_factory=dict[str, "Sides"])
    """By name (`CONTROLS`), through the maps of these sides."""
    refitted: Mapping[str, "Sides"] = field(default_factory=dict[str, "Sides"])
    """The same through maps that were fitted anew under the control."""
    untrained: "Sides | None" = None  # the same rows, of the networks before training
    stand_ins: Mapping[str, "Sides"] = field(default_factory=dict[str, "Sides"])
    """Sides that need no network, as "pixels-e"."""
    void: str = ""  # of a control: why it decides nothing

    def __post_init__(self) -> None:
        known = [len(labels) for labels in (self.tasks, self.variations) if labels]
        sizes = [len(self.u), len(self.e), *known]
        if self.untrained is not None:
            sizes.append(len(self.untrained))
        if len(set(sizes)) != 1:
            raise ConfigError(f"sides have one row per episode each, got {sizes} rows")

    def __len__(self) -> int:
        return len(self.u)

    def take(self, rows: Int[np.ndarray, " m"]) -> "Sides":
        """Some of the rows, of the untrained networks too; without controls and stand-ins."""
        return Sides(
            self.u[rows],
            self.e[rows],
            _some(self.tasks, rows),
            _some(self.variations, rows),
            untrained=None if self.untrained is None else self.untrained.take(rows),
        )

    def with_sides(self, u: Real[np.ndarray, "n p2"], e: Real[np.ndarray, "n q2"]) -> "Sides":
        """Other representations of the same rows."""
        return Sides(u, e, self.tasks, self.variations)

    @property
    def turned(self) -> "Sides":
        """The same with either side in the other's place."""
        return self.with_sides(self.e, self.u)

    @property
    def groups(self) -> Int[np.ndarray, " n"]:
        """One code per variation of a task; each row its own where variations are not known."""
        return self.strata.get("variation", np.arange(len(self)))

    @cached_property
    def strata(self) -> dict[Stratum, Int[np.ndarray, " n"]]:
        """Which rows may trade partners under each null that can be taken."""
        found: dict[Stratum, np.ndarray] = {"all": np.zeros(len(self), dtype=np.int64)}
        if self.tasks:
            found["task"] = codes(self.tasks)
        if self.variations:
            found["variation"] = codes(self.tasks or ("",) * len(self), self.variations)
        return found

    @property
    def centered(self) -> "Sides | None":
        """Each task's mean taken off both sides; None without at least two tasks."""
        tasks = self.strata.get("task")
        if tasks is None or not 1 < len(np.unique(tasks)) < len(tasks):
            return None
        u, e = (_less_means(side.astype(np.float64), tasks) for side in (self.u, self.e))
        return self.with_sides(u, e)


def _some(labels: tuple[str, ...], rows: Int[np.ndarray, " m"]) -> tuple[str, ...]:
    return tuple(labels[int(i)] for i in rows) if labels else ()


def _less_means(
    x: Float[np.ndarray, "n d"], groups: Int[np.ndarray, " n"]
) -> Float[np.ndarray, "n d"]:
    left = x - group_means(x, groups)[groups]
    return np.where(np.abs(left) > _ROUNDING * np.abs(x).max(axis=0), left, 0.0)


def another_episode(
    groups: Int[np.ndarray, " n"], rng: np.random.Generator
) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """Rows whose variation has other episodes, and for each of them one of those others.

    Every row of a variation is partner once: the rows go round in a random circle.
    """
    rows, partners = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for group in np.unique(groups):
        circle = rng.permutation(np.flatnonzero(groups == group))
        if len(circle) > 1:
            rows.append(circle)
            partners.append(np.roll(circle, 1))
    found, others = np.concatenate(rows), np.concatenate(partners)
    order = np.argsort(found)
    return found[order], others[order]


def with_another_episode(
    sides: Sides, rng: np.random.Generator, least: int = LEAST
) -> Sides | None:
    """U of one episode with e of another of the same variation; None where too few have one."""
    if not sides.variations:
        return None
    rows, partners = another_episode(sides.groups, rng)
    if len(rows) < least:
        return None
    kept = sides.take(rows)
    return kept.with_sides(sides.u[partners], kept.e)


def controls_of(
    sides: Sides,
    *,
    blanked: Real[np.ndarray, "n q"] | None = None,
    other_camera: Real[np.ndarray, "n p"] | None = None,
    void: str = "",
    seed: int = 0,
) -> dict[str, Sides]:
    """The controls that can be taken, by name.

    Args:
        sides: As they belong together.
        blanked: e with the instruction withheld; None = not at hand.
        other_camera: u through a camera that E does not have. U is shown another episode through
            it; through its own where it is None.
        void: Why U, shown another episode, decides nothing; "" where it does.
        seed: Of which other episode is shown.
    """
    seen = sides.u if other_camera is None else other_camera
    found: dict[str, Sides | None] = {"another": _another(sides, seen, sides.e, seed)}
    if blanked is not None:
        found["blanked"] = sides.with_sides(sides.u, blanked)
        found["both"] = _another(sides, seen, blanked, seed)
    return {
        name: replace(control, void=void if name != "blanked" else "")
        for name in CONTROLS
        if (control := found.get(name)) is not None
    }


def _another(
    sides: Sides, u: Real[np.ndarray, "n p"], e: Real[np.ndarray, "n q"], seed: int
) -> Sides | None:
    return with_another_episode(sides.with_sides(u, e), np.random.default_rng(seed))


def stand_ins_of(
    sides: Sides,
    pixels: Real[np.ndarray, "n k"] | None,
    path: Real[np.ndarray, "n l"] | None,
) -> dict[str, Sides]:
    """Sides that need no network, by name: pixels in u's place, the hand's path in e's.

    They are no part of a shared space, so they stand beside u and e alone.
    """
    pairs = {
        "pixels-e": (pixels, sides.e),
        "u-path": (sides.u, path),
        "pixels-path": (pixels, path),
    }
    return {
        name: sides.with_sides(u, e)
        for name, (u, e) in pairs.items()
        if u is not None and e is not None
    }
