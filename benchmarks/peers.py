"""Frames per second beside robosuite's: as many cameras, as large, at the same shadow quality.

A frame is four RGB-D images of 128 x 128 pixels by software GL on one core. Scenes differ (our
push_buttons, its Lift), and so may the version of mujoco; both qualities of both are printed, and
they must be the same on both sides. Reflections, which robosuite draws unless told otherwise, are
off: nothing in our scenes mirrors.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import mujoco

from benchmarks.clock import Seconds, per_call
from premotor.episode.identity import EpisodeId
from premotor.episode.observation import CAMERAS, Observation
from premotor.simulate.environment import Environment
from premotor.simulate.rig import SAMPLES, SHADOW_MAP, Rig
from premotor.simulate.world import FINGER_OPEN, STEPS_PER_ROW, World

SIDE = 128  # [px]
REPEATS = 40
PYTHON = "PREMOTOR_ROBOSUITE_PYTHON"
CHILD = Path(__file__).with_name("peer_robosuite.py")
HOW = f"""  not measured: {PYTHON} is not set. To make it:
    python3.11 -m venv /tmp/robosuite
    /tmp/robosuite/bin/pip install robosuite==1.5.2 mujoco==3.3.7
    export {PYTHON}=/tmp/robosuite/bin/python"""
QUALITIES = {
    "plain": {"map": 0, "samples": 0},
    "shadowed": {"map": SHADOW_MAP, "samples": SAMPLES},
}


def main() -> None:
    """Print frames per second of both, with and without the motion between frames."""
    python = os.environ.get(PYTHON)
    if not python:
        print(HOW)
        return
    theirs, ours = _theirs(python), _ours()
    print(f"  {theirs['versions']}; premotor on mujoco {mujoco.__version__}")
    for level, quality in QUALITIES.items():
        print(f"  {level}: shadow map {quality['map']}, {quality['samples']} samples per pixel")
        for kind, what in (("frame", "frames alone"), ("step", "0.05 s of motion and a frame")):
            a, b = ours[level][kind], Seconds(*theirs[level][kind])
            print(
                f"    {what:29s} ours {_rate(a)}, robosuite {_rate(b)}; "
                f"{b.wall / a.wall:.1f} times by the clock, {b.cpu / a.cpu:.1f} by CPU time"
            )


def _rate(seconds: Seconds) -> str:
    wall, cpu = seconds
    return f"{1 / wall:6.1f} /s ({1000 * cpu:6.1f} ms CPU)"


def _ours() -> dict[str, dict[str, Seconds]]:
    environment = Environment(SIDE, SIDE)
    environment.reset(EpisodeId("push_buttons", 0, 0))
    world = environment.world
    results: dict[str, dict[str, Seconds]] = {}
    for level in QUALITIES:
        rig = Rig(world.model, SIDE, SIDE, level == "shadowed", looks=world.looks)
        results[level] = {
            "frame": per_call(lambda rig=rig: rig.observe(world, CAMERAS), REPEATS),
            "step": per_call(lambda rig=rig: _moved(world, rig), REPEATS),
        }
        rig.close()
    return results


def _moved(world: World, rig: Rig) -> Observation:
    """What is seen 0.05 s later."""
    joints = world.joint_positions.copy()
    for _ in range(STEPS_PER_ROW):
        world.step(joints, FINGER_OPEN)
    return rig.observe(world, CAMERAS)


def _theirs(python: str) -> dict[str, Any]:
    """What the child measured.

    It must have seen something, at our quality, or its speed means nothing.
    """
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
    for level, quality in QUALITIES.items():
        if results[level]["quality"] != quality:
            raise SystemExit(
                f"robosuite draws {level} frames with {results[level]['quality']}, premotor with "
                f"{quality}; their speeds cannot be compared"
            )
        if not all(results[level]["seen"] + results[level]["moved"]):
            raise SystemExit(f"robosuite's frames are empty or stand still ({level}): {results}")
    return results
