"""How far training is: told by the process that trains, or read from what others write down."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from premotor.checkpoint import checkpoints
from premotor.codec import from_json, restore
from premotor.folders import RunFolder
from premotor.progress import Progress
from premotor.records import StepRecord
from premotor.train.loop import OnStep

_SHARE = 0.05  # of the newest step in a running mean
_LOOK_EVERY = 0.1  # [s] between two looks at what was written down


class StepProgress:
    """Tells how far training is, with the running mean of the loss and the rows per second."""

    def __init__(self, progress: Progress, steps: int) -> None:
        self._progress, self._steps = progress, steps
        self._rate: float | None = None
        self._loss = 0.0

    def show(self, record: StepRecord) -> None:
        """Tell of the step just done."""
        loss = record.losses["execute" if "execute" in record.losses else "understand"]
        what = "acting" if "execute" in record.losses else "watching"
        share = 1.0 if self._rate is None else _SHARE
        rate = self._rate or 0.0
        self._rate = rate + share * (record.samples_per_second - rate)
        self._loss += share * (loss - self._loss)
        remark = f"loss of {what} {self._loss:.2f}, {self._rate:.0f} rows/s"
        self._progress("train", record.step + 1, self._steps, remark)


@contextmanager
def followed(run: RunFolder, on_step: OnStep) -> Iterator[None]:
    """Meanwhile a thread calls `on_step` with every step that other processes write down.

    What `on_step` raises is raised at the end.
    """
    known = checkpoints(run.path)
    news = _News(run.metrics, since=known[-1].step if known else 0)
    over = Event()
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(_follow, news, on_step, over)
        try:
            yield
        finally:
            over.set()
        told.result()


class _News:
    """The steps that are added to a run's metrics from now on.

    A training that takes up a run first writes the file anew, without the steps that it repeats;
    until then all that stands there is old.
    """

    def __init__(self, path: Path, since: int) -> None:
        self._path, self._since = path, since
        self._old = _identity(path)
        self._place = 0  # [bytes] read so far

    def read(self) -> Iterator[StepRecord]:
        """Those added since the last call."""
        if _identity(self._path) in (None, self._old):
            return
        with self._path.open("rb") as file:
            file.seek(self._place)
            for line in file:
                if not line.endswith(b"\n"):  # it is being written
                    return
                self._place += len(line)
                source = str(self._path)
                record = restore(StepRecord, from_json(line, source), source)
                if record.step >= self._since:
                    yield record


def _identity(path: Path) -> int | None:
    return path.stat().st_ino if path.exists() else None


def _follow(news: _News, on_step: OnStep, over: Event) -> None:
    last = False
    while not last:
        last = over.wait(_LOOK_EVERY)  # and one more look when all is over
        for record in news.read():
            on_step(record)
