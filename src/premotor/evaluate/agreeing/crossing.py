"""Do models that were trained apart come to align by themselves? Read from kept features alone.

U of one seed is held against E of the next one, the last against the first: no tower stands in two
pairs, so that the pairs are as many repetitions as there are seeds (decisions D93). Beside them
stand three baselines with maps of their own: the towers before training, and pixels or the words
said in U's place.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from jaxtyping import Int

from premotor.align.fit import ANEW, LEAST_GROUPS, FitConfig
from premotor.align.models import project
from premotor.errors import ConfigError, DataError
from premotor.evaluate.agreeing.kept_features import PIXELS
from premotor.evaluate.agreeing.towers import fitted
from premotor.findings import (
    CrossedCurve,
    CrossedPoint,
    CrossingRecord,
    Partners,
    Stand,
)
from premotor.measure.catalog import MeasureConfig
from premotor.measure.crossed import CURVES, curve_values
from premotor.measure.features import Features, agreed_labels
from premotor.measure.paired import t_interval
from premotor.measure.sides import LEAST, Sides
from premotor.progress import Progress, no_progress
from premotor.records import Interval
from premotor.store.stand_ins import text_features


@dataclass(frozen=True)
class FeatureFiles:
    """What `kept_features.keep` wrote of one checkpoint, or of pixels."""

    held_out: Path  # of the episodes that are measured
    fit: Path  # of those that maps learn from


@dataclass(frozen=True, kw_only=True)
class CrossingConfig:
    """How maps are fitted and what is measured."""

    fit: FitConfig = ANEW
    neighbors: int = 10  # k of mutual k-NN
    seed: int = 0  # of the maps and their batches

    @property
    def measure(self) -> MeasureConfig:
        """With the temperature of the maps."""
        return MeasureConfig(neighbors=self.neighbors, temperature=self.fit.align.temperature)


_Key = tuple[str, bool]  # name of a measure of `CURVES`, and whether task means were taken off
_Values = dict[_Key, float | None]
_Grid = dict[tuple[Partners, Stand], list[list[_Values]]]  # by step, by pair of seeds


def crossing(
    files: Mapping[tuple[int, int], FeatureFiles],
    config: CrossingConfig,
    pixels: FeatureFiles | None = None,
    progress: Progress = no_progress,
) -> CrossingRecord:
    """Alignment of U of one training with E of another, at every step and for every seed.

    Args:
        files: Of every checkpoint, by seed and step: every step of every seed.
        config: How maps are fitted.
        pixels: Of the same episodes; None leaves that baseline out.
        progress: Told how many pairs at how many steps are done.

    Raises:
        ConfigError: Fewer than two seeds, a step that a seed lacks, or too few episodes.
        DataError: A file is missing, damaged, or of other episodes.
    """
    seeds, steps = _grid(files)
    pairs = tuple(zip(seeds, (*seeds[1:], seeds[0]), strict=True))
    seen = None if pixels is None else _Kept.load(pixels)
    found: _Grid = {}
    for count, step in enumerate(steps):
        kept = {seed: _Kept.load(files[seed, step]) for seed in seeds}
        for place, (one, other) in enumerate(pairs):
            progress("crossing", count * len(pairs) + place, len(steps) * len(pairs), "")
            for key, values in _crossed(kept[one], kept[other], seen, config):
                found.setdefault(key, [[] for _ in steps])[count].append(values)
    progress("crossing", len(steps) * len(pairs), len(steps) * len(pairs), "")
    first = _Kept.load(files[seeds[0], steps[0]])
    rows = first.measured(first).groups
    return CrossingRecord(
        pairs=pairs,
        steps=steps,
        num_fit=len(first.fit),
        num_rows=len(rows),
        num_instructions=len(_twos(rows)[0]),
        temperature=config.fit.align.temperature,
        neighbors=config.neighbors,
        curves=tuple(_curves(found, steps, rows, config)),
    )


def _grid(
    files: Mapping[tuple[int, int], FeatureFiles],
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Seeds and steps, in ascending order."""
    seeds, steps = (tuple(sorted({key[i] for key in files})) for i in (0, 1))
    if len(seeds) < 2:
        raise ConfigError(
            f"got features of {len(seeds)} seeds; U of one is held against E of another, so give 2 "
            "or more"
        )
    if missing := [(s, t) for s in seeds for t in steps if (s, t) not in files]:
        raise ConfigError(
            f"no features of {len(missing)} of {len(seeds) * len(steps)} checkpoints, as of seed "
            f"{missing[0][0]} after {missing[0][1]} updates; leave out seeds that are not whole"
        )
    return seeds, steps


