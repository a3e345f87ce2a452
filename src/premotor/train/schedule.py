"""Learning rate over updates: linear warm-up, then cosine (decisions D44)."""

import math
from dataclasses import dataclass

from premotor.errors import ConfigError
from premotor.settings import check_numbers


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """Warm-up and the floor of the cosine."""

    warmup: int = 100  # updates; short, as ten minutes have few (decisions D44)
    floor: float = 0.02  # last learning rate as a share of the peak
    warmup_counts: bool = True  # the cosine ends with the run; False: the reference's overlong one

    def __post_init__(self) -> None:
        if self.warmup < 0 or not 0.0 <= self.floor <= 1.0:
            raise ConfigError(
                f"schedule needs warmup >= 0 and floor in [0, 1], got {self.warmup}, {self.floor}"
            )
        check_numbers(self)


def warmup_cosine(step: int, *, peak: float, warmup: int, horizon: int, floor: float) -> float:
    """Learning rate of update `step`, counted from 0.

    step < warmup:  peak (step + 1) / warmup
    afterwards:     low + (peak - low) (1 + cos(pi k / horizon)) / 2, k = step - warmup, low = floor peak
    """  # noqa: E501
    if step < warmup:
        return peak * (step + 1) / warmup
    low = peak * floor
    return low + (peak - low) * (1.0 + math.cos(math.pi * (step - warmup) / horizon)) / 2.0


def learning_rate(step: int, steps: int, peak: float, config: ScheduleConfig) -> float:
    """Learning rate of update `step` of a run of `steps` updates."""
    horizon = max(1, steps - config.warmup) if config.warmup_counts else steps
    return warmup_cosine(step, peak=peak, warmup=config.warmup, horizon=horizon, floor=config.floor)
