"""Run by peers.py under robosuite's own interpreter: its times at two qualities, as JSON.

No premotor here: robosuite wants another mujoco, so it lives in an environment of its own.
"""

import json
import sys
import time
from collections.abc import Callable

import mujoco
import numpy as np
import robosuite
from robosuite.utils.binding_utils import MjRenderContextOffscreen

CAMERAS = ["frontview", "agentview", "sideview", "robot0_eye_in_hand"]
RATE = 20  # [1/s] control steps, as many as our rows


def main() -> None:
    """Print one line: wall and CPU seconds of a frame, and of 0.05 s with a frame."""
    side, repeats = int(sys.argv[1]), int(sys.argv[2])
    env = robosuite.make(
        "Lift",
        robots="Panda",
        has_renderer=False,
        has_offscreen_renderer=True,
        use_camera_obs=False,  # frames are asked for one by one, so that each is surely rendered
        control_freq=RATE,
        horizon=10**9,
    )
    env.reset()
    quality = env.sim.model.vis.quality
    _switch_reflections_off(env)
    results = {
        "versions": f"robosuite {robosuite.__version__}, mujoco {mujoco.__version__}",
        "shadowed": {},
        "plain": {},
    }
    drift = np.full(env.action_dim, 0.05)

    def step() -> None:
        env.step(drift)
        _frame(env, side)

    for level in ("shadowed", "plain"):
        if level == "plain":
            quality.shadowsize = quality.offsamples = 0
            MjRenderContextOffscreen(env.sim, device_id=-1)  # puts itself in the old one's place
            _switch_reflections_off(env)
        results[level]["quality"] = {"map": quality.shadowsize, "samples": quality.offsamples}
        results[level]["frame"] = _seconds(lambda: _frame(env, side), repeats)
        before = _frame(env, side)
        results[level]["step"] = _seconds(step, repeats)
        after = _frame(env, side)
        results[level]["seen"] = [len(np.unique(a)) > 10 for a in after]
        results[level]["moved"] = [bool((a != b).any()) for a, b in zip(after, before, strict=True)]
    print(json.dumps(results))


def _switch_reflections_off(env: object) -> None:
    context = env.sim._render_context_offscreen  # noqa: SLF001  (robosuite offers no other way)
    context.scn.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0


def _frame(env: object, side: int) -> list[np.ndarray]:
    render = env.sim.render
    views = [render(width=side, height=side, camera_name=name, depth=True) for name in CAMERAS]
    return [rgb for rgb, _ in views]


def _seconds(function: Callable[[], object], repeats: int) -> tuple[float, float]:
    function()  # compiles what is compiled on first use
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        function()
    return (time.perf_counter() - wall) / repeats, (time.process_time() - cpu) / repeats


if __name__ == "__main__":
    main()