@dataclass(frozen=True, eq=False)
class _Kept:
    """What is kept of one checkpoint, or of pixels."""

    held_out: Features
    fit: Features

    @classmethod
    def load(cls, files: FeatureFiles) -> "_Kept":
        both = (Features.load(path, collapsed=True) for path in (files.held_out, files.fit))
        return cls(*both)

    def measured(self, other: "_Kept") -> Sides:
        """This u and another's e of the episodes that are measured."""
        return sides_in(self.held_out, other.held_out)

    def learned(self, other: "_Kept") -> Sides:
        """The same of the episodes that maps learn from."""
        return sides_in(self.fit, other.fit)


def sides_in(u: Features, e: Features) -> Sides:
    """The layers u and e of two files of the same episodes; an instruction is a group.

    Raises:
        DataError: They are of other episodes, or lack a layer or a label.
    """
    labels = agreed_labels(u, e)
    for name, there in (
        ("u", u.layers),
        ("e", e.layers),
        ("task", labels),
        ("instruction", labels),
    ):
        if name not in there:
            raise DataError(f"{u.name} and {e.name} lack {name}; keep features anew")
    one, two = (np.asarray(x, dtype=np.float64) for x in (u.layers["u"], e.layers["e"]))
    return Sides(one, two, labels["task"], labels["instruction"])


def anew(
    learned: Sides, measured: Sides, partners: Partners, config: FitConfig, seed: int
) -> Sides:
    """z_u and z_e through maps that learn from other episodes, alike whatever trained the towers.

    Args:
        learned: u and e of the episodes that the maps learn from, as of `sides_in`.
        measured: u and e of the episodes that are measured.
        partners: Which rows meet while they learn.
        config: How they learn.
        seed: Of the maps and their batches.

    Raises:
        ConfigError: Too few episodes, or instructions of two, to learn from.
    """
    return project(fitted(learned, config, seed, partners), measured)


def _crossed(
    one: _Kept, other: _Kept, pixels: _Kept | None, config: CrossingConfig
) -> Iterator[tuple[tuple[Partners, Stand], _Values]]:
    """U of one against E of another, and what stands in U's place, for both kinds of partners."""
    learned, measured = one.learned(other), one.measured(other)
    stands: dict[Stand, tuple[Sides, Sides]] = {"trained": (learned, measured)}
    if pixels is not None:
        stands["pixels"] = (
            _in_place(learned, other.fit, pixels.fit),
            _in_place(measured, other.held_out, pixels.held_out),
        )
    said = learned.variations
    stands["text"] = (
        learned.with_sides(text_features(said, said), learned.e),
        measured.with_sides(text_features(measured.variations, said), measured.e),
    )
    for partners in get_args(Partners):
        if partners == "instruction" and not _has_twos(learned, measured):
            continue
        for stand, (known, seen) in stands.items():
            yield (partners, stand), _values(known, seen, partners, config)


def _in_place(sides: Sides, e: Features, pixels: Features) -> Sides:
    agreed_labels(pixels, e)
    return sides.with_sides(np.asarray(pixels.layers[PIXELS], dtype=np.float64), sides.e)


