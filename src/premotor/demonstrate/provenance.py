"""Where a demonstration comes from, as this process can tell: software and renderer."""

import functools
import importlib.metadata
import os
import platform
from collections.abc import Mapping, Sequence

from premotor.episode.provenance import Provenance
from premotor.simulate.shells import mesh_fingerprint

PACKAGES = ("av", "fast-simplification", "mink", "mujoco", "numpy", "ompl", "pillow", "premotor")


def provenance(attempt: int, rejections: Sequence[str], strict: bool) -> Provenance:
    """What stands beside an episode that was just recorded here.

    Args:
        attempt: Index of the layout that was accepted.
        rejections: Why the layouts before it were not.
        strict: Whether the expert succeeded without a mishap.
    """
    return Provenance(
        attempt=attempt,
        rejections=tuple(rejections),
        strict=strict,
        versions=_versions(),
        python=platform.python_version(),
        machine=platform.machine(),
        renderer=_renderer(),
        meshes=mesh_fingerprint(),
    )


@functools.cache
def _versions() -> Mapping[str, str]:
    return {name: importlib.metadata.version(name) for name in PACKAGES}


@functools.cache
def _renderer() -> str:
    """The GL's own name, e.g. llvmpipe with its version; needs a current GL context."""
    from OpenGL import GL  # PyOpenGL looks for the GL library when imported

    parts = [GL.glGetString(name) for name in (GL.GL_RENDERER, GL.GL_VERSION)]
    text = [part.decode() for part in parts if isinstance(part, bytes)]
    return ", ".join([os.environ.get("MUJOCO_GL", "default"), *text])
