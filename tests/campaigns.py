"""The campaigns that are stopped and gone on with: by the tests, and by `make torture`."""

from dataclasses import dataclass

TIMES = {"ended", "seconds", "samples_per_second", "data_seconds", "step_seconds"}


@dataclass(frozen=True)
class Row:
    """A campaign.

    Attributes:
        line: What is typed; {out} is its folder, {data} a data set, {run} a run with two
            checkpoints, {u} and {e} two runs that were trained apart.
        folder: Which folder must not be written into unasked, below {out}.
        ledger: The file of records in it.
        total: Records that it holds in the end.
    """

    line: str
    folder: str
    ledger: str
    total: int


ROWS = {
    "collect": Row(
        "collect open_drawer --episodes 7 --workers 1 --out {out}", "train", "episodes.jsonl", 7
    ),
    "collect by two processes": Row(
        "collect open_drawer --episodes 9 --workers 2 --out {out}", "train", "episodes.jsonl", 9
    ),
    "experts": Row("experts open_drawer --seeds 9 --workers 1 --out {out}", "", "experts.jsonl", 9),
    "train": Row(
        "train nano --data {data} --out {out} --steps 90 --processes 1 --eval-every 0"
        " --probe-episodes 0 --checkpoint-every 10",
        "",
        "metrics.jsonl",
        90,
    ),
    "evaluate": Row(
        "evaluate {out} --tasks push_buttons --episodes 4 --max-key-poses 1 --workers 1 --no-films",
        "evaluation",
        "rollouts.jsonl",
        8,
    ),
    "probe": Row(
        "probe {u} {e} --data {data} --out {out} --max-key-poses 1 --workers 1 --no-own-videos"
        " --permutations 20 --halves 0 --fit.steps 5 --only debiased_cka",
        "",
        "rollouts.jsonl",
        9,
    ),
    "ablate": Row(
        "ablate --data {data} --out {out} --split test --only lamb lamb_capped wide_zoom"
        " --preset nano --steps 2 --episodes 1 --max-key-poses 1 --processes 1 --workers 1",
        "",
        "trainings.jsonl",
        4,
    ),
}


def timeless(value: object, also: tuple[str, ...] = ()) -> object:
    """The same without the times it took, at any depth, and without what is named besides."""
    if isinstance(value, dict):
        kept = {name: part for name, part in value.items() if name not in TIMES.union(also)}
        return {name: timeless(part, also) for name, part in kept.items()}
    return [timeless(part, also) for part in value] if isinstance(value, list) else value
