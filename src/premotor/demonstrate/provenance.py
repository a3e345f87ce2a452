"""Where a demonstration comes from: software, renderer and looks, as strings."""

import functools
import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping, Sequence

from premotor.simulate.shells import mesh_fingerprint

PACKAGES = ("premotor", "mujoco", "mink", "ompl", "numpy", "pillow", "av", "fast-simplification")


def provenance(attempt: int, rejections: Sequence[str], strict: bool) -> Mapping[str, str]:
    """What stands beside an episode so that it can be made again, or a difference explained.

    Args:
        attempt: Index of the layout that was accepted.
        rejections: Why the layouts before it were not; kept as a JSON list.
        strict: Whether the expert succeeded without a mishap.
    """
    texts = json.dumps(list(rejections))
    own = {"attempt": str(attempt), "rejections": texts, "strict": str(strict)}
    return {**own, **_software(), "renderer": _renderer(), "meshes": mesh_fingerprint()}


@functools.cache
def _software() -> Mapping[str, str]:
    versions = {f"version.{name}": importlib.metadata.version(name) for name in PACKAGES}
    return {**versions, "python": platform.python_version(), "machine": platform.machine()}


@functools.cache
def _renderer() -> str:
    """The GL's own name, e.g. llvmpipe with its version; needs a current GL context."""
    from OpenGL import GL  # PyOpenGL looks for the GL library when imported

    parts = [GL.glGetString(name) for name in (GL.GL_RENDERER, GL.GL_VERSION)]
    text = [part.decode() for part in parts if isinstance(part, bytes)]
    return ", ".join([os.environ.get("MUJOCO_GL", "default"), *text])
