import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from premotor.errors import ConfigError
from premotor.worklist import Crew, Done, UnitBroken, WorkerCrashed, run_units

ENGINES = ("processes", "ray")
DEATH = 30.0  # [s] in which processes have to be gone, on a busy machine too
# What pickle writes of it and cannot read again.
POISON = "type('Poison', (Exception,), {'__reduce__': lambda self: (int, ('no number',))})()"


def test_every_unit_ends_once_and_a_failing_one_stops_no_other():
    done = []
    run_units(math.sqrt, [4.0, -1.0, 9.0], Crew(workers=1), done.append)
    assert [d.unit for d in done] == [4.0, -1.0, 9.0]
    assert done[2].unwrap() == 3.0
    with pytest.raises(ValueError, match=r"math domain|nonnegative"):
        done[1].unwrap()


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_processes_give_what_one_process_gives(engine):
    done = []
    run_units(math.factorial, [5, -1, 7, 9], Crew(workers=2, engine=engine), done.append)
    assert sorted((d.unit, d.result) for d in done if d.error is None) == [
        (5, 120),
        (7, 5040),
        (9, 362880),
    ]
    assert [type(d.error) for d in done if d.error] == [ValueError]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_a_dying_worker_costs_its_unit_alone(engine):
    done: list[Done] = []
    units = [signal.SIGCHLD, signal.SIGKILL, signal.SIGWINCH, signal.SIGURG]
    run_units(signal.raise_signal, units, Crew(workers=2, engine=engine), done.append)
    assert sorted(d.unit for d in done) == sorted(units)
    assert {d.unit: type(d.error) for d in done if d.error} == {signal.SIGKILL: WorkerCrashed}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_what_cannot_travel_costs_its_unit_alone_and_is_told(engine):
    done: list[Done] = []
    raising = f"(_ for _ in ()).throw({POISON})"
    run_units(
        eval,
        ["1 + 1", "lambda: 0", POISON, raising, "2 + 2"],
        Crew(workers=2, engine=engine),
        done.append,
    )
    errors = {d.unit: d.error for d in done if d.error}
    assert {d.unit: d.result for d in done if not d.error} == {"1 + 1": 2, "2 + 2": 4}
    assert set(errors) == {"lambda: 0", POISON, raising}
    assert {type(error) for error in errors.values()} == {UnitBroken}
    assert "its result cannot be pickled" in str(errors["lambda: 0"])
    assert "its error cannot be pickled (invalid literal for int()" in str(errors[raising])
    assert "Traceback" in str(errors[raising])


@pytest.mark.slow
def test_a_ray_of_our_own_leaves_no_folder(monkeypatch):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        monkeypatch.setenv("RAY_TMPDIR", folder)
        during: list[list[str]] = []
        run_units(
            math.sqrt,
            [4.0],
            Crew(workers=1, engine="ray"),
            lambda _: during.append(os.listdir(folder)),
        )
        assert [name.startswith("ray-") for names in during for name in names] == [True]
        assert os.listdir(folder) == []


@pytest.mark.slow
def test_a_worker_of_ray_has_one_thread(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("LP_NUM_THREADS", raising=False)
    done: list[Done] = []
    run_units(
        os.getenv, ["OMP_NUM_THREADS", "LP_NUM_THREADS"], Crew(workers=1, engine="ray"), done.append
    )
    assert [d.unwrap() for d in done] == ["1", "0"]


@pytest.mark.slow
def test_an_interrupted_ray_leaves_nothing_running():
    script = (
        "import sys, time\n"
        "from premotor.worklist import Crew, run_units\n"
        "try:\n"
        "    say = lambda done: print(done.unit, flush=True)\n"
        "    run_units(time.sleep, [0, 3, 4, 5, 6], Crew(workers=2, engine='ray'), say)\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(130)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "0\n"
    children = _children(parent.pid)
    assert len(children) > 2
    try:
        parent.send_signal(signal.SIGINT)
        assert parent.wait(timeout=DEATH) == 130
        _wait_for_death(children)
    finally:
        _kill([parent.pid, *children])
        parent.stdout.close()


@pytest.mark.slow
def test_workers_die_with_a_killed_parent():
    script = (
        "import multiprocessing, os, time\n"
        "from premotor.worklist import Crew, run_units\n"
        "if __name__ == '__main__':\n"
        "    run_units(time.sleep, [30, 30], Crew(workers=2), print)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    children: list[int] = []
    try:
        deadline = time.monotonic() + DEATH
        while len(children) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
            children = _spawned(parent.pid)
        assert len(children) == 2
        time.sleep(1.0)
        parent.kill()
        parent.wait()
        _wait_for_death(children)
    finally:
        _kill([parent.pid, *children])


@pytest.mark.slow
def test_interrupted_processes_end_what_they_are_at_and_hand_it_over():
    script = (
        "import signal, sys, time\n"
        "from premotor.worklist import Crew, run_units\n"
        # A shell that runs us in the background has Ctrl-C ignored, and we would inherit that.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "try:\n"
        "    say = lambda done: print(done.unit, flush=True)\n"
        "    run_units(time.sleep, [0, 3, 4, 5, 6], Crew(workers=2), say)\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(130)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "0\n"
    try:
        parent.send_signal(signal.SIGINT)
        told, _ = parent.communicate(timeout=DEATH)
        assert parent.returncode == 130
        # In any order; the second may not have begun.
        assert sorted(told.split()) in (["3"], ["3", "4"])
    finally:
        _kill([parent.pid])


def _wait_for_death(processes: list[int]) -> None:
    deadline = time.monotonic() + DEATH
    while any(_alive(p) for p in processes):
        if time.monotonic() > deadline:
            pytest.fail("workers outlived their parent")
        time.sleep(0.1)


def _kill(processes: list[int]) -> None:
    """Those that are still there, so that a failing test leaves no orphan."""
    for process in filter(_alive, processes):
        os.kill(process, signal.SIGKILL)


def _children(parent: int) -> list[int]:
    """All descendants."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = Path(f"/proc/{name}/stat").read_text()
        except OSError:
            continue
        if int(stat.rsplit(")", 1)[1].split()[1]) == parent:
            found += [int(name), *_children(int(name))]
    return found


def _spawned(parent: int) -> list[int]:
    commands = {c: Path(f"/proc/{c}/cmdline") for c in _children(parent)}
    return [c for c, path in commands.items() if path.exists() and "spawn_main" in path.read_text()]


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_no_workers_is_refused():
    with pytest.raises(ConfigError, match="workers"):
        run_units(math.sqrt, [1.0], Crew(workers=0), print)


def test_without_ray_its_engine_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'premotor\[ray\]'"):
        run_units(math.sqrt, [1.0], Crew(workers=1, engine="ray"), print)


def test_a_cluster_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match=r"no Ray at .127\.0\.0\.1:1"):
        run_units(math.sqrt, [1.0], Crew(workers=1, engine="ray", ray_address="127.0.0.1:1"), print)


@pytest.mark.parametrize("kind", [RuntimeError, ValueError])
def test_a_cluster_of_another_version_or_a_wrong_address_is_told(monkeypatch, kind):
    ray = pytest.importorskip("ray")

    def init(**_options):
        raise kind("Version mismatch")

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(ConfigError, match=r"no Ray at 'auto' \(Version mismatch\).*same version"):
        run_units(math.sqrt, [1.0], Crew(workers=1, engine="ray", ray_address="auto"), print)


def test_the_work_list_needs_no_ray():
    code = "import sys, premotor.worklist\nsys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
