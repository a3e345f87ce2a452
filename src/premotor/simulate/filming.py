"""Pictures of an episode that was acted before, from its kept states.

Nothing is drawn while somebody acts: rendering takes the time, and looking on changes nothing.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float, UInt8

from premotor.simulate.rig import Rig
from premotor.simulate.world import World

State = Float[np.ndarray, " s"]  # as `World.state` gives it


def replayed(
    world: World, states: Iterable[State], width: int, height: int, shadows: bool = False
) -> Iterator[Rig]:
    """The same rig for each of some states, which the world is in while the rig is at hand.

    Args:
        world: Of the episode under way; it is left in the last of the states.
        states: Taken since the reset, or after one to the same episode.
        width: Of the images [px].
        height: Of the images [px].
        shadows: See `Rig`.
    """
    rig = Rig(world.model, width, height, shadows, looks=world.looks)
    try:
        for state in states:
            world.restore(state)
            yield rig
    finally:
        rig.close()


def pictures(
    world: World,
    states: Iterable[State],
    camera: str,
    size: tuple[int, int],
    shadows: bool = False,
) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """What a camera sees in each of some states.

    Args:
        world: As in `replayed`.
        states: As in `replayed`.
        camera: Any camera of the rig.
        size: Width and height [px].
        shadows: Shadows and smooth edges; 6 times slower at 640 x 480, 18 times at 128 x 128.

    Raises:
        UnknownName: There is no such camera.
    """
    for rig in replayed(world, states, *size, shadows):
        yield rig.picture(world.data, camera)
