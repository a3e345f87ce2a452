"""How far long work is: bars on a terminal, a line now and then elsewhere."""

import math
import time
from dataclasses import dataclass

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

_MOVE_EVERY = 0.1  # [s] between two moves of a bar
_LINE_EVERY = 15.0  # [s] between two lines of a stage where there is no terminal


@dataclass
class _Bar:
    """One stage: its bar, and how it was when it began and when it last moved."""

    task: TaskID
    began: float  # [s]
    before: int  # units that were done by then
    done: int = 0
    moved: float = -math.inf  # [s]
    printed: float = -math.inf  # [s] where there is no terminal
    remark: str = ""


class StageBars:
    """One bar per stage of a command: a `Progress` that may be called at every step."""

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
        self._bars: dict[str, _Bar] = {}

    def __enter__(self) -> "StageBars":
        return self

    def __call__(self, stage: str, done: int, total: int, remark: str = "") -> None:
        """Move the bar of a stage; of calls in quick succession most are passed over."""
        now = time.monotonic()
        if stage not in self._bars:
            task = self._progress.add_task(stage, total=total, completed=done, remark="", rate="")
            self._bars[stage] = _Bar(task, now, done)
        bar = self._bars[stage]
        if done < bar.done:  # the same stage of something else begins
            self._progress.reset(bar.task, total=total, completed=done)
            bar.began, bar.before, bar.moved = now, done, -math.inf
        bar.done = done
        if now - bar.moved < _MOVE_EVERY and done < total and remark == bar.remark:
            return
        bar.moved, bar.remark = now, remark
        passed, new = now - bar.began, done - bar.before
        rate = f"{60.0 * new / passed:.0f}/min" if new > 0 and passed > 0.5 else ""
        self._progress.update(bar.task, completed=done, total=total, remark=remark, rate=rate)
        if self._console.is_terminal:
            self._progress.start()
        elif now - bar.printed > _LINE_EVERY or done == total:
            bar.printed = now
            left = self._progress.tasks[bar.task].time_remaining
            tail = f", {left:.0f} s left" if left else ""
            line = f"{stage}: {done}/{total} {rate}{tail} {remark}"
            self._console.print(line.rstrip(), highlight=False, soft_wrap=True)

    def __exit__(self, *_error: object) -> None:
        if self._console.is_terminal:
            self._progress.stop()
