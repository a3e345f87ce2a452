import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from premotor.compiled import FOLDER, Kernel


@Kernel
def halve(numbers: np.ndarray, halves: np.ndarray) -> None:
    for i in range(len(numbers)):
        halves[i] = numbers[i] * np.float32(0.5)


CHILD = """
import numpy as np
from premotor.store.clouds import Grid, fill
points, shares = np.empty((1, 3, 2), np.float32), np.empty((1, 2, 3), np.float32)
grid = Grid(np.zeros(3, np.float32), np.ones(3, np.float32))
steps, colors = np.ones((2, 3), np.uint16), np.full((2, 3), 255, np.uint8)
fill(steps, colors, np.array([[0, 2]]), grid, points, shares)
assert (points == 1).all() and (shares == 1).all()
"""


def in_child(cache: Path) -> subprocess.CompletedProcess:
    environment = os.environ | {"PREMOTOR_CACHE": str(cache)}
    return subprocess.run(
        [sys.executable, "-c", CHILD], env=environment, capture_output=True, text=True, check=False
    )


def test_a_kernel_does_what_its_function_says():
    numbers, halves = np.arange(5, dtype=np.float32), np.empty(5, np.float32)
    halve(numbers, halves)
    assert halves.tolist() == [0.0, 0.5, 1.0, 1.5, 2.0]
    expected = np.empty(5, np.float32)
    halve.plain(numbers, expected)
    assert np.array_equal(halves, expected)


def test_threads_may_call_a_kernel_at_once():
    @Kernel
    def double(numbers: np.ndarray) -> None:
        for i in range(len(numbers)):
            numbers[i] = numbers[i] + numbers[i]

    rows = [np.full(1000, float(i)) for i in range(8)]
    threads = [threading.Thread(target=double, args=(row,)) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row[0] for row in rows] == [2.0 * i for i in range(8)]
    assert all((row == row[0]).all() for row in rows)


@pytest.mark.slow
def test_what_was_compiled_is_kept_and_damage_stops_nothing(tmp_path: Path):
    assert in_child(tmp_path).returncode == 0
    kept = {path: path.read_bytes() for path in (tmp_path / FOLDER).rglob("*.nb?")}
    assert {path.suffix for path in kept} == {".nbi", ".nbc"}
    for path in kept:
        path.write_bytes(b"")
    again = in_child(tmp_path)
    assert again.returncode == 0, again.stderr
    for path in kept:
        path.write_bytes(b"no machine code")
    again = in_child(tmp_path)
    assert again.returncode == 0, again.stderr


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path: Path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    done = in_child(blocked)
    assert done.returncode == 0, done.stderr
