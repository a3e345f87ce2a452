"""What a comparison of ways to train comes to: one shape from its records to tables and page.

An arm is one way of training, a unit one arm trained with one seed. `experiments/comparison` fills
a `Comparison` from the records of all units and writes it as `compare.json`; `report/comparison`
shows it. `KeptFilm` and `KeptClip` lie beside the records and are what the page plays.
"""

from dataclasses import dataclass
from typing import Literal

from premotor.episode.identity import OfEpisode
from premotor.measure.procedure import ClaimVerdict, MirrorVerdict
from premotor.measure.seeds import ArmLevel, SeedContrast
from premotor.records import FilmRecord, Interval

Kind = Literal["share", "nat", "number"]
Role = Literal["primary", "secondary", "exploratory"]
Side = Literal["trained", "untrained", "pixels", "text"]

SUCCESS, NAMED = "success", "text_accuracy"  # the two co-primary outcomes
FILMS = "films.json"  # list of KeptFilm, in the folder `films` of a unit
CLIPS = "clips.json"  # list of KeptClip, in the folder `clips` of the records


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Something measured of every finished unit."""

    name: str  # as on record: "success", "text_accuracy", "execute", "neighbor_u", ...
    words: str  # in words, as "success on unseen episodes"
    kind: Kind
    role: Role
    higher_is_better: bool = True


@dataclass(frozen=True, kw_only=True)
class TaskLevel:
    """What an arm reaches on one task."""

    arm: str
    outcome: str
    task: str
    values: tuple[float, ...]  # by seed, in the order of the arm's `ArmLevel`

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return sum(self.values) / len(self.values)


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One measure of one unit over its training."""

    arm: str
    seed: int
    measure: str  # an outcome's name, or "losses.align" and the like
    steps: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Gradient:
    """How strongly alignment pulls at one part of the network, beside that part's own loss."""

    arm: str
    part: str  # as "policy/coarse"
    step: int  # end of the leg whose paired steps are averaged
    own: float | None  # norm of the own loss's gradient; None: it has none
    align: float  # norm of the weighted gradient of L_align
    cosine: float | None  # of the two; None where one is 0
    applied: float | None  # norm of what was added over that of the clipped own; of whole towers
    seeds: int  # averaged


@dataclass(frozen=True, kw_only=True)
class AlignmentPoint:
    """Spontaneous alignment at one step: U of one seed against E of another."""

    step: int
    mean: float
    interval: Interval | None  # None where fewer than two values are there
    values: tuple[float, ...]  # one per pair of seeds, or per seed


@dataclass(frozen=True, kw_only=True)
class AlignmentCurve:
    """One measure of alignment over the training of the baseline arm."""

    arm: str
    measure: str  # as "recall_at_1", "debiased_cka"
    words: str  # in words
    kind: Kind
    pairs: Literal["instruction", "episode"]
    centered: bool  # whether each task's mean was taken off
    side: Side  # what E is held against; "trained" is U
    points: tuple[AlignmentPoint, ...]
    chance: float | None = None


@dataclass(frozen=True, kw_only=True)
class UnitCost:
    """What one unit took, and how it ended."""

    arm: str
    seed: int
    train_seconds: float
    judge_seconds: float
    machine: str
    ended: str  # ISO 8601, UTC; "" where it has not
    fault: str = ""  # why it diverged or broke; "" where it finished


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where the numbers come from."""

    plan: str  # YAML, word for word
    plan_digest: str
    code_version: str
    commands: tuple[str, ...]
    versions: dict[str, str]  # of the packages that matter
    fingerprints: dict[str, str]  # of the data, by split
    simulator: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Every number of `compare.md` and of the page."""

    name: str
    counted: bool  # False: a pilot, of which nothing is claimed
    split: str  # judged on
    tasks: tuple[str, ...]
    arms: tuple[str, ...]
    answers: dict[str, str]  # by arm: the question that it answers
    baseline: str
    claim: str  # the arm whose difference to the baseline is the primary contrast
    seeds_planned: tuple[int, ...]
    steps: int  # updates of each run
    judged_steps: tuple[int, ...]
    episodes: int  # roll-outs per task
    smallest_effect: float  # as a share: 0.03 are 3 points
    outcomes: tuple[Outcome, ...]
    verdict: ClaimVerdict | None  # of the co-primary outcomes; None where nothing was finished
    mirror: tuple[MirrorVerdict, ...]  # whether it may be called an effect of the mirror
    cannot: tuple[str, ...]  # what it cannot show, a sentence each
    levels: tuple[ArmLevel, ...]
    by_task: tuple[TaskLevel, ...]
    contrasts: tuple[SeedContrast, ...]  # every arm minus the baseline, and the claim's others
    curves: tuple[Curve, ...]
    gradients: tuple[Gradient, ...]
    alignment: tuple[AlignmentCurve, ...]
    cost: tuple[UnitCost, ...]  # of every planned unit that was begun
    missing: tuple[str, ...]  # planned units without a record, as "aligned, seed 3"
    provenance: Provenance

    def outcome(self, name: str) -> Outcome | None:
        """The outcome of a name, where it was measured."""
        return next((o for o in self.outcomes if o.name == name), None)

    def level(self, arm: str, outcome: str) -> ArmLevel | None:
        """What an arm reached, where it was measured."""
        return next((v for v in self.levels if (v.arm, v.outcome) == (arm, outcome)), None)

    def on_task(self, arm: str, outcome: str, task: str) -> TaskLevel | None:
        """What an arm reached on one task, where it was measured."""
        key = (arm, outcome, task)
        return next((v for v in self.by_task if (v.arm, v.outcome, v.task) == key), None)

    def contrast(self, ours: str, outcome: str) -> SeedContrast | None:
        """An arm minus the baseline, where both were measured."""
        key = (ours, self.baseline, outcome)
        return next((c for c in self.contrasts if (c.ours, c.theirs, c.outcome) == key), None)

    @property
    def broken(self) -> tuple[UnitCost, ...]:
        """Units that diverged or broke."""
        return tuple(unit for unit in self.cost if unit.fault)


@dataclass(frozen=True, kw_only=True)
class KeyPose:
    """A key pose that the policy chose, and when its roll-out's film shows it chosen."""

    second: float  # [s] in the film
    position: tuple[float, float, float]  # [m] in the world
    quaternion: tuple[float, float, float, float]  # wxyz
    gripper_open: bool


@dataclass(frozen=True, kw_only=True)
class KeptFilm(FilmRecord):
    """A filmed roll-out with what its policy chose; the same episodes in every arm and seed."""

    key_poses: tuple[KeyPose, ...] = ()


@dataclass(frozen=True, kw_only=True)
class KeptClip(OfEpisode):
    """One judged episode whose u and e are kept, and what the recognizer saw of it."""

    episode_index: int  # number in its data set, as in `features/*.npz`
    instruction: str
    video: str  # MP4 file name, relative to the folder of this record; "" where none is kept
