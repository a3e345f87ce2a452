"""Units, one after the other, by one of the processes that share them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from premotor.errors import OutputExists
from premotor.experiments.comparison.reading import ComparisonRecords
from premotor.experiments.comparison.records import UnitRecord
from premotor.experiments.comparison.setting import Setting, Unit
from premotor.experiments.comparison.summary import verdict_of
from premotor.experiments.comparison.units import do_unit, known_unit
from premotor.worklist import in_one_thread


@dataclass(frozen=True)
class Done:
    """What became of the units."""

    records: dict[Unit, UnitRecord]  # that are at their end, broken ones among them
    elsewhere: tuple[Unit, ...]  # that other processes are at


def work(setting: Setting, units: Sequence[Unit], *, look: bool = True) -> Done:
    """Do the units that have no record, in their order, but those that another process is at.

    Args:
        setting: The plan, and where.
        units: What to do.
        look: Leave out the seeds that come after the plan's look, where that found nothing.

    Raises:
        Stopped: It was asked to stop; what is done is kept.
        SystemRefused: The disk is full or the like.
    """
    records, elsewhere = dict[Unit, UnitRecord](), list[Unit]()
    with one_thread():
        for place, unit in enumerate(units):
            if look and is_futile(setting, unit):
                break
            setting.progress("compare", place, len(units), str(unit))
            try:
                with setting.folder(unit).owned(patience=0.0):
                    records[unit] = known_unit(setting, unit) or do_unit(setting, unit)
            except OutputExists:
                elsewhere.append(unit)
    setting.progress("compare", len(records), len(units), "")
    return Done(records, tuple(elsewhere))


@contextmanager
def one_thread() -> Iterator[None]:
    """Meanwhile this process computes in one thread, for the sake of others and of the last bit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with in_one_thread():
            yield
    finally:
        torch.set_num_threads(before)


def is_futile(setting: Setting, unit: Unit) -> bool:
    """Whether a unit comes after the plan's look, and this ended the comparison."""
    plan = setting.plan
    if not plan.look or unit.seed < plan.first_seed + plan.look:
        return False
    verdict = verdict_of(ComparisonRecords.read(setting.records))
    return verdict is not None and verdict.stage == "stopped"
