"""Which episode: one value names it in data sets, roll-outs, records and tables."""

from dataclasses import dataclass

from premotor.paths import check_name


@dataclass(frozen=True, order=True)
class EpisodeId:
    """One episode: the same three values always give the same one, whatever ran before."""

    task: str  # name of the task, as "close_jar"
    variation: int  # index into the variations of the task
    seed: int  # places the props, and draws all else that is random

    def __str__(self) -> str:
        return f"{self.task}, variation {self.variation}, seed {self.seed}"


@dataclass(frozen=True, kw_only=True)
class OfEpisode:
    """Base of records of one episode: on disk its three values are columns like any other."""

    task: str
    variation: int
    seed: int

    def __post_init__(self) -> None:
        check_name(self.task, "task")  # files are named by it

    @property
    def episode(self) -> EpisodeId:
        """Which episode this is about."""
        return EpisodeId(self.task, self.variation, self.seed)


@dataclass(frozen=True, order=True)
class EpisodeSlot:
    """A place in a list of episodes: the first candidate that can be made is its episode."""

    task: str
    variation: int
    seeds: tuple[int, ...]

    def __str__(self) -> str:
        return str(self.candidates[0])

    @property
    def candidates(self) -> tuple[EpisodeId, ...]:
        """What the episode may turn out to be, in the order in which they are tried."""
        return tuple(EpisodeId(self.task, self.variation, seed) for seed in self.seeds)
