import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from premotor.errors import ConfigError
from premotor.worklist import Done, WorkerCrashed, run_units


def test_every_unit_ends_once_and_a_failing_one_stops_no_other():
    done = []
    run_units(math.sqrt, [4.0, -1.0, 9.0], 1, done.append)
    assert [d.unit for d in done] == [4.0, -1.0, 9.0]
    assert done[2].unwrap() == 3.0
    with pytest.raises(ValueError, match=r"math domain|nonnegative"):
        done[1].unwrap()


@pytest.mark.slow
def test_processes_give_what_one_process_gives():
    done = []
    run_units(math.factorial, [5, -1, 7, 9], 2, done.append)
    assert sorted((d.unit, d.result) for d in done if d.error is None) == [
        (5, 120),
        (7, 5040),
        (9, 362880),
    ]
    assert [type(d.error) for d in done if d.error] == [ValueError]


@pytest.mark.slow
def test_a_dying_worker_costs_its_unit_alone():
    done: list[Done] = []
    units = [signal.SIGCHLD, signal.SIGKILL, signal.SIGWINCH, signal.SIGURG]
    run_units(signal.raise_signal, units, 2, done.append)
    assert sorted(d.unit for d in done) == sorted(units)
    assert {d.unit: type(d.error) for d in done if d.error} == {signal.SIGKILL: WorkerCrashed}


@pytest.mark.slow
def test_workers_die_with_a_killed_parent():
    script = (
        "import multiprocessing, os, time\n"
        "from premotor.worklist import run_units\n"
        "if __name__ == '__main__':\n"
        "    run_units(time.sleep, [30, 30], 2, print)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    children: list[int] = []
    for _ in range(100):
        time.sleep(0.1)
        children = _spawned(parent.pid)
        if len(children) == 2:
            break
    assert len(children) == 2
    time.sleep(1.0)
    parent.kill()
    parent.wait()
    for _ in range(50):
        time.sleep(0.1)
        if not any(_alive(c) for c in children):
            return
    pytest.fail("workers outlived their parent")


def _spawned(parent: int) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        try:
            parent_of = int(Path(f"/proc/{name}/stat").read_text().rsplit(")", 1)[1].split()[1])
            command = Path(f"/proc/{name}/cmdline").read_text()
        except (OSError, IndexError):
            continue
        if parent_of == parent and "spawn_main" in command:
            found.append(int(name))
    return found


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_no_workers_is_refused():
    with pytest.raises(ConfigError, match="workers"):
        run_units(math.sqrt, [1.0], 0, print)
