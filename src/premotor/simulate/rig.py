"""The cameras, and what they see.

MuJoCo's cameras look along -z with y up; this file is the one place that turns them into the
package's: x right, y down, z forward.
"""

import atexit
import importlib
import os
import reprlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import mujoco
import numpy as np
from jaxtyping import Float, Int32, UInt8

from premotor.episode.observation import CAMERAS, CameraView, Observation
from premotor.errors import ConfigError, RenderingError, UnknownName
from premotor.geometry.cameras import pinhole
from premotor.simulate import GL_KINDS, WANTED_GL, arm
from premotor.simulate.world import World

NEAR = 0.01  # [m]
FAR = 6.5  # [m] farther than the back wall from every camera; depth of an empty pixel
PICTURE_FAR = 20.0  # [m] pictures see the whole room


@dataclass(frozen=True)
class Mount:
    """Where a camera stands: in the world, or in the tip frame (`on_hand`)."""

    position: tuple[float, float, float]  # [m]
    quaternion: tuple[float, float, float, float]  # wxyz, MuJoCo's camera frame
    fov: float  # [deg] vertical
    on_hand: bool = False


MOUNTS = {  # docs/benchmark.md, Cameras
    "front": Mount((1.350, 0.0, 1.580), (0.59637, 0.37993, 0.37993, 0.59637), 40.0),
    "left_shoulder": Mount((-0.175, 0.200, 1.980), (0.62755, 0.13912, -0.16580, -0.74789), 40.0),
    "right_shoulder": Mount((-0.175, -0.200, 1.980), (0.74789, 0.16580, -0.13912, -0.62755), 40.0),
    "overhead": Mount((-0.175, 0.0, 2.430), (0.69035, 0.15305, -0.15305, -0.69035), 40.0),
    "wrist": Mount((-0.050, 0.002, -0.0921), (0.0308, 0.7064, -0.7064, -0.0308), 60.0, True),
    "hero": Mount((1.45, 1.05, 1.66), (0.36025, 0.24437, 0.50539, 0.74504), 42.0),  # for pictures
}

MAX_SIDE = 4096  # [px] of an image; twice the width of most screens
_TO_PACKAGE = np.array([1.0, -1.0, -1.0])  # flips y and z columns of a MuJoCo camera frame
SHADOW_MAP = 4096  # [px] with shadows
SAMPLES = 4  # per pixel, with shadows


