"""Scenes, tasks, the arm and its cameras, on MuJoCo."""

import ctypes.util
import os

# Before anything below imports mujoco, which chooses its GL when it is imported.
_LIBRARIES = {"osmesa": "OSMesa", "egl": "EGL"}
_found = {name: ctypes.util.find_library(library) for name, library in _LIBRARIES.items()}
_default = "egl" if _found["egl"] and not _found["osmesa"] else "osmesa"
WANTED_GL = os.environ.get("MUJOCO_GL", "").lower() or _default
# Without its library mujoco cannot even be imported; so tasks can be listed and simulated, and
# the rig says what to install.
os.environ["MUJOCO_GL"] = WANTED_GL if _found.get(WANTED_GL, WANTED_GL) else "disable"
os.environ.setdefault("LP_NUM_THREADS", "1")  # software GL would take every core
