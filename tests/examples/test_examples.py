"""Every example runs as its docstring says, in order: 04 acts with the run that 03 made."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(name: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_examples_are_short():
    lengths = {p.name: len(p.read_text().splitlines()) for p in EXAMPLES.glob("*.py")}
    assert len(lengths) == 6
    assert max(lengths.values()) < 60


def test_two_arrays_are_aligned_beyond_the_task():
    printed = run("02_align_two_arrays.py")
    assert "debiased CKA 0." in printed
    assert "within variation" in printed


@pytest.mark.slow
def test_two_models_of_ones_own_are_probed():
    printed = run("06_align_two_models.py")
    assert [printed.count(name) for name in ("  blanked", "  another", "  both")] == [3, 3, 3]
    assert printed.splitlines()[-1].startswith("mirror: ")


@pytest.mark.sim
def test_an_expert_is_watched(tmp_path):
    out = tmp_path / "expert.png"
    printed = run("01_watch_a_task.py", "push_buttons", str(out))
    assert printed.count("tip at") == 4  # two buttons, hover and press
    assert out.stat().st_size > 10_000


@pytest.mark.sim
def test_a_task_is_done_through_gymnasium(tmp_path):
    printed = run("05_gymnasium.py", "push_buttons", str(tmp_path / "videos"))
    assert "push the maroon button, then push the green button" in printed
    assert printed.splitlines()[-1] == "success"
    (video,) = (tmp_path / "videos").glob("*.mp4")
    assert video.stat().st_size > 5_000


@pytest.mark.sim
@pytest.mark.slow
def test_a_run_is_trained_and_acts(tmp_path):
    printed = run("03_train_tiny.py", str(tmp_path), "nano", "2", "10")
    assert "step 10 of 10: loss of acting" in printed
    assert printed.splitlines()[-1] == f"finished: {tmp_path / 'run'}"
    printed = run("04_roll_out.py", str(tmp_path / "run"))
    assert "'push the maroon button'" in printed