def whole_number(value: object) -> TypeGuard[int]:
    """Whether a value is one; True and False are not, though Python counts with them."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check_size(size: object) -> None:
    """Refuse what is no width and height of an image [px].

    Raises:
        ConfigError: There are not two, or they are not whole numbers from 1 to `MAX_SIDE`.
    """
    sides = tuple(size) if isinstance(size, Sequence | np.ndarray) else ()
    good = len(sides) == 2 and all(whole_number(s) and 1 <= s <= MAX_SIDE for s in sides)
    if isinstance(size, str) or not good:
        raise ConfigError(
            "an image needs a width and a height, whole numbers >= 1 and at most "
            f"{MAX_SIDE} [px], got {reprlib.repr(size)}"
        )


def add_cameras(spec: mujoco.MjSpec) -> None:
    """Add all cameras of `MOUNTS` and the clipping range; the arm must be there already."""
    for name, mount in MOUNTS.items():
        body, position, quaternion = spec.worldbody, mount.position, mount.quaternion
        if mount.on_hand:
            body = spec.body(arm.HAND)
            x, y, z = position  # the tip frame is the hand frame turned by 180 deg about z
            position = (-x, -y, arm.TIP_HEIGHT + z)
            w, i, j, k = quaternion
            quaternion = (-k, -j, i, w)
        body.add_camera(name=name, pos=position, quat=quaternion, fovy=mount.fov)
    spec.stat.extent = 1.0  # clipping and shadows are then in meters
    spec.stat.center = (0.25, 0.0, 0.9)
    spec.visual.map.znear = NEAR
    spec.visual.map.zfar = FAR
    spec.visual.map.shadowclip = 1.8  # [m] half width of a directional light's shadow; fine
    # enough at `SHADOW_MAP`, and its bias is then large enough that nothing shades itself


class Rig:
    """Renders the cameras of one model; color and depth come from one pass.

    All rigs of a process share one GL context, which belongs to the thread that made the first:
    make and use all of them there. Only some survive a fork (`_inherit`).
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        width: int = 128,
        height: int = 128,
        shadows: bool = False,
        looks: Sequence[Callable[[mujoco.MjModel, mujoco.MjData], None]] = (),
    ) -> None:
        """Upload the model to the GL.

        Args:
            model: The scene.
            width: Of the images [px].
            height: Of the images [px].
            shadows: Shadow map and multisampling, for pictures. In software on one
                core they cost 18 to 19 times the time at 128 x 128 px, 5.5 to 6 at 640 x 480 px.
            looks: Called before each rendering, as `World.looks` (the list itself is kept).

        Raises:
            ConfigError: Width or height cannot be meant.
            RenderingError: There is no GL, or it belongs to another thread.
        """
        check_size((width, height))
        self.model = model
        self.width = width
        self.height = height
        self.looks = looks
        model.vis.global_.offwidth = width
        model.vis.global_.offheight = height
        model.vis.quality.shadowsize = SHADOW_MAP if shadows else 0
        model.vis.quality.offsamples = SAMPLES if shadows else 0
        check_gl()
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        self._scene = mujoco.MjvScene(model, maxgeom=2000)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = shadows
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False  # nothing here mirrors
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SKYBOX] = True
        self._option = _options()
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._rgb = np.empty((height, width, 3), dtype=np.uint8)
        self._depth = np.empty((height, width), dtype=np.float32)

    def render(self, data: mujoco.MjData, camera: str) -> CameraView:
        """Color and depth [m] of one camera.

        Raises:
            RenderingError: The frame is black.
            UnknownName: There is no such camera.
        """
        self._draw(data, camera, FAR)
        viewport = mujoco.MjrRect(0, 0, self.width, self.height)
        mujoco.mjr_readPixels(self._rgb, self._depth, viewport, self._context)
        self._check(camera)
        return CameraView(
            rgb=np.flipud(self._rgb).copy(),
            depth=np.flipud(_meters(self._depth)).copy(),
            intrinsics=self.intrinsics(camera),
            world_from_camera=self.world_from_camera(data, camera),
        )

    def intrinsics(self, camera: str) -> Float[np.ndarray, "3 3"]:
        """Pinhole matrix of one camera [px]."""
        fov = float(self.model.camera(camera).fovy[0])
        return pinhole(self.width, self.height, fov)

    def world_from_camera(self, data: mujoco.MjData, camera: str) -> Float[np.ndarray, "4 4"]:
        """Where one camera stands now."""
        index = self.model.camera(camera).id
        pose = np.eye(4)
        pose[:3, :3] = data.cam_xmat[index].reshape(3, 3) * _TO_PACKAGE
        pose[:3, 3] = data.cam_xpos[index]
        return pose

    def picture(self, data: mujoco.MjData, camera: str) -> UInt8[np.ndarray, "h w 3"]:
        """Color alone of one camera.

        Raises:
            RenderingError: The frame is black.
            UnknownName: There is no such camera.
        """
        self._draw(data, camera, PICTURE_FAR)
        viewport = mujoco.MjrRect(0, 0, self.width, self.height)
        mujoco.mjr_readPixels(self._rgb, None, viewport, self._context)
        self._check(camera)
        return np.flipud(self._rgb).copy()

    def mask(self, data: mujoco.MjData, camera: str) -> Int32[np.ndarray, "h w"]:
        """Index of the body that each pixel shows, by `mask_names`; 0 is the world.

        Raises:
            UnknownName: There is no such camera.
        """
        flags = self._scene.flags
        codes = (mujoco.mjtRndFlag.mjRND_SEGMENT, mujoco.mjtRndFlag.mjRND_IDCOLOR)
        for flag in codes:
            flags[flag] = True
        try:
            self._draw(data, camera, FAR)
        finally:
            for flag in codes:
                flags[flag] = False
        painted = np.empty_like(self._rgb)
        viewport = mujoco.MjrRect(0, 0, self.width, self.height)
        mujoco.mjr_readPixels(painted, None, viewport, self._context)
        numbers = np.flipud(painted).astype(np.int32) @ np.array([1, 1 << 8, 1 << 16], np.int32)
        return self._bodies()[numbers]

    def _bodies(self) -> Int32[np.ndarray, " n"]:
        """Body of each number that the last segmented drawing painted; 0 is painted by nothing."""
        bodies = np.zeros(self._scene.ngeom + 1, dtype=np.int32)
        for geom in self._scene.geoms[: self._scene.ngeom]:
            if geom.segid >= 0 and geom.objtype == mujoco.mjtObj.mjOBJ_GEOM:
                bodies[geom.segid + 1] = self.model.geom_bodyid[geom.objid]
        return bodies

    def observe(
        self,
        world: World,
        cameras: Sequence[str] = CAMERAS,
        ignore_collisions: bool = False,
    ) -> Observation:
        """What the robot sees with `cameras`, and feels, now."""
        return Observation(
            views={camera: self.render(world.data, camera) for camera in cameras},
            joint_positions=world.joint_positions.copy(),
            joint_velocities=world.joint_velocities.copy(),
            finger_positions=world.finger_positions.copy(),
            end_effector=world.end_effector,
            gripper_open=world.gripper_open,
            ignore_collisions=ignore_collisions,
            time=world.time,
        )

    def close(self) -> None:
        """Free what lies in the GL; the rig cannot render afterwards."""
        self._context.free()

    def _draw(self, data: mujoco.MjData, camera: str, far: float) -> None:
        try:
            index = self.model.camera(camera).id
        except KeyError:
            known = [self.model.camera(i).name for i in range(self.model.ncam)]
            raise UnknownName.of("camera", camera, known) from None
        check_gl()  # a rig that came through a fork
        for look in self.looks:
            look(self.model, data)
        self.model.vis.map.zfar = far
        self._camera.fixedcamid = index
        mujoco.mjv_updateScene(
            self.model,
            data,
            self._option,
            None,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL,
            self._scene,
        )
        viewport = mujoco.MjrRect(0, 0, self.width, self.height)
        mujoco.mjr_restoreBuffer(self._context)  # another rig may have drawn in between
        mujoco.mjr_render(viewport, self._scene, self._context)

    def _check(self, camera: str) -> None:
        if not np.ptp(self._rgb, axis=(0, 1)).any():
            raise RenderingError(
                f"camera {camera!r} gave a black or empty frame under MUJOCO_GL="
                f"{WANTED_GL}; check that the scene has lights, or try "
                "MUJOCO_GL=osmesa (`apt-get install libosmesa6`)"
            )


