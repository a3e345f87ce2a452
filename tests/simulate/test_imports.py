"""What the simulator does not bring along: people who only want the tasks pay for no learning."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "sklearn", "matplotlib")


def modules_after(code: str) -> set[str]:
    lines = f"import sys\n{code}\nprint('loaded', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", lines], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split("loaded ")[1].split())


def test_registering_the_tasks_imports_none_of_them():
    loaded = modules_after("import premotor.simulate")
    assert "gymnasium" in loaded
    assert not loaded & {*HEAVY, "mujoco", "premotor.simulate.tasks", "scipy"}


@pytest.mark.sim
def test_an_environment_is_made_and_staged_without_torch():
    loaded = modules_after(
        "import gymnasium\n"
        "env = gymnasium.make('premotor.simulate:premotor/push_buttons-v0')\n"
        "env.reset(seed=0)\nenv.close()"
    )
    assert "mujoco" in loaded
    assert not loaded & set(HEAVY)


@pytest.mark.sim
def test_making_an_environment_touches_no_gl():
    code = (
        "import gymnasium\n"
        "env = gymnasium.make('premotor.simulate:premotor/push_buttons-v0')\n"
        "import premotor.simulate.rig as rig\nassert not rig._shared"
    )
    assert "premotor.simulate.rig" in modules_after(code)
