"""What is compared, as a file that is committed before the first run that counts.

    name: apart and aligned, 18 tasks
    counted: true
    preset: tiny
    common: {steps: 13600, pairing.batch_size: 32}
    arms: [apart, aligned]
    seeds: 10
    data: {train: 200}

Every name and value is checked when the file is read. The configuration of a unit is the preset
with the common values, those of its arm and its seed, and nothing else.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from premotor.codec import read_yaml, to_json
from premotor.demonstrate.seeds import SPLITS, chosen_tasks
from premotor.device import Device
from premotor.errors import ConfigError, UnknownName
from premotor.experiments.comparison.arms import ARMS, Arm
from premotor.experiments.variants import Variant, full_name
from premotor.measure.paired import MOST_FLIPPED
from premotor.paths import check_name
from premotor.presets import train_preset
from premotor.settings import check_numbers
from premotor.simulate import EPISODE_KEY_POSES
from premotor.train.config import TrainConfig, differing

# Of every unit as the plan itself says, never by `common` or an arm.
_OWN = {
    "seed": "seeds and first_seed",
    "processes": "processes",
    "device": "device",
    "keep_steps": "judged_at",
    "eval_every": "judged_at",
    "probe_episodes": "feature_episodes",
}


@dataclass(frozen=True, kw_only=True)
class PlannedData:
    """The demonstrations: made by their seeds, so that a name for them is enough."""

    train: int  # episodes per task to learn from
    per_variation: int = 0  # of split train at least so many of every variation
    val: int = 25  # per task, for a temperature; pilots are judged on them
    test: int = 100  # per task, to judge on
    seed: int = 0  # which episodes, as `premotor collect --seed`
    fingerprints: dict[str, str] = field(default_factory=dict)
    """By split; {}: not known yet, which only a pilot may say."""

    def __post_init__(self) -> None:
        if min(self.train, self.val, self.test) < 1:
            raise ConfigError(
                "data needs at least one episode per task of each split, got "
                f"train {self.train}, val {self.val}, test {self.test}"
            )
        for split in self.fingerprints:
            if split not in SPLITS:
                raise UnknownName.of("split", split, SPLITS)

    @property
    def episodes(self) -> dict[str, int]:
        """Episodes per task, by split."""
        return {"train": self.train, "val": self.val, "test": self.test}


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An arm of one's own: a known one with other values."""

    arm: str  # what it is but for the values
    set: dict[str, Any]  # fields as `premotor train` names them
    change: str = ""  # in words; "" = the values


