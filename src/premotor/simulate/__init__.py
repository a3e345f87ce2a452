"""Scenes, tasks, the arm and its cameras, on MuJoCo."""

import ctypes.util
import os

# Before anything below imports mujoco, which chooses its GL when it is imported.
_LIBRARIES = {"osmesa": "OSMesa", "egl": "EGL"}
_backend = os.environ.setdefault("MUJOCO_GL", "osmesa")
os.environ.setdefault("LP_NUM_THREADS", "1")  # software GL would take every core
if _backend in _LIBRARIES and ctypes.util.find_library(_LIBRARIES[_backend]) is None:
    # Without the library mujoco cannot even be imported; so tasks can be listed and simulated,
    # and the rig says what to install.
    os.environ["MUJOCO_GL"] = "disable"
