"""What a study takes: which measures, and how many draws of nulls and intervals."""

from dataclasses import dataclass, field
from functools import cached_property

from premotor.errors import ConfigError
from premotor.findings import Space
from premotor.measure.catalog import Measure, MeasureConfig, chosen
from premotor.measure.nulls import PERMUTATIONS
from premotor.measure.sides import LEAST, Sides
from premotor.settings import check_numbers

LEAST_DRAWS = 100  # of a null that is taken at all, unless fewer are asked for
LEAST_HALVES = 20
MOST_DRAWS = 10_000_000  # more do not end
_NULL_FLOPS = 4e11  # of one null, beyond which it gets fewer draws
_MOST_FLOPS = 5e12  # of `LEAST_DRAWS`, beyond which a measure is taken only if it is named
_HALVES_FLOPS = 1.6e13  # of all halves


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """How sharp the nulls and intervals are."""

    permutations: int = PERMUTATIONS  # draws of each null; fewer of costly ones, which is told
    halves: int = 100  # of the episodes, for each interval; 0 = no intervals
    seed: int = 0  # of all draws
    only: tuple[str, ...] = ()  # names of measures; () = all that can be taken
    measure: MeasureConfig = field(default_factory=MeasureConfig)

    def __post_init__(self) -> None:
        if self.permutations < 2 or (self.halves != 0 and self.halves < LEAST_HALVES):
            raise ConfigError(
                f"permutations must be >= 2 and halves 0 or >= {LEAST_HALVES}, got "
                f"{self.permutations} and {self.halves}; try 1000 and 100"
            )
        if max(self.permutations, self.halves) > MOST_DRAWS:
            raise ConfigError(
                f"permutations and halves must be <= {MOST_DRAWS:,}, got {self.permutations} and "
                f"{self.halves}; try 1000 and 100"
            )
        chosen(self.only, one_space=True)
        check_numbers(self)


@dataclass(frozen=True, eq=False)
class Plan:
    """The measures of one pair of sides that are worth their cost, and how often they are drawn.

    Cost is counted in operations, never in seconds: the same rows give the same numbers anywhere.
    """

    sides: Sides
    space: Space
    config: StudyConfig

    @cached_property
    def measures(self) -> list[Measure]:
        """In the order of the table, without those that are too costly to take unasked."""
        known = chosen(self.config.only, one_space=self.space == "z")
        return [m for m in known if m.name in self.config.only or not self._dear(m)]

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was left out or drawn less often than asked for, and why."""
        known = chosen(self.config.only, one_space=self.space == "z")
        rows = f"{len(self.sides):,} rows"
        left_out = [m.name for m in known if m not in self.measures]
        fewer = [m for m in self.measures if self.permutations(m) < self.config.permutations]
        found: list[str] = []
        if left_out:
            found.append(
                f"{', '.join(left_out)}: left out, as even {LEAST_DRAWS} draws of a null take long "
                f"on {rows}; ask for them by name with --only"
            )
        if fewer:
            counts = [self.permutations(m) for m in fewer]
            draws = " to ".join(str(count) for count in sorted({min(counts), max(counts)}))
            found.append(
                f"{', '.join(m.name for m in fewer)}: nulls of {draws} draws instead of "
                f"{self.config.permutations}, as each is costly on {rows}"
            )
        if 0 < self.num_halves < self.config.halves:
            found.append(
                f"intervals from {self.num_halves} halves of {rows} instead of {self.config.halves}"
            )
        return tuple(found)

    def permutations(self, measure: Measure) -> int:
        """Draws of each null of a measure."""
        affordable = max(LEAST_DRAWS, int(_NULL_FLOPS / self._flops(measure)))
        return min(self.config.permutations, affordable)

    @property
    def num_halves(self) -> int:
        """Random halves for the intervals; 0 where there are too few rows."""
        n, widths = len(self.sides), self.sides.u.shape[1] + self.sides.e.shape[1]
        if n < LEAST:
            return 0
        return min(self.config.halves, max(LEAST_HALVES, int(_HALVES_FLOPS / (n**2 * widths))))

    def draws(self, num_nulls: int) -> int:
        """Draws in all where each measure has so many nulls, about."""
        return num_nulls * sum(self.permutations(m) for m in self.measures)

    def _dear(self, measure: Measure) -> bool:
        return LEAST_DRAWS * self._flops(measure) > _MOST_FLOPS

    def _flops(self, measure: Measure) -> float:
        return measure.flops(len(self.sides), self.sides.u.shape[1], self.sides.e.shape[1])
