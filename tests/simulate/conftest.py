"""A bare table with the arm, a cube and whatever a test adds to it."""

from collections.abc import Callable

import mujoco
import pytest

from premotor.simulate import arm, rig
from premotor.simulate.world import World

TABLE_TOP = 0.750  # [m]


def _bench(
    cube: tuple[float, float, float] | None = None,
    mass: float = 0.2,
    add: Callable[[mujoco.MjSpec], None] | None = None,
) -> World:
    spec = mujoco.MjSpec()
    arm.add_panda(spec)
    rig.add_cameras(spec)
    spec.worldbody.add_light(pos=(1.0, -1.0, 3.0), dir=(-0.3, 0.3, -0.9), diffuse=(0.5, 0.5, 0.5))
    box = mujoco.mjtGeom.mjGEOM_BOX
    spec.worldbody.add_geom(
        name="table", type=box, pos=(0.3, 0.0, TABLE_TOP - 0.015), size=(0.8, 0.55, 0.015)
    )
    if cube is not None:
        body = spec.worldbody.add_body(name="cube", pos=cube)
        body.add_freejoint()
        body.add_geom(
            name="cube", type=box, size=(0.02, 0.02, 0.025), mass=mass, rgba=(0.8, 0.1, 0.1, 1.0)
        )
    if add is not None:
        add(spec)
    return World(spec, graspable=("cube",) if cube is not None else ())


@pytest.fixture
def bench() -> Callable[..., World]:
    return _bench
