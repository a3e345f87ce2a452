"""The dress rehearsal: a whole comparison as it is typed, on demonstrations that it makes itself.

Two arms, two seeds, two quick tasks. One is left alone, the other killed twice by SIGKILL and gone
on with: both come to the same `compare.json`, bit for bit but for the times, and so does reading
the records anew.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from campaigns import timeless

pytestmark = pytest.mark.rehearsal

PATIENCE = 1800.0  # [s] for anything, on a busy machine
NOT_COMPARED = ("train_seconds", "judge_seconds", "commands")
PLAN = """
name: dress rehearsal
counted: false
preset: nano
common: {steps: 30, checkpoint_every: 10}
seeds: 2
tasks: [open_drawer, turn_tap]
data: {train: 8, val: 8, test: 2}
judged_at: [0, 0.5, 1]
episodes: 1
max_key_poses: 2
feature_episodes: 8
films: 1
reason: nothing is learned in 30 updates; this looks whether all of it runs
"""


@contextlib.contextmanager
def started(folder: Path, name: str, data: Path, *options: str) -> Iterator[subprocess.Popen]:
    """`premotor compare` in a process of its own."""
    line = [str(folder / "plan.yaml"), "--records", str(folder / name), "--data", str(data)]
    line += ["--work", str(folder / f"work_{name}"), "--cache-dir", str(folder / "cache"), *options]
    code = "from premotor.cli.main import main; main()"
    command = [sys.executable, "-c", code, "compare", *line]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def finish(folder: Path, name: str, data: Path, *options: str) -> None:
    with started(folder, name, data, *options) as process:
        _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, said.decode()[-4000:]


def kill(folder: Path, name: str, data: Path, when: Callable[[], bool]) -> None:
    """Let it run until something is there, then SIGKILL."""
    with started(folder, name, data) as process:
        last = time.monotonic() + PATIENCE
        while not when():
            assert process.poll() is None, process.communicate()[1].decode()[-4000:]
            assert time.monotonic() < last
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


def result(folder: Path, name: str) -> object:
    return timeless(json.loads((folder / name / "compare.json").read_text()), NOT_COMPARED)


def lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_killed_twice_and_gone_on_with_it_comes_to_the_same(tmp_path: Path):
    (tmp_path / "plan.yaml").write_text(PLAN)
    data = tmp_path / "data"
    finish(tmp_path, "whole", data, "--beside", "2")

    units, work = tmp_path / "killed" / "units", tmp_path / "work_killed" / "units"
    first, last = "apart/seed_0", "aligned/seed_1"
    kill(tmp_path, "killed", data, lambda: lines_of(work / first / "run/metrics.jsonl") >= 18)
    assert lines_of(units / first / "legs.jsonl") == 2
    kill(tmp_path, "killed", data, lambda: lines_of(units / last / "rollouts.jsonl") >= 1)
    assert not (units / last / "unit.json").exists()
    finish(tmp_path, "killed", data)

    whole = result(tmp_path, "whole")
    assert result(tmp_path, "killed") == whole
    files = {
        name: sorted(
            path.relative_to(tmp_path / name).as_posix()
            for path in (tmp_path / name).rglob("*")
            if path.is_file() and path.suffix in (".npz", ".mp4", ".json", ".jsonl", ".yaml")
        )
        for name in ("whole", "killed")
    }
    assert files["killed"] == files["whole"]
    for name in files["whole"]:
        if name.endswith((".npz", ".mp4")):
            assert (tmp_path / "killed" / name).read_bytes() == (
                tmp_path / "whole" / name
            ).read_bytes()

    (tmp_path / "killed" / "compare.json").unlink()
    (tmp_path / "killed" / "compare.html").unlink()
    finish(tmp_path, "killed", data, "--read")
    assert result(tmp_path, "killed") == whole
    assert (tmp_path / "killed" / "compare.html").stat().st_size > 10_000