def mask_names(model: mujoco.MjModel) -> tuple[str, ...]:
    """What the numbers of a mask mean: names of bodies, the world first."""
    return tuple(model.body(index).name for index in range(model.nbody))


def _meters(buffer: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Depth [m] along the optical axis of a buffer that is 1 at `NEAR` and 0 at `FAR`."""
    return (NEAR * FAR / (NEAR + buffer * np.float32(FAR - NEAR))).astype(np.float32)


def _options() -> mujoco.MjvOption:
    """Visible groups 0 to 2; collision shapes (3), sites and sensors (4, 5) are not drawn."""
    option = mujoco.MjvOption()
    option.geomgroup[:] = (1, 1, 1, 0, 0, 0)
    option.sitegroup[:] = 0
    return option


@dataclass(frozen=True)
class _Held:
    """The GL context and the one thread that may draw with it."""

    context: object
    thread: threading.Thread


_shared: dict[int, _Held] = {}  # by the id of the process that may use it


def check_gl() -> None:
    """Make the one GL context of this process current.

    The back end is looked up here, so that it does not matter who imported mujoco first.

    Raises:
        RenderingError: There is no GL, it belongs to another thread, or it did not survive a fork.
    """
    process = os.getpid()
    if _shared and process not in _shared:
        _inherit(*_shared.values())
    if process in _shared:
        _check_thread(_shared[process].thread)
        return
    backend = WANTED_GL
    if backend not in GL_KINDS:
        raise RenderingError(
            f"MUJOCO_GL is {backend!r} in the environment, expected one of {', '.join(GL_KINDS)}; "
            "unset it, or set MUJOCO_GL=osmesa"
        )
    try:
        context = importlib.import_module(f"mujoco.{backend}").GLContext(640, 480)
        context.make_current()
    except Exception as error:
        package = "libegl1 libgl1-mesa-dri libopengl0" if backend == "egl" else "libosmesa6"
        raise RenderingError(
            f"no GL with MUJOCO_GL={backend} ({error}); run `apt-get install {package}`"
        ) from error
    _shared[process] = _Held(context, threading.current_thread())
    atexit.register(context.free)


def _check_thread(owner: threading.Thread) -> None:
    """Refuse to draw where the context is not current: MuJoCo's own error would not say why."""
    here = threading.current_thread()
    if here is not owner:
        raise RenderingError(
            f"thread {here.name!r} wants to render, but the GL of this process belongs to thread "
            f"{owner.name!r}, which rendered first; render there, or in a process of its own"
        )


def _inherit(held: _Held) -> None:
    """Use the context of the process that this one was forked from; its thread came along.

    Only software GL that draws in the calling thread survives a fork: threads of its own, and
    drivers of graphics cards, would be waited for without end.

    Raises:
        RenderingError: It does not survive.
    """
    threads = os.environ.get("LP_NUM_THREADS")
    if WANTED_GL != "osmesa" or threads != "0":
        raise RenderingError(
            "this process was forked from one that has rendered, and its GL (MUJOCO_GL="
            f"{WANTED_GL}, LP_NUM_THREADS={threads}) does not survive that; start workers with the "
            "context 'spawn', or before anything renders"
        )
    _shared.clear()
    _shared[os.getpid()] = held