@dataclass(frozen=True, kw_only=True)
class ComparisonPlan:
    """What is compared, on what, how long and how often; all that a run depends on."""

    name: str
    counted: bool  # False: a pilot, judged on split val and never mixed with counted runs
    preset: str
    common: dict[str, Any] = field(default_factory=dict)
    """Fields that all arms have otherwise than the preset, as `premotor train` names them."""
    arms: tuple[str, ...] = ("apart", "aligned")  # names in `arms.ARMS`
    candidates: dict[str, Candidate] = field(default_factory=dict)  # arms of one's own, by name
    baseline: str = "apart"
    claim: str = "aligned"  # this minus the baseline is the primary contrast
    seeds: int = 10  # of every arm: first_seed and those that follow
    seeds_of: dict[str, int] = field(default_factory=dict)  # of arms that have fewer
    first_seed: int = 0
    look: int = 0  # after so many seeds one look, for futility only; 0: none
    smallest_effect: float = 0.03  # share that would matter; 0.03 are 3 points
    tasks: Literal["all"] | tuple[str, ...] = "all"
    data: PlannedData
    judged_at: tuple[float, ...] = (0.0, 0.0625, 0.125, 0.25, 0.5, 1.0)  # shares of the run
    keyframe_rows: int = 160  # held-out key poses per task at each judged step; 0: all there are
    clips: int = 50
    """Held-out clips per task that are named and compared at each judged step; 0: all there are.
    The last checkpoint names them all besides."""
    episodes: int = 25  # unseen ones per task that the last checkpoint acts in; 0: no roll-outs
    without_rollouts: tuple[str, ...] = ()  # arms that never act
    max_key_poses: int = EPISODE_KEY_POSES  # per episode
    feature_episodes: int = 25  # per task whose u and e are kept, and as many of split train
    features_of: tuple[str, ...] = ()
    """Arms whose u and e are kept at every judged step of every seed; () = the baseline. With the
    seeds that are filmed the claim's are kept at every step too, all others' at the last one."""
    films: int = 2  # episodes per task that are filmed
    film_seeds: int = 1  # seeds, from the first, whose roll-outs are filmed and shown
    processes: int = 1  # that train a unit together
    device: Device = "cpu"
    reason: str = ""  # why so: by which rule pilots led here

    def __post_init__(self) -> None:
        train_preset(self.preset)
        _check_arms(self)
        _check_fields(self)
        _check_numbers(self)
        for name in self.compared:
            steps = self.steps_of(name)  # refuses what the preset cannot be changed to
            if len(set(steps)) < len(steps):
                raise ConfigError(
                    f"judged_at {list(self.judged_at)} are the updates {list(steps)} of {name}, "
                    "some of them twice; train longer or judge less often"
                )

    @property
    def compared(self) -> tuple[str, ...]:
        """Every arm, in the order in which the arms of a seed are trained."""
        return (*self.arms, *self.candidates)

    @property
    def task_names(self) -> tuple[str, ...]:
        """The tasks by name."""
        return chosen_tasks(("all",) if self.tasks == "all" else self.tasks)

    @property
    def judged_split(self) -> str:
        """Whose episodes everything is judged on."""
        return "test" if self.counted else "val"

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that are needed: a pilot never touches what the comparison is judged on."""
        return ("train", "val", "test") if self.counted else ("train", "val")

    @property
    def digest(self) -> str:
        """Short hash of all of it."""
        return hashlib.sha256(to_json(self, sort_keys=True).encode()).hexdigest()[:16]

    def arm(self, name: str) -> Arm:
        """An arm, or a candidate as one.

        Raises:
            UnknownName: Neither is called so.
        """
        if name not in self.candidates:
            if name not in self.arms:
                raise UnknownName.of("arm of this plan", name, self.compared)
            return ARMS[name]
        own = self.candidates[name]
        values = {full_name(key): value for key, value in own.set.items()}
        said = own.change or ", ".join(f"{key}={value}" for key, value in own.set.items())
        known = ARMS[own.arm]
        return replace(
            known,
            variant=Variant(
                name=name,
                change=f"{own.arm}, but {said}",
                values={**known.variant.values, **values},
            ),
        )

    def seeds_in(self, name: str) -> range:
        """The seeds that an arm is trained with."""
        return range(self.first_seed, self.first_seed + self.seeds_of.get(name, self.seeds))

    def steps_of(self, name: str) -> tuple[int, ...]:
        """Updates after which an arm is judged, in order, the last one last."""
        steps = self.config(name, self.first_seed).steps
        return tuple(round(share * steps) for share in self.judged_at)

    def config(self, name: str, seed: int) -> TrainConfig:
        """The training of one unit.

        Raises:
            ConfigError: The preset cannot be changed so.
        """
        own = self.arm(name).variant
        common = {full_name(key): value for key, value in self.common.items()}
        changed = replace(own, values={**common, **own.values}).apply(train_preset(self.preset))
        return replace(
            changed,
            seed=seed,
            processes=self.processes,
            device=self.device,
            probe_episodes=0,
            eval_every=0,
            keep_steps=tuple(round(share * changed.steps) for share in self.judged_at),
        )


def read_plan(path: Path) -> ComparisonPlan:
    """Read a plan.

    Raises:
        DataError: There is no such file, or it is no text.
        ConfigError: A name or value in it cannot be meant; every one is named.
    """
    return read_yaml(ComparisonPlan, path)


def differences(kept: ComparisonPlan, now: ComparisonPlan) -> list[str]:
    """Fields in which two plans differ, with both values."""
    return [f"{name}: {was} in the records, {new} now" for name, was, new in differing(kept, now)]


def _check_arms(plan: ComparisonPlan) -> None:
    for name in plan.arms:
        if name not in ARMS:
            raise UnknownName.of("arm", name, ARMS)
    if len(set(plan.arms)) < len(plan.arms):
        raise ConfigError(f"arms must be named once each, got {list(plan.arms)}")
    for name, own in plan.candidates.items():
        check_name(name, "name of a candidate")  # a folder is called so
        if own.arm not in ARMS:
            raise UnknownName.of(f"arm that candidate {name} is", own.arm, ARMS)
        if name in ARMS:
            raise ConfigError(f"candidate {name!r} has the name of an arm; give it another one")
    meant = (plan.baseline, plan.claim, *plan.seeds_of, *plan.without_rollouts, *plan.features_of)
    for name in meant:
        if name not in plan.compared:
            raise UnknownName.of("arm of this plan", name, plan.compared)
    if plan.baseline == plan.claim:
        raise ConfigError(f"baseline and claim are both {plan.claim!r}; name two arms")


def _check_fields(plan: ComparisonPlan) -> None:
    """Refuse to have set by hand what the plan itself says."""
    for change in (plan.common, *(own.set for own in plan.candidates.values())):
        for key in change:
            if full_name(key) in _OWN:
                says = _OWN[full_name(key)]
                raise ConfigError(f"{key} follows from {says} of the plan; remove it")


def _check_numbers(plan: ComparisonPlan) -> None:
    check_numbers(plan)
    faults = "; ".join(_faults(plan))
    if faults:
        raise ConfigError(faults)
    plan.task_names  # noqa: B018, refuses unknown ones


def _faults(plan: ComparisonPlan) -> Iterator[str]:
    yield from _faults_of_seeds(plan)
    if not 0.0 < plan.smallest_effect < 1.0:
        yield f"smallest_effect must lie in (0, 1), got {plan.smallest_effect}; 0.03 is 3 points"
    shares = plan.judged_at
    if list(shares) != sorted(set(shares)) or not shares or shares[0] < 0.0 or shares[-1] != 1.0:
        yield f"judged_at must rise, from 0 or more to 1, got {list(shares)}"
    for name in ("max_key_poses", "feature_episodes"):
        if getattr(plan, name) < 1:
            yield f"{name} must be >= 1, got {getattr(plan, name)}"
    lacking = set(plan.splits) - plan.data.fingerprints.keys() if plan.data.fingerprints else set()
    if lacking:
        yield f"data.fingerprints lacks {', '.join(sorted(lacking))}"
    if plan.films > plan.episodes:
        yield f"films must be 0 to {plan.episodes}, the plan's episodes, got {plan.films}"


def _faults_of_seeds(plan: ComparisonPlan) -> Iterator[str]:
    if not 1 <= plan.seeds <= MOST_FLIPPED:  # whose sign patterns can all be gone through
        yield f"seeds must be 1 to {MOST_FLIPPED}, got {plan.seeds}"
    for name, count in plan.seeds_of.items():
        if not 1 <= count <= plan.seeds:
            yield f"seeds_of {name} must be 1 to {plan.seeds}, the plan's seeds, got {count}"
    if plan.look and not 2 <= plan.look < plan.seeds:
        yield f"look must be 0, or 2 to {plan.seeds - 1}, below the plan's seeds, got {plan.look}"
