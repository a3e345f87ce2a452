"""Pictures and videos of the Gymnasium environments; the policy sees none of them."""

from dataclasses import dataclass

import mujoco
import numpy as np
from gymnasium.wrappers import RecordVideo
from jaxtyping import Float, UInt8

from premotor.errors import ConfigError
from premotor.simulate.gym_spaces import check_camera
from premotor.simulate.rig import Rig, check_size
from premotor.simulate.world import TIMESTEP, World

PICTURE_PERIOD = 0.1  # [s] of simulated time from one picture of a motion to the next
MOTION_FPS = round(1 / PICTURE_PERIOD)  # [1/s] a video runs as fast as the simulation did
SLIDES_FPS = 1  # [1/s] where each step is one picture: about as long as the motion takes
_STEPS_PER_PICTURE = round(PICTURE_PERIOD / TIMESTEP)
_Bits = mujoco.mjtState
# All that a picture depends on; what changes looks lives in the user data (`World.looks`).
_SEEN = (
    _Bits.mjSTATE_QPOS.value
    | _Bits.mjSTATE_MOCAP_POS.value
    | _Bits.mjSTATE_MOCAP_QUAT.value
    | _Bits.mjSTATE_USERDATA.value
)


@dataclass(frozen=True)
class Picture:
    """What `render` shows; the policy does not see it."""

    camera: str = "hero"
    width: int = 640  # [px]
    height: int = 480  # [px]
    shadows: bool = False  # shadows and smooth edges; 5.5 to 6 times slower at this size

    def __post_init__(self) -> None:
        check_camera(self.camera)
        check_size((self.width, self.height))


HERO = Picture()  # what is shown where nobody wishes otherwise


class Film:
    """Pictures of an episode: how things stand, or how they went since one last looked."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._world: World | None = None
        self._rig: Rig | None = None
        self._data: mujoco.MjData | None = None  # where kept states are drawn from
        self._steps = 0  # of physics since the episode began
        self._kept: list[Float[np.ndarray, " s"]] = []  # states that nobody has seen yet

    @property
    def waiting(self) -> bool:
        """Whether there are pictures that nobody has seen yet."""
        return bool(self._kept)

    def begin(self, world: World) -> None:
        """An episode begins; nothing is drawn before somebody looks."""
        self.close()
        self._world = world

    def step(self) -> None:
        """Count a physics step; every `PICTURE_PERIOD` the state is kept, whoever moves."""
        self._steps += 1
        if self._steps % _STEPS_PER_PICTURE == 0:
            self.keep()

    def keep(self) -> None:
        """Remember how things stand, for a picture of it."""
        world = self._staged()
        state = np.empty(mujoco.mj_stateSize(world.model, _SEEN))
        mujoco.mj_getState(world.model, world.data, state, _SEEN)
        self._kept.append(state)

    def now(self) -> UInt8[np.ndarray, "h w 3"]:
        """How things stand."""
        world = self._staged()
        return self._camera(world).picture(world.data, self._picture.camera)

    def pictures(self) -> list[UInt8[np.ndarray, "h w 3"]]:
        """What was kept since the last call, drawn from a copy: the episode is not touched."""
        world = self._staged()
        rig = self._camera(world)
        if self._data is None:
            self._data = mujoco.MjData(world.model)
        shown: list[UInt8[np.ndarray, "h w 3"]] = []
        for state in self._kept:
            mujoco.mj_setState(world.model, self._data, state, _SEEN)
            mujoco.mj_fwdPosition(world.model, self._data)
            shown.append(rig.picture(self._data, self._picture.camera))
        self._kept = []
        return shown

    def close(self) -> None:
        """Free what lies in the GL and forget the episode."""
        if self._rig is not None:
            self._rig.close()
        self._world = self._rig = self._data = None
        self._steps = 0
        self._kept = []

    def _staged(self) -> World:
        if self._world is None:
            raise ConfigError("a film has nothing to show before begin(world)")
        return self._world

    def _camera(self, world: World) -> Rig:
        if self._rig is None:
            size = (self._picture.width, self._picture.height)
            self._rig = Rig(world.model, *size, self._picture.shadows, world.looks)
        return self._rig


class MotionVideo(RecordVideo):
    """Records smooth videos of environments made with `render_mode="rgb_array_list"`.

    It needs moviepy: `pip install "premotor[video]"`. Gymnasium's own `RecordVideo` works too,
    but keeps only the last picture of each step.
    """

    # Not a public hook of Gymnasium's, so pyproject.toml caps its version.
    def _capture_frame(self) -> None:
        frames = self.env.render()
        if not isinstance(frames, list):
            raise ConfigError(
                "MotionVideo needs pictures of motions; make the environment with "
                'render_mode="rgb_array_list"'
            )
        self.recorded_frames += frames
