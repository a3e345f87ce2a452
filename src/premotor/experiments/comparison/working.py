"""Units, one after the other, by one of the processes that share them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from premotor.errors import OutputExists
from premotor.experiments.comparison.records import UnitRecord
from premotor.experiments.comparison.setting import Setting, Unit
from premotor.experiments.comparison.units import do_unit, known_unit
from premotor.worklist import in_one_thread


@dataclass(frozen=True)
class Done:
    """What became of the units."""

    records: dict[Unit, UnitRecord]  # that are at their end, broken ones among them
    elsewhere: tuple[Unit, ...]  # that other processes are at


def work(setting: Setting, units: Sequence[Unit]) -> Done:
    """Do the units that have no record, in their order, but those that another process is at.

    Raises:
        Stopped: It was asked to stop; what is done is kept.
        SystemRefused: The disk is full or the like.
    """
    in_one_thread()
    torch.set_num_threads(1)
    records, elsewhere = dict[Unit, UnitRecord](), list[Unit]()
    for place, unit in enumerate(units):
        setting.progress("compare", place, len(units), str(unit))
        try:
            with setting.folder(unit).owned(patience=0.0):
                records[unit] = known_unit(setting, unit) or do_unit(setting, unit)
        except OutputExists:
            elsewhere.append(unit)
    setting.progress("compare", len(units), len(units), "")
    return Done(records, tuple(elsewhere))
