"""The system says no: one line is said, what was there stays, and work goes on where it stopped."""

import errno
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import make
from premotor import checkpoint
from premotor.claims import Claim, claim_file
from premotor.cli import main
from premotor.errors import OutputExists, PremotorError, SystemRefused, naming
from premotor.folders import RunFolder, SurveyFolder
from premotor.records import write_atomically
from premotor.temporary import held_file, held_folder, sweep, sweep_beside
from torture.refusing import Asked, Writes

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """As a full disk: the system writes what fits and refuses the rest."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class Failing:
    """Stands for a function of the system; its n-th call is refused."""

    def __init__(self, real: Callable, n: int) -> None:
        self.real, self.left = real, n

    def __call__(self, *arguments: object, **options: object) -> object:
        self.left -= 1
        if self.left == 0:
            raise FULL
        return self.real(*arguments, **options)


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def kind_of(asked: Asked) -> tuple[str, str]:
    """What is asked for, without what differs from one run, split or step to the next."""
    event, path = asked
    path = re.sub(r"/\.([^/]+?)\.[^/.]+\.\d+\.\w+\.tmp", r"/\1", path)
    return event, re.sub(r"step_\d+|-(train|val)-\w+(/\w{16})?", "N", path)


@pytest.mark.slow
def test_each_write_of_a_training_is_refused_once_and_nothing_is_lost(made_up_data, tmp_path):
    options = "--steps 2 --checkpoint-every 1 --eval-every 1 --processes 1 --device cpu --resume"
    line = f"train nano --data {made_up_data} --probe-episodes 2 {options}"
    refused = set[tuple[str, str]]()

    def first_of_its_kind(asked: Asked) -> bool:
        new = kind_of(asked) not in refused
        refused.add(kind_of(asked))
        return new

    def train(place: Path) -> str:
        """What it says; "" where it ends well."""
        try:
            main.run(shlex.split(f"{line} --out {place / 'out'} --cache-dir {place / 'cache'}"))
        except PremotorError as error:
            return str(error)
        return ""

    def weights(place: Path) -> dict[str, bytes]:
        """All weights and probes."""
        found = (place / "out").rglob("*.safetensors")
        return {str(p.relative_to(place)): p.read_bytes() for p in found}

    case, steps = tmp_path / "case", list[int]()
    with Writes(case, first_of_its_kind):
        while said := train(case):
            assert len(re.findall("(?i)no space left", said)) == 1, refused
            assert "\n" not in said
            found = [c.step for c in checkpoint.checkpoints(case / "out")]
            assert set(found) >= set(steps), refused
            steps = found
    names = {Path(path).name for _, path in refused}
    assert names >= {"model.safetensors", "state.pt", "metrics.jsonl", "rows.json", "cache.json"}
    assert not list(case.rglob(".*.tmp"))
    assert not train(tmp_path / "whole")
    assert weights(case) == weights(tmp_path / "whole")


def test_what_was_there_stays_where_no_more_fits(tmp_path):
    path = tmp_path / "a" / "page.html"
    write_atomically(path, b"old")
    with largest_file(1000), pytest.raises(SystemRefused, match=r"page\.html: no file may grow"):
        write_atomically(path, b"x" * 5000)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a", "a/page.html"]


@pytest.mark.parametrize("size", [3000, 40_000, 200_000])
def test_a_checkpoint_that_does_not_fit_leaves_the_last_one(tmp_path, size):
    run = make.checkpoints(tmp_path / "run", steps=(0, 4))
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    mirror = checkpoint.load_mirror(run)
    state = {"optimizer": [p.detach() for p in mirror.parameters()]}
    with largest_file(size), pytest.raises(SystemRefused, match=r"step_000008: no file may grow"):
        checkpoint.save(run, 8, mirror, state)
    assert {p: p.read_bytes() for p in run.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "there is no permission"),
        (errno.EROFS, "may only be read"),
        (errno.EDQUOT, "quota"),
        (errno.ENOLCK, "has no locks"),
        (errno.ENOTDIR, "a folder was expected"),
        (errno.EBUSY, "the system refused it"),
    ],
)
def test_every_refusal_says_what_why_and_what_to_do(tmp_path, number, words):
    expected = pytest.raises(SystemRefused, match=rf"thing.txt: .*{words}.*; \w+")
    with expected as caught, naming(tmp_path / "thing.txt"):
        raise OSError(number, os.strerror(number))
    assert caught.value.exit_code == 1


def test_another_error_is_left_as_it_is(tmp_path):
    with pytest.raises(ZeroDivisionError), naming(tmp_path):
        raise ZeroDivisionError
    with pytest.raises(RuntimeError, match=r"^torch's$"), naming(tmp_path):
        raise RuntimeError("torch's")


def test_what_overwrites_brings_the_old_back_where_nothing_new_can_be(tmp_path, monkeypatch):
    folder = SurveyFolder(tmp_path / "out")
    folder.path.mkdir()
    folder.records.write_text("years of work")
    with monkeypatch.context() as patch:
        failing = Failing(Path.mkdir, 3)  # after that for its lock and that of the name aside
        patch.setattr(Path, "mkdir", lambda *a, **k: failing(*a, **k))
        with pytest.raises(SystemRefused, match="the disk is full"):
            folder.claim(Claim(overwrite=True))
    assert folder.records.read_text() == "years of work"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_overwriting_through_a_link_empties_what_it_leads_to(tmp_path):
    real, link = tmp_path / "scratch", tmp_path / "out"
    real.mkdir()
    link.symlink_to(real)
    folder = SurveyFolder(link)
    folder.records.write_text("old")
    folder.claim(Claim(overwrite=True))
    assert link.is_symlink()
    assert names(real) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "scratch"]


def test_a_file_that_cannot_be_written_is_refused_before_any_work(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    with pytest.raises(OutputExists):
        claim_file(tmp_path / "link", overwrite=False)
    for path in (tmp_path / "file" / "a", tmp_path, tmp_path / ("n" * 300)):
        with pytest.raises(SystemRefused):
            claim_file(path, overwrite=True)
    claim_file(tmp_path / "new" / "a", overwrite=False)
    assert names(tmp_path) == ["file", "link", "new"]


def test_leftovers_are_told_from_what_is_being_written_by_a_lock(tmp_path):
    for name in (".page.html.77.tmp", ".page.html.host.77.ab12.tmp", "sub/.rows.json.5.tmp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".page.html.thesis.tmp").touch()  # whose nobody knows
    (tmp_path / ".folder.3.tmp").mkdir()
    with held_file(tmp_path / "page.html") as (mine, _), held_folder(tmp_path / "x") as building:
        sweep_beside(tmp_path / "page.html")
        kept = [mine.name, building.name, "sub"]
        others = [".folder.3.tmp", ".page.html.thesis.tmp", "sub/.rows.json.5.tmp"]
        assert names(tmp_path) == sorted([*kept, *others])
        sweep(tmp_path)
        assert names(tmp_path) == sorted(kept)


def test_report_and_evaluate_remove_what_a_killed_one_left(tmp_path):
    run = make.checkpoints(tmp_path / "run", steps=(0, 4))
    left = [run / ".report.html.77.tmp", run / "probe" / ".rows.json.77.tmp"]
    left += [RunFolder(run).checkpoints / ".step_000008.77.tmp"]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert main.run(["report", str(run)]) == 0
    assert not any(path.exists() for path in left)


def premotor(line: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "premotor.cli.main", *shlex.split(line)]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, **options)  # type: ignore


@pytest.mark.parametrize("line", ["tasks", "tasks --json", "--help", "watch --help"])
def test_output_that_nobody_can_write_is_one_line(line):
    with open("/dev/full", "w") as full:
        done = premotor(line, stdout=full)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "the disk is full" in done.stderr
    assert done.stderr.count("\n") == 1


def test_with_closed_streams_nothing_is_written_into_a_file(tmp_path):
    command = f"{sys.executable} -m premotor.cli.main tasks --json >&- 2>&- <&-"
    assert subprocess.run(["sh", "-c", command], cwd=tmp_path).returncode == 0
    assert names(tmp_path) == []


def test_want_of_memory_is_one_line(monkeypatch):
    monkeypatch.setattr("premotor.cli.tasks.listing", lambda: (_ for _ in ()).throw(MemoryError))
    with pytest.raises(PremotorError, match="not enough memory; give fewer"):
        main.run(["tasks"])


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("RANK", "x", "RANK is 'x'.*an integer >= 0"),
        ("RANK", "-1", "RANK is '-1'"),
        ("WORLD_SIZE", "0", "WORLD_SIZE is '0'.*an integer >= 1"),
        ("WORLD_SIZE", "", "WORLD_SIZE is ''"),
        ("LOCAL_RANK", "1.5", "LOCAL_RANK is '1.5'"),
        ("MASTER_PORT", "http", "MASTER_PORT is 'http'"),
        ("OMP_NUM_THREADS", "x", "OMP_NUM_THREADS is 'x'.*number of threads"),
        ("OMP_NUM_THREADS", "0", "OMP_NUM_THREADS is '0'"),
    ],
)
def test_an_environment_that_cannot_be_is_refused(
    made_up_data, tmp_path, monkeypatch, name, value, words
):
    monkeypatch.setenv(name, value)
    line = f"train nano --data {made_up_data} --out {tmp_path / 'r'} --steps 1 --device cpu"
    with pytest.raises(PremotorError, match=f"{words}.*unset it"):
        main.run(shlex.split(line))
    assert not (tmp_path / "r").exists()


def test_a_rank_beyond_the_world_is_refused(monkeypatch, made_up_data, tmp_path):
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(PremotorError, match=r"RANK is 2 of WORLD_SIZE 2.*0 to 1"):
        main.run(["train", "nano", "--data", str(made_up_data), "--out", str(tmp_path / "r")])


GL = """
import os, sys
from premotor.simulate import WANTED_GL
from premotor.simulate.rig import check_gl
from premotor.errors import RenderingError
try:
    check_gl()
