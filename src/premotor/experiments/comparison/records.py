"""What a comparison writes down: the plan it is held to, and per arm and seed what came out.

A folder of records holds `plan.yaml` (ComparisonPlan, plan.py), `begun.json` (BegunRecord) and, for
every unit, `units/<arm>/seed_<n>/` with `legs.jsonl` (LegRecord), `named.jsonl` (NamedClip),
`keyframes.jsonl` (KeyframeRecord), `rollouts.jsonl` (EvalRecord), `features/`, `films/` and, last
of all, `unit.json` (UnitRecord). Weights and caches lie elsewhere.
"""

from dataclasses import dataclass

from premotor.records import HeldOutRecord


@dataclass(frozen=True, kw_only=True)
class CodeState:
    """Which code ran."""

    version: str  # package version and git commit, as `records.code_version`
    source: str  # hash of all files of the package: two that are alike ran the same code
    clean: bool  # the files are those of the commit


@dataclass(frozen=True, kw_only=True)
class BegunRecord:
    """How a comparison began: whatever is added to it has to be like that."""

    plan: str  # digest of the plan
    code: CodeState
    data: dict[str, str]  # split -> fingerprint
    created: str  # ISO 8601, UTC
    command: str


@dataclass(frozen=True, kw_only=True)
class LegRecord:
    """One part of a training, up to the next step that is judged, and what was found there."""

    arm: str
    seed: int
    step: int  # updates done
    train_seconds: float  # of this leg alone [s]
    judge_seconds: float  # [s]
    held_out: HeldOutRecord
    gradients: dict[str, float]
    """Means over the leg's paired steps, by part and kind as in `StepRecord`; {} at step 0."""
    losses: dict[str, float]  # [nat] means over those of the leg's steps that have them, by term


@dataclass(frozen=True, kw_only=True)
class UnitRecord:
    """One arm with one seed, when all of it is done, or when it cannot go on."""

    arm: str
    seed: int
    plan: str  # digest of the plan
    code: CodeState
    data: dict[str, str]  # split -> fingerprint
    versions: dict[str, str]  # of Python and the packages that matter
    machine: str
    ended: str  # ISO 8601, UTC
    rollout_seconds: float = 0.0  # of the roll-outs and films [s]
    fault: str = ""  # why it diverged or broke; "" = it is whole

    @property
    def whole(self) -> bool:
        """Whether everything of it was done."""
        return not self.fault

    @property
    def hopeless(self) -> bool:
        """Whether doing it again would end in the same way: it diverged."""
        return self.fault.startswith(DIVERGED)


DIVERGED = "diverged"  # how the fault of a training begins whose losses are no numbers any more
BROKE = "broke"  # of any other unit that could not go on; it is tried again
