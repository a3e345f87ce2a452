"""The records of a comparison read back, where they belong together; what does not is refused."""

from collections.abc import Sequence
from dataclasses import dataclass

from premotor.campaign import Ledger
from premotor.errors import ConfigError, DataError
from premotor.experiments.comparison.begin import kept_plan
from premotor.experiments.comparison.plan import ComparisonPlan
from premotor.experiments.comparison.records import BegunRecord, LegRecord, UnitRecord
from premotor.experiments.comparison.setting import Unit, units_of
from premotor.folders import ComparedUnitFolder, ComparisonFolder
from premotor.records import EvalRecord, KeyframeRecord, NamedClip, read_json, read_lines

UNFINISHED = "not finished"


@dataclass(frozen=True, kw_only=True)
class UnitRecords:
    """Everything on record of one unit."""

    unit: Unit
    record: UnitRecord | None  # None: it has not come to its end
    legs: tuple[LegRecord, ...]  # by step
    named: tuple[NamedClip, ...]
    keyframes: tuple[KeyframeRecord, ...]
    rollouts: tuple[EvalRecord, ...]

    @classmethod
    def of(cls, folder: ComparedUnitFolder, unit: Unit) -> "UnitRecords":
        """Read them; a file that is not there holds none.

        Raises:
            DataError: A file is damaged.
        """
        legs = Ledger(folder.legs, LegRecord).read()
        return cls(
            unit=unit,
            record=read_json(folder.record, UnitRecord) if folder.record.is_file() else None,
            legs=tuple(sorted(legs, key=lambda leg: leg.step)),
            named=tuple(read_lines(folder.named, NamedClip)),
            keyframes=tuple(read_lines(folder.keyframes, KeyframeRecord)),
            rollouts=tuple(read_lines(folder.rollouts, EvalRecord)),
        )

    @property
    def begun(self) -> bool:
        """Whether there is anything."""
        return bool(self.legs) or self.record is not None

    @property
    def whole(self) -> bool:
        """Whether everything of it was done."""
        return self.record is not None and self.record.whole

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do: it is whole, or it diverged."""
        return self.record is not None and (self.record.whole or self.record.hopeless)

    @property
    def fault(self) -> str:
        """Why it diverged or broke; "" where it did not."""
        return self.record.fault if self.record else ""


@dataclass(frozen=True, kw_only=True)
class ComparisonRecords:
    """A folder of records, read and found to be of one plan, one code and one data set."""

    folder: ComparisonFolder
    plan: ComparisonPlan
    begun: BegunRecord
    units: tuple[UnitRecords, ...]  # of the whole plan, in its order

    @classmethod
    def read(cls, folder: ComparisonFolder) -> "ComparisonRecords":
        """Read them.

        Raises:
            DataError: The folder holds no comparison, or a file is damaged.
            ConfigError: Units are of another plan, code or data set, or not of the plan at all;
                they are named.
        """
        if not folder.beginning.is_file():
            raise DataError(
                f"{folder.path} holds no records of a comparison; `premotor compare PLAN` makes "
                "them, and --records says where they are"
            )
        plan, begun = kept_plan(folder), read_json(folder.beginning, BegunRecord)
        if plan.digest != begun.plan:
            raise ConfigError(
                f"{folder.plan} was changed after the comparison had begun (digest {plan.digest}, "
                f"begun with {begun.plan}); take back the change"
            )
        units = tuple(UnitRecords.of(folder.unit(u.arm, u.seed), u) for u in units_of(plan))
        _check_planned(folder, units)
        _check_alike(begun, units)
        return cls(folder=folder, plan=plan, begun=begun, units=units)

    def of(self, arm: str) -> tuple[UnitRecords, ...]:
        """The units of an arm, by seed."""
        return tuple(unit for unit in self.units if unit.unit.arm == arm)


def _check_planned(folder: ComparisonFolder, units: Sequence[UnitRecords]) -> None:
    """Refuse records that the plan does not ask for: seeds added later may be picked ones."""
    planned = {folder.unit(u.unit.arm, u.unit.seed).path for u in units}
    found = {path.parent for path in folder.path.glob("units/*/seed_*/*.json*")}
    if others := sorted(path.relative_to(folder.path).as_posix() for path in found - planned):
        raise ConfigError(
            f"{folder.path} holds units that are not of its plan: {', '.join(others)}; move them "
            "into a comparison of their own"
        )


def _check_alike(begun: BegunRecord, units: Sequence[UnitRecords]) -> None:
    """Refuse runs of several plans, codes or data sets in one table."""
    for what, wanted, of in (
        ("plan", begun.plan, lambda record: record.plan),
        ("code", begun.code.source, lambda record: record.code.source),
        ("data", begun.data, lambda record: record.data),
    ):
        records = [(unit.unit, unit.record) for unit in units if unit.record is not None]
        other = [f"{unit} ({of(record)})" for unit, record in records if of(record) != wanted]
        if other:
            raise ConfigError(
                f"{len(other)} of {len(records)} units were made with another {what} than "
                f"the comparison was begun with ({wanted}): {'; '.join(other)}; one table holds "
                "runs of one plan, one code and one data set: move them away and run them again"
            )