def _has_twos(learned: Sides, measured: Sides) -> bool:
    """Whether enough instructions have two episodes for maps to be fitted and measured."""
    return len(_twos(learned.groups)[0]) >= LEAST_GROUPS and len(_twos(measured.groups)[0]) >= LEAST


def _twos(groups: Int[np.ndarray, " n"]) -> tuple[Int[np.ndarray, " g"], Int[np.ndarray, " g"]]:
    """The first and the second row of every group that has two."""
    members = [np.flatnonzero(groups == g)[:2] for g in np.unique(groups)]
    pairs = np.array([m for m in members if len(m) == 2], dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _values(learned: Sides, measured: Sides, partners: Partners, config: CrossingConfig) -> _Values:
    z = anew(learned, measured, partners, config.fit, config.seed)
    met = zip(_met(measured, partners), _met(z, partners), strict=True)
    found = [
        {
            (name, centered): value
            for centered in (False, True)
            for name, value in curve_values(
                {"raw": raw, "z": shared}, config.measure, centered=centered
            ).items()
        }
        for raw, shared in met
    ]
    return {key: _mean([values[key] for values in found]) for key in found[0]}


def _met(sides: Sides, partners: Partners) -> list[Sides]:
    """Rows of partners: every episode; or U of an instruction's one and E of its other, and back.

    An instruction is one row then, so that no partner counts as a stranger.
    """
    if partners == "episode":
        return [sides]
    one, two = _twos(sides.groups)
    ways = ((one, two), (two, one))
    return [sides.take(u).with_sides(sides.u[u], sides.e[e]) for u, e in ways]


def _mean(values: Sequence[float | None]) -> float | None:
    """None where one is."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _curves(
    found: _Grid, steps: tuple[int, ...], groups: Int[np.ndarray, " n"], config: CrossingConfig
) -> Iterator[CrossedCurve]:
    sizes: dict[Partners, int] = {"episode": len(groups), "instruction": len(_twos(groups)[0])}
    for (partners, stand), grid in _with_untrained(found, steps).items():
        beside: dict[Stand, list[list[_Values]]] = {
            other: values
            for (kind, other), values in _with_untrained(found, steps).items()
            if kind == partners and stand == "trained" != other
        }
        for name, centered in grid[0][0]:
            measure, n, key = CURVES[name], sizes[partners], (name, centered)
            yield CrossedCurve(
                measure=name,
                label=measure.label,
                unit=measure.unit,
                partners=partners,
                centered=centered,
                stands=stand,
                chance=measure.chance(n, config.measure),
                ceiling=None if measure.ceiling is None else measure.ceiling(n),
                points=tuple(
                    _point(step, key, grid[i], {other: v[i] for other, v in beside.items()})
                    for i, step in enumerate(steps)
                ),
            )


def _with_untrained(found: _Grid, steps: tuple[int, ...]) -> _Grid:
    """The towers before training as a baseline of every step, where they are known."""
    if steps[0] > 0:
        return found
    before: _Grid = {
        (partners, "untrained"): [grid[0]] * len(steps)
        for (partners, stand), grid in found.items()
        if stand == "trained"
    }
    return found | before


def _point(
    step: int, key: _Key, row: list[_Values], beside: Mapping[Stand, list[_Values]]
) -> CrossedPoint:
    values = tuple(pair[key] for pair in row)
    known = [value for value in values if value is not None]
    above: dict[str, Interval] = {
        other: interval
        for other, theirs in beside.items()
        if (interval := _over_pairs(_differences(values, [pair[key] for pair in theirs])))
    }
    return CrossedPoint(
        step=step,
        values=values,
        mean=float(np.mean(known)) if known else None,
        interval=_over_pairs(known),
        above=above,
    )


def _differences(ours: Sequence[float | None], theirs: Sequence[float | None]) -> list[float]:
    both = zip(ours, theirs, strict=True)
    return [x - y for x, y in both if x is not None and y is not None]


def _over_pairs(values: Sequence[float]) -> Interval | None:
    return t_interval(np.array(values)) if len(values) > 1 else None
