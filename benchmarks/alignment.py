"""Studies of many rows: time and memory of `premotor align` as it is typed.

20,000 rows of 1,024 columns a side, every task's rows alike in part. Each form runs in a process of
its own, in one thread, so that its peak memory is its own. `PREMOTOR_ROWS` names other numbers of
rows.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.clock import Stopwatch

ROWS = "450 20000"
WIDTH = 1024
TASKS = 18
FORMS = {"two spaces": (), "one space": ("--shared",)}


def main() -> None:
    """Print the figures of both forms."""
    for rows in os.environ.get("PREMOTOR_ROWS", ROWS).split():
        with tempfile.TemporaryDirectory() as folder:
            files = write(Path(folder), int(rows))
            for form, options in FORMS.items():
                measure(f"{int(rows):,} x {WIDTH:,} {form}", [*files, *options])


def write(folder: Path, rows: int) -> list[str]:
    """Features of two models that share what they know of the task and a little more."""
    rng = np.random.default_rng(0)
    tasks = np.arange(rows) % TASKS
    known = rng.normal(size=(TASKS, WIDTH))[tasks] + 0.3 * rng.normal(size=(rows, WIDTH))
    files = []
    for side in ("u", "e"):
        files.append(str(folder / f"{side}.npz"))
        features = known + rng.normal(size=(rows, WIDTH))
        np.savez(files[-1], features=features.astype(np.float32), task=tasks)
    return files


def measure(name: str, arguments: list[str]) -> None:
    """Run the command once and print what it took."""
    out = str(Path(arguments[0]).with_name(f"{len(arguments)}.json"))
    command = [sys.executable, "-m", "premotor.cli.main", "align", *arguments, "--out", out]
    watch = Stopwatch()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall, _ = watch.read()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed with {process.returncode}")
    print(
        f"  align {name:28s} {wall:7.1f} s by the clock, {usage.ru_utime + usage.ru_stime:7.1f} s "
        f"CPU, {usage.ru_maxrss / 1024:6.0f} MiB at the peak"
    )
