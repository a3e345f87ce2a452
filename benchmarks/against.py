"""This checkout beside another one: start-up, cache and training, by turns on the same data.

A is the other checkout (PREMOTOR_AGAINST), B this one. They run A B A B, so that whatever else the
machine does meets both; the ratio of each pair counts, its range says how far to trust it. Both run
under this Python: only the package differs. `python -m benchmarks.against train` runs one part.
"""

import os
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.clock import Stopwatch
from premotor.records import StepRecord, read_lines

OTHER, DATA, FOLDER = "PREMOTOR_AGAINST", "PREMOTOR_AGAINST_DATA", "PREMOTOR_AGAINST_FOLDER"
OPTIONS = "PREMOTOR_AGAINST_OPTIONS"
HOW = f"""  not measured: {OTHER} is not set. To compare with the last commit:
    git worktree add /tmp/before HEAD
    export {OTHER}=/tmp/before
  {DATA}=DIR takes a data set that is there (train and another split), which the other checkout can
  read, instead of collecting a small one; {FOLDER}=DIR keeps caches and runs for the next time;
  {OPTIONS}="--pairing.batch-size 32" is given to all trainings, which both must know."""
TASKS = ("put_groceries_in_cupboard", "open_drawer", "slide_block_to_color_target")
EPISODES = 18  # per task of the data set that is made for this: two of each of 16 instructions
PAIRS = {"start": 7, "cache": 3, "train": 3}
ROWS = {"nano": 400, "tiny": 1600}  # that a training learns from
WARM_UP = 5  # updates that are not counted
RUN = "import sys; from premotor.cli.main import main; sys.argv[0] = 'premotor'; main()"
BUILD = """
import sys, time
from pathlib import Path
from premotor import presets
from premotor.represent import Source, open_dataset
source = Source(Path(sys.argv[1]), tasks=tuple(sys.argv[2:]))
mirror = presets.train_preset("tiny").mirror
start = time.perf_counter()
open_dataset(source, "train", mirror)
print(time.perf_counter() - start)
"""
BATCH = """
import sys
from premotor import presets
print(presets.train_preset(sys.argv[1]).pairing.batch_size)
"""


@dataclass(frozen=True)
class Side:
    """One of the two checkouts, and what it has written."""

    name: str
    checkout: Path
    folder: Path  # its own: data set with cache, runs

    @property
    def data(self) -> Path:
        """Its data set: the files are shared, the cache is not."""
        return self.folder / "data"

    def python(self, code: str, *arguments: str, threads: int = 1) -> str:
        """What a program prints that imports this side's package.

        Raises:
            SystemExit: It failed; what it said is printed.
        """
        own = {"PYTHONPATH": str(self.checkout / "src"), "OMP_NUM_THREADS": str(threads)}
        kept = {k: v for k, v in os.environ.items() if k != "PREMOTOR_CACHE"}
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env=kept | {"LP_NUM_THREADS": "0"} | own,
        )
        if done.returncode != 0:
            raise SystemExit(f"{self.name} ({self.checkout}) failed:\n{done.stderr[-2000:]}")
        return done.stdout

    def command(self, line: str) -> str:
        """What `premotor LINE` prints."""
        return self.python(RUN, *shlex.split(line))


def main() -> None:
    """Print medians of both sides and the ratio pair by pair; of all parts or of those named."""
    other = os.environ.get(OTHER)
    if not other:
        print(HOW)
        return
    named = [name for name in sys.argv[1:] if name in PAIRS] or list(PAIRS)
    kept = os.environ.get(FOLDER)
    place = nullcontext(kept) if kept else tempfile.TemporaryDirectory()
    with place as folder:
        sides = _sides(Path(other).resolve(), Path(folder).resolve())
        for name in named:
            PARTS[name](sides)


def _sides(other: Path, folder: Path) -> tuple[Side, Side]:
    """Both checkouts, each with a data set of its own that the other one made.

    Raises:
        SystemExit: A program of one side would import another package.
    """
    here = Path(__file__).resolve().parent.parent
    sides = Side("A", other, folder / "a"), Side("B", here, folder / "b")
    for side in sides:
        side.folder.mkdir(parents=True, exist_ok=True)
        found = Path(side.python("import premotor; print(premotor.__file__)").strip()).resolve()
        if not found.is_relative_to(side.checkout):
            raise SystemExit(f"{side.checkout} holds no src/premotor: {found} was imported")
        print(f"  {side.name}: {side.checkout}, {_commit(side.checkout)}")
    given = os.environ.get(DATA)
    data = Path(given).resolve() if given else _collected(sides[0], folder / "data")
    for side in sides:
        _share(data, side.data)
    return sides


