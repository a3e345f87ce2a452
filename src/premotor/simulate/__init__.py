"""Scenes, tasks, the arm and its cameras, on MuJoCo.

Importing this package makes every task known to Gymnasium, by the names of the files in `tasks/`:
`gymnasium.make("premotor/close_jar-v0")`. Neither mujoco nor a task is imported for that.
"""

import ctypes.util
import os
import pkgutil
from pathlib import Path

import gymnasium

# Before anything below imports mujoco, which chooses its GL when it is imported.
_LIBRARIES = {"osmesa": "OSMesa", "egl": "EGL"}
_found = {name: ctypes.util.find_library(library) for name, library in _LIBRARIES.items()}
_default = "egl" if _found["egl"] and not _found["osmesa"] else "osmesa"
GL_KINDS = ("osmesa", "egl", "glfw")
_set = os.environ.get("MUJOCO_GL", "").lower()
# A worker inherits what is set below, and must tell what its user had set.
WANTED_GL = (os.environ.get("PREMOTOR_GL", _set) if _set == "disable" else _set) or _default
# Without its library, or by a name it does not know, mujoco cannot even be imported; so tasks can
# be listed and simulated, and the rig says what to install.
_usable = WANTED_GL in GL_KINDS and _found.get(WANTED_GL, WANTED_GL)
os.environ |= {"MUJOCO_GL": WANTED_GL if _usable else "disable", "PREMOTOR_GL": WANTED_GL}
# Software GL would take every core. With no thread of its own it draws in the calling one: the
# same bytes, a little faster than with one, and it survives a fork.
os.environ.setdefault("LP_NUM_THREADS", "0")

EPISODE_KEY_POSES = 25  # actions per episode (docs/benchmark.md, Evaluation)

for _task in pkgutil.iter_modules([str(Path(__file__).parent / "tasks")]):
    gymnasium.register(
        id=f"premotor/{_task.name}-v0",
        entry_point="premotor.simulate.gym_env:TaskEnv",
        max_episode_steps=EPISODE_KEY_POSES,
        kwargs={"task": _task.name},
    )
