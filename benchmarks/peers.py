"""Frames per second beside robosuite's: as many cameras, as large, at the same shadow quality.

A frame is four RGB-D images of 128 x 128 pixels by software GL on one core. Scenes differ (our
push_buttons, its Lift), and so may the version of mujoco; both qualities of both are printed.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mujoco

from premotor.episode.observation import CAMERAS
from premotor.simulate.environment import Environment
from premotor.simulate.rig import Rig
from premotor.simulate.world import FINGER_OPEN, STEPS_PER_ROW, World

SIDE = 128  # [px]
REPEATS = 40
PYTHON = "PREMOTOR_ROBOSUITE_PYTHON"
CHILD = Path(__file__).with_name("peer_robosuite.py")
HOW = f"""  not measured: {PYTHON} is not set. To make it:
    python3.11 -m venv /tmp/robosuite
    /tmp/robosuite/bin/pip install robosuite==1.5.2 mujoco==3.3.7
    export {PYTHON}=/tmp/robosuite/bin/python"""

Seconds = tuple[float, float]  # wall clock, CPU


def main() -> None:
    """Print frames per second of both, with and without the motion between frames."""
    python = os.environ.get(PYTHON)
    if not python:
        print(HOW)
        return
    theirs, ours = _theirs(python), _ours()
    print(f"  {theirs['versions']}; premotor on mujoco {mujoco.__version__}")
    for level in ("plain", "shadowed"):
        quality = theirs[level]
        print(f"  {level}: shadow map {quality['map']}, {quality['samples']} samples per pixel")
        for kind, what in (("frame", "frames alone"), ("step", "0.05 s of motion and a frame")):
            a, b = ours[level][kind], theirs[level][kind]
            print(
                f"    {what:29s} ours {_rate(a)}, robosuite {_rate(b)}; "
                f"{b[0] / a[0]:.1f} times by the clock, {b[1] / a[1]:.1f} by CPU time"
            )


def _rate(seconds: Seconds) -> str:
    wall, cpu = seconds
    return f"{1 / wall:6.1f} /s ({1000 * cpu:6.1f} ms CPU)"


def _ours() -> dict[str, dict[str, Seconds]]:
    environment = Environment(SIDE, SIDE)
    environment.reset("push_buttons", 0, 0)
    world = environment.world
    results: dict[str, dict[str, Seconds]] = {}
    for level in ("plain", "shadowed"):
        rig = Rig(world.model, SIDE, SIDE, level == "shadowed", looks=world.looks)
        results[level] = {
            "frame": _seconds(lambda rig=rig: rig.observe(world, CAMERAS)),
            "step": _seconds(lambda rig=rig: (_hold(world), rig.observe(world, CAMERAS))),
        }
        rig.close()
    return results


def _hold(world: World) -> None:
    joints = world.joint_positions.copy()
    for _ in range(STEPS_PER_ROW):
        world.step(joints, FINGER_OPEN)


def _seconds(function: Callable[[], object]) -> Seconds:
    function()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(REPEATS):
        function()
    return (time.perf_counter() - wall) / REPEATS, (time.process_time() - cpu) / REPEATS


def _theirs(python: str) -> dict[str, Any]:
    """What the child measured; it must have seen something, or its speed means nothing."""
    done = subprocess.run(
        [python, str(CHILD), str(SIDE), str(REPEATS)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": ""},
    )
    if done.returncode != 0:
        raise SystemExit(f"{PYTHON}={python} failed:\n{done.stderr[-2000:]}\n{HOW}")
    results = json.loads(done.stdout.splitlines()[-1])
    for level in ("plain", "shadowed"):
        if not all(results[level]["seen"] + results[level]["moved"]):
            raise SystemExit(f"robosuite's frames are empty or stand still ({level}): {results}")
    return results
