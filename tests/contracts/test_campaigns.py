"""Every campaign alike: an existing folder, Ctrl-C, SIGTERM and SIGKILL, and going on.

Each row is a command that does many units into a folder with one file of records. It is stopped
three times and gone on with; what it wrote then is what an uninterrupted one writes.
"""

import contextlib
import json
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

import make
from campaigns import ROWS, Row, timeless
from premotor.cli import main
from premotor.errors import ConfigError, OutputExists
from premotor.stopping import STOPPED

PATIENCE = 240.0  # [s] that a command on a busy machine gets for its next record


@pytest.fixture(scope="module")
def towers(tmp_path_factory, enough_data):
    """Two runs that were trained apart."""
    folder = tmp_path_factory.mktemp("towers")
    line = f"train nano --data {enough_data} --steps 2 --processes 1 --probe-episodes 0"
    for name, options in (("u", "--pairing.watch-only --seed 1"), ("e", "")):
        kind = options or "--pairing.recognition-every 0"
        assert main.run(shlex.split(f"{line} --out {folder / name} {kind}")) == 0
    return folder


@dataclass(frozen=True)
class Case:
    """A campaign in a folder of its own."""

    row: Row
    out: Path
    command: list[str]

    @property
    def folder(self) -> Path:
        return self.out / self.row.folder

    @property
    def ledger(self) -> Path:
        return self.folder / self.row.ledger

    def count(self) -> int:
        """Whole records in the ledger."""
        try:
            return self.ledger.read_bytes().count(b"\n")
        except FileNotFoundError:
            return 0

    def records(self) -> list[dict]:
        """All records, in an order of their own, without the times they took."""
        found = [timeless(json.loads(line)) for line in self.ledger.read_text().splitlines()]
        return sorted(found, key=lambda record: json.dumps(record, sort_keys=True))


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Here as in the processes that are started: losses depend on the number in the last bits."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=ROWS)
def begin(request, enough_data, towers, tmp_path) -> Callable[[str], Case]:
    """Each campaign, in a folder of the name that is given."""
    name = request.param

    def make_case(folder: str) -> Case:
        out = tmp_path / folder
        if name == "evaluate":
            make.checkpoints(out, steps=(0, 4))
        line = ROWS[name].line.format(
            out=out, data=enough_data, u=towers / "u", e=towers / "e", run=out
        )
        return Case(ROWS[name], out, shlex.split(line))

    return make_case


@contextlib.contextmanager
def started(case: Case, *options: str):
    """The command in a process of its own."""
    code = "from premotor.cli.main import main; main()"
    arguments = [sys.executable, "-c", code, *case.command, *options]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def stop(case: Case, number: signal.Signals, *options: str) -> tuple[int, str]:
    """Send a signal after the next record; returns the exit code and what was said."""
    known = case.count() if "--overwrite" not in options else 0
    with started(case, *options) as process:
        if "--overwrite" in options:
            wait_until(lambda: case.count() < case.row.total, process)
        wait_until(lambda: known < case.count() < case.row.total, process)
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE)
        return process.returncode, said.decode()


def wait_until(reached: Callable[[], bool], process: subprocess.Popen) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            _, said = process.communicate()
            pytest.fail(f"ended ({process.returncode}) or took too long: {said.decode()[-2000:]}")
        time.sleep(0.005)


@pytest.mark.sim
@pytest.mark.slow
def test_a_campaign_can_be_stopped_in_any_way_and_gone_on_with(begin):
    case = begin("stopped")
    code, said = stop(case, signal.SIGINT)
    assert code == STOPPED
    assert "stopped" in said
    assert "--resume" in said
    done = case.count()
    assert 1 <= done < case.row.total
    code, said = stop(case, signal.SIGTERM, "--resume")
    assert code == STOPPED
    assert "--resume" in said
    assert done < case.count() < case.row.total
    code, _ = stop(case, signal.SIGKILL, "--resume")
    assert code == -signal.SIGKILL
    kept = case.count()
    with case.ledger.open("a") as file:  # what SIGKILL may leave of a line
        file.write('{"task": "open_dra')
    assert main.run([*case.command, "--resume"]) == 0
    assert kept < case.count() == case.row.total
    whole = begin("whole")
    assert main.run(whole.command) == 0
    here, there = (str(c.out.name) for c in (case, whole))
    assert json.dumps(case.records()).replace(here, there) == json.dumps(whole.records())
    finished_folders_are_spared(case)


def finished_folders_are_spared(case: Case) -> None:
    """Refused unasked, taken up without doing anything twice, thrown away on request."""
    before = case.ledger.read_bytes()
    with pytest.raises(OutputExists, match=r"add --resume to go on .* --overwrite to start anew"):
        main.run(case.command)
    with pytest.raises(ConfigError, match="give one of them"):
        main.run([*case.command, "--resume", "--overwrite"])
    assert main.run([*case.command, "--resume"]) == 0
    assert case.ledger.read_bytes() == before
    code, _ = stop(case, signal.SIGKILL, "--overwrite")
    assert code == -signal.SIGKILL
    assert case.count() < case.row.total


def test_a_folder_of_another_kind_is_left_alone_whatever_is_asked(begin):
    case = begin("another")
    case.folder.mkdir(parents=True, exist_ok=True)
    if case.folder == case.out and any(case.out.iterdir()):
        shutil.rmtree(case.out)
        case.folder.mkdir(parents=True)
    thesis = case.folder / "thesis.tex"
    thesis.write_text("years of work")
    for options in ([], ["--resume"], ["--overwrite"]):
        with pytest.raises(OutputExists, match=r"is there and is not .*choose another place"):
            main.run([*case.command, *options])
        assert thesis.read_text() == "years of work"
