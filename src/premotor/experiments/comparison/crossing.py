"""Spontaneous alignment over training: U of one seed against E of another, from files alone."""

from dataclasses import dataclass

from premotor.comparison_records import AlignmentCurve, AlignmentPoint, Kind
from premotor.errors import ConfigError
from premotor.evaluate.agreeing.crossing import CrossingConfig, FeatureFiles, crossing
from premotor.experiments.comparison.reading import ComparisonRecords
from premotor.findings import CrossedCurve
from premotor.progress import Progress

_KINDS: dict[str, Kind] = {"share": "share", "nat": "nat"}


@dataclass(frozen=True)
class Crossed:
    """Alignment of the baseline's towers, or why there is none."""

    curves: tuple[AlignmentCurve, ...] = ()
    why_not: str = ""


def crossed(records: ComparisonRecords, progress: Progress) -> Crossed:
    """How far towers that were trained apart align, at every step that is judged.

    Args:
        records: Of the baseline's units those that have their features at every step take part.
        progress: Told how many pairs at how many steps are done.
    """
    plan, folder = records.plan, records.folder
    files: dict[tuple[int, int], FeatureFiles] = {}
    for seed in plan.seeds_in(plan.baseline):
        unit = folder.unit(plan.baseline, seed)
        own = {
            (seed, step): FeatureFiles(unit.features(step), unit.fit_features(step))
            for step in plan.steps_of(plan.baseline)
        }
        if all(f.held_out.is_file() and f.fit.is_file() for f in own.values()):
            files |= own
    pixels = FeatureFiles(folder.pixels, folder.fit_pixels)
    seen = pixels if pixels.held_out.is_file() and pixels.fit.is_file() else None
    try:
        found = crossing(files, CrossingConfig(), seen, progress)
    except ConfigError as error:  # too few seeds or episodes: the rest can be read without
        return Crossed(why_not=f"alignment over training of {plan.baseline}: {error}")
    return Crossed(tuple(_curve(plan.baseline, curve) for curve in found.curves))


def _curve(arm: str, curve: CrossedCurve) -> AlignmentCurve:
    return AlignmentCurve(
        arm=arm,
        measure=curve.measure,
        words=curve.label,
        kind=_KINDS.get(curve.unit, "number"),
        pairs=curve.partners,
        centered=curve.centered,
        side=curve.stands,
        points=tuple(
            AlignmentPoint(
                step=point.step,
                mean=point.mean,
                interval=point.interval,
                values=tuple(value for value in point.values if value is not None),
            )
            for point in curve.points
            if point.mean is not None
        ),
        chance=curve.chance,
    )
