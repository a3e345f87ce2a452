"""Scenes, tasks, the arm and its cameras, on MuJoCo."""

import os

# Before anything below imports mujoco, which chooses its GL when it is imported.
os.environ.setdefault("MUJOCO_GL", "osmesa")
os.environ.setdefault("LP_NUM_THREADS", "1")  # software GL would take every core
