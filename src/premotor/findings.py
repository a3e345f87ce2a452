"""What measuring alignment finds: one shape from `premotor.measure` to the terminal and the page.

A `Study` holds every `Finding` of one pair of sides. A finding is one measure: its value, what it
is compared with, how sure it is, and the same measure under each control, nested inside it.
"""

from dataclasses import dataclass
from typing import Any, Literal

from premotor.codec import renamed
from premotor.records import Interval

Stratum = Literal["all", "task", "variation"]
Unit = Literal["share", "nat", "rank", "score"]
Space = Literal["raw", "z"]
Watched = Literal["expert", "own", "another"]  # clip of the expert, of the roll-out, of another
Partners = Literal["episode", "instruction"]  # of u: e of its episode, of another with its words
Stand = Literal["trained", "untrained", "pixels", "text"]  # what is in U's place
SIDES = "u-e"  # what watches and what acts; others are stand-ins that need no network


@dataclass(frozen=True, kw_only=True)
class Null:
    """What a measure would be if the pairing meant nothing: its values for shuffled partners."""

    stratum: Stratum  # partners are shuffled over "all" rows, within the "task" or the "variation"
    mean: float
    sd: float
    q95: float  # 5 % of the shuffled pairings are better
    z: float  # distance of the value to the mean in sd, positive where the value is better
    p: float  # one-sided
    least: float  # the smallest p that these draws and strata can give
    draws: int


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One measure of one pair of sides, and its nulls."""

    value: float | None
    num_rows: int
    absent: str = ""  # why there is no value; "" where there is one
    nulls: tuple[Null, ...] = ()

    def null(self, stratum: Stratum) -> Null | None:
        """The null within a stratum, where it could be taken."""
        return next((null for null in self.nulls if null.stratum == stratum), None)

    @property
    def deciding(self) -> Null | None:
        """The null that decides of a control: within the task, else over all rows.

        The tasks' furniture is there in every episode of a task and survives all controls.
        """
        return self.null("task") or self.null("all")


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A number that a value is held against, and what kind of thing that is."""

    kind: Literal["chance", "ceiling", "null mean"]
    value: float


@dataclass(frozen=True, kw_only=True)
class Control:
    """The same measure where something that both sides may share was taken away."""

    name: str  # of `measure.sides.CONTROLS`
    reading: Reading
    refitted: bool = False  # whether the maps were fitted anew without what was taken away
    void: str = ""  # why it decides nothing; "" where it does


@dataclass(frozen=True, kw_only=True)
class Level:
    """The measure on fewer rows, which says whether it fades as rows are added."""

    num_rows: int
    value: float
    chance: float | None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One measure of alignment and everything that it is held against."""

    measure: str  # name in `measure.catalog.MEASURES`
    label: str
    unit: Unit
    own: Reading
    reference: Reference | None = None
    interval: Interval | None = None  # of the value, over these episodes
    untrained: float | None = None  # the same of the networks before training
    gain: Interval | None = None  # what it is better by than those
    calibrated: float | None = None
    """(value - null mean) / (best possible - null mean): 0 at chance, 1 at best."""
    centered: Reading | None = None  # with each task's mean taken off both sides
    controls: tuple[Control, ...] = ()
    by_rows: tuple[Level, ...] = ()
    low_is_good: bool = False


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The kind of alignment, and why: see `measure.verdict`."""

    kind: str  # of `measure.verdict.KINDS`
    because: str


@dataclass(frozen=True, kw_only=True)
class Study:
    """All findings of one pair of sides, and what kind of alignment they leave standing."""

    checkpoint: str  # "untrained" ("started" where it began with stored weights) or "trained"
    space: Space  # "raw": u and e; "z": after the linear maps, so that rows may be compared
    sides: str = SIDES
    num_rows: int  # episodes
    repeated: tuple[int, int] = (0, 0)  # rows of either side that equal an earlier one
    findings: tuple[Finding, ...]
    verdict: Verdict | None = None  # None of stand-ins
    remarks: tuple[str, ...] = ()  # what was left out or measured with fewer draws, and why

    def finding(self, measure: str) -> Finding | None:
        """The finding of one measure, where it was taken."""
        return next((found for found in self.findings if found.measure == measure), None)


@dataclass(frozen=True, kw_only=True)
class LayerPair:
    """One measure between a layer of U and a layer of E."""

    layer_u: str
    layer_e: str
    value: float | None  # None where one of them does not vary
    score: float | None = None  # calibrated, as of a `Finding`


@dataclass(frozen=True, kw_only=True)
class LayerStudy:
    """One measure between every layer of U and every layer of E."""

    measure: str
    label: str
    num_rows: int  # episodes
    pairs: tuple[LayerPair, ...]
    best: LayerPair  # of the largest value
    nulls: tuple[Null, ...]  # of the largest value over all pairs, for shuffled partners


