"""Spontaneous alignment over training: U of one seed against E of another, from files alone."""

from premotor.comparison_records import AlignmentCurve
from premotor.experiments.comparison.reading import ComparisonRecords


def crossed(_records: ComparisonRecords) -> tuple[AlignmentCurve, ...]:
    """Alignment of the baseline's towers."""
    return ()
