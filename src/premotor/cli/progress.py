"""How far long work is: bars on a terminal, a line now and then elsewhere."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_LINE_EVERY = 15.0  # [s] between two lines where there is no terminal


class StageBars:
    """One bar per stage of a command; call it with (stage, done, total, remark)."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description:>10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[remark]}"),
            console=self._console,
        )
        self._bars: dict[str, TaskID] = {}
        self._started: dict[str, tuple[float, int]] = {}  # when, and what was done by then
        self._printed = 0.0

    def __enter__(self) -> "StageBars":
        return self

    def __call__(self, stage: str, done: int, total: int, remark: str = "") -> None:
        """Move the bar of a stage."""
        now = time.monotonic()
        if stage not in self._bars:
            self._bars[stage] = self._progress.add_task(
                stage, total=total, completed=done, remark="", rate=""
            )
            self._started[stage] = now, done
        began, before = self._started[stage]
        passed, new = now - began, done - before
        rate = f"{60.0 * new / passed:.0f}/min" if new > 0 and passed > 0.5 else ""
        bar = self._bars[stage]
        self._progress.update(bar, completed=done, total=total, remark=remark, rate=rate)
        if self._console.is_terminal:
            self._progress.start()
        elif now - self._printed > _LINE_EVERY or done == total:
            self._printed = now
            left = self._progress.tasks[bar].time_remaining
            tail = f", {left:.0f} s left" if left else ""
            line = f"{stage}: {done}/{total} {rate}{tail} {remark}"
            self._console.print(line.rstrip(), highlight=False, soft_wrap=True)

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._progress.stop()