def _commit(checkout: Path) -> str:
    said = subprocess.run(
        ["git", "-C", str(checkout), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    return said.stdout.strip() or "no git"


def _collected(side: Side, data: Path) -> Path:
    for split in ("train", "val"):
        if not (data / split).is_dir():
            wanted = f"--episodes {EPISODES} --split {split} --out {shlex.quote(str(data))}"
            side.command(f"collect {' '.join(TASKS)} {wanted}")
    return data


def _share(data: Path, own: Path) -> None:
    """The same files under another folder, all but the cache, which is the side's own."""
    for split in (path for path in data.iterdir() if path.is_dir()):
        (own / split.name).mkdir(parents=True, exist_ok=True)
        for part in split.iterdir():
            link = own / split.name / part.name
            if part.name != "cache" and not link.is_symlink():
                link.symlink_to(part)


def start_up(sides: Sequence[Side]) -> None:
    """How long the commands take that do nothing yet."""
    for line in ("--help", "tasks"):
        seconds = _turns(sides, partial(_clock, line=line), PAIRS["start"])
        _told(f"premotor {line} [s]", seconds)


def _clock(side: Side, line: str) -> float:
    watch = Stopwatch()
    side.command(line)
    return watch.read().wall


def cache_build(sides: Sequence[Side]) -> None:
    """How long it takes to make what training reads, of some tasks."""

    def build(side: Side) -> float:
        with tempfile.TemporaryDirectory(dir=side.folder) as folder:
            data = Path(folder)
            _share(side.data, data)
            return float(side.python(BUILD, str(data), *TASKS))

    _told("cache of three tasks [s]", _turns(sides, build, PAIRS["cache"]))


def training(sides: Sequence[Side]) -> None:
    """Rows a second of whole trainings, from their own account of it."""
    for preset in ROWS:
        for processes in (1, 2):
            rate = partial(_rate, preset=preset, processes=processes)
            rates = _turns(sides, rate, PAIRS["train"])
            _told(f"{preset}, {processes} process{'es'[: 2 * processes - 2]} [rows/s]", rates)


def _rate(side: Side, preset: str, processes: int) -> float:
    batch = int(side.python(BATCH, preset))
    steps = WARM_UP + max(20, 5 * -(-ROWS[preset] // (5 * batch)))  # clips come every fifth
    held = next(p.name for p in sorted(side.data.iterdir(), reverse=True) if p.name != "train")
    out = side.folder / f"run_{preset}_{processes}"
    side.command(
        f"train {preset} --data {shlex.quote(str(side.data))} --out {shlex.quote(str(out))} "
        f"--steps {steps} --processes {processes} --eval-every 0 --probe-split {held} "
        f"--probe-episodes 8 --overwrite {os.environ.get(OPTIONS, '')}"
    )
    records = list(read_lines(out / "metrics.jsonl", StepRecord))[WARM_UP:]
    rows = sum(r.samples_per_second * r.step_seconds for r in records)
    return rows / sum(r.step_seconds for r in records)


def _turns(
    sides: Sequence[Side], measure: Callable[[Side], float], pairs: int
) -> list[tuple[float, float]]:
    """A pair of numbers for each turn, A before B."""
    a, b = sides
    return [(measure(a), measure(b)) for _ in range(pairs)]


def _told(what: str, pairs: Sequence[tuple[float, float]]) -> None:
    a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratios = sorted(ours / theirs for theirs, ours in pairs)
    print(
        f"  {what:38s} A {a:8.3f}, B {b:8.3f}; B / A {statistics.median(ratios):.3f} "
        f"({ratios[0]:.3f} to {ratios[-1]:.3f}, {len(ratios)} pairs)",
        flush=True,
    )


PARTS = {"start": start_up, "cache": cache_build, "train": training}


if __name__ == "__main__":
    main()