except RenderingError as error:
    print(WANTED_GL, error)
if len(sys.argv) < 2:  # as a worker, which inherits the environment
    import subprocess
    sys.exit(subprocess.run([sys.executable, __file__, "again"]).returncode)
"""


def test_a_gl_that_is_none_is_named_as_it_was_set_in_workers_too(tmp_path):
    script = tmp_path / "gl.py"
    script.write_text(GL)
    environment = os.environ | {"MUJOCO_GL": "bogus"}
    environment.pop("PREMOTOR_GL", None)
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert lines[0] == lines[1]
    assert lines[0].startswith("bogus MUJOCO_GL is 'bogus' in the environment, expected one of")
    assert lines[0].endswith("set MUJOCO_GL=osmesa")


def test_a_lost_terminal_stops_like_sigterm_unless_nohup_ignores_it(tmp_path):
    script = (
        "import signal, sys\n"
        "from premotor.stopping import StopSignal\n"
        "with StopSignal() as stop:\n"
        "    signal.raise_signal(signal.SIGHUP)\n"
        "print(stop.received)\n"
    )
    for prefix, answer in (("", "True"), ("nohup ", "False")):
        done = subprocess.run(
            ["sh", "-c", f"{prefix}{sys.executable} -c '{script}'"],
            capture_output=True,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        )
        assert done.stdout.split() == [answer], done.stderr