@dataclass(frozen=True, kw_only=True)
class AlignRecord:
    """What `premotor align` writes: features of two models over the same episodes."""

    features_u: str  # files
    features_e: str
    num_averaged: int  # rows in the files, where those of an episode were averaged
    temperature: float  # tau of the bound
    studies: tuple[Study, ...] = ()  # of the features; then of stand-ins
    layers: tuple[LayerStudy, ...] = ()  # where a file holds several


@dataclass(frozen=True, kw_only=True)
class Relation:
    """Whether the episodes that score high are those that succeed (measure/relation.py)."""

    auc: Interval  # P(score of a success > score of a failure), ties 1/2; count = episodes
    p: float  # outcomes permuted within the strata, two-sided
    draws: int
    num_pairs: int  # of a success and a failure of one stratum
    by_stratum: dict[str, Interval]  # their own AUCs


@dataclass(frozen=True, kw_only=True)
class SuccessRelation:
    """A relation of alignment to success, and what was compared."""

    score: str  # what is held against success, as "cosine of z_u and z_e"
    watched: Watched
    words: bool  # whether E read the instruction
    within: Stratum  # successes and failures compared are of one task, one variation, or any
    relation: Relation


@dataclass(frozen=True, kw_only=True)
class Sight:
    """Whether U sees what it is shown: clips that it names rightly among all texts."""

    named: Interval
    first_frame: Interval  # by the first frame alone
    camera: str = ""  # another than the data set's, through which U sees another episode
    named_other_camera: Interval | None = None  # the same episodes through that camera

    @classmethod
    def of_before(cls, raw: dict[str, Any]) -> dict[str, Any]:
        """As version 0.1.0 wrote it."""
        return renamed(raw, named_other_camera="named_elsewhere")


@dataclass(frozen=True, kw_only=True)
class CrossedPoint:
    """One measure at one step: a value per pair of seeds, and their mean."""

    step: int  # updates behind both towers
    values: tuple[float | None, ...]  # in the order of `CrossingRecord.pairs`; None: not measurable
    mean: float | None  # of those that there are
    interval: Interval | None  # t over pairs; None with fewer than two
    above: dict[str, Interval]
    """Of the trained towers: what each baseline (`Stand`) is exceeded by, paired; t over pairs"""


@dataclass(frozen=True, kw_only=True)
class CrossedCurve:
    """One measure of alignment over training."""

    measure: str  # "recall_at_1", "bound", "mutual_knn", "debiased_cka"; of u and e: "..._raw"
    label: str
    unit: Unit
    partners: Partners
    centered: bool  # whether each task's mean was taken off
    stands: Stand
    chance: float  # what shuffled partners get
    ceiling: float | None  # what it can be at most; None: 1
    points: tuple[CrossedPoint, ...]


@dataclass(frozen=True, kw_only=True)
class CrossingRecord:
    """U of one training against E of another over training, through maps that are fitted anew.

    Every U and every E stands in one pair alone, so the pairs share no tower, and intervals are
    over seeds, about these episodes (decisions D93).
    """

    pairs: tuple[tuple[int, int], ...]  # seed of U, seed of E
    steps: tuple[int, ...]
    num_fit: int  # episodes that maps learned from
    num_rows: int  # episodes that are measured
    num_instructions: int  # of them with two episodes: rows where partners are by instruction
    temperature: float  # tau of the maps and of the bound
    neighbors: int  # k of mutual k-NN
    curves: tuple[CrossedCurve, ...]


@dataclass(frozen=True, kw_only=True)
class ProbePoint:
    """How far two towers of a probe align after so many updates of both."""

    step: int
    values: dict[str, float | None]  # by measure, as of a `CrossedCurve`; None: not measurable
    centered: dict[str, float | None]  # with each task's mean taken off; {} of one task


@dataclass(frozen=True, kw_only=True)
class ProbeRecord:
    """Two frozen towers with maps fitted between them, measured on held-out episodes."""

    run_u: str
    run_e: str
    step_u: int  # updates behind each tower; -1: not known
    step_e: int
    together: str  # why the two were not trained apart; "" where they were
    fit_split: str  # whose episodes the maps learned from
    num_fit: int  # episodes
    split: str  # whose episodes are measured
    num_rows: int  # episodes
    unit: str  # what is watched: the "episode", or one "segment" of each
    sight: Sight
    temperature: float  # tau of the maps and of the bound
    studies: tuple[Study, ...]  # checkpoints "untrained", where both are known, and "trained"
    relations: tuple[SuccessRelation, ...]  # empty where every roll-out ended alike
    successes: int  # of the roll-outs
    rollouts: int
    simulator: str
    code_version: str
    curve: tuple[ProbePoint, ...] = ()  # over training, where steps were named
