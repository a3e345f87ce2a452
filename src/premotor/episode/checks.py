"""Whether what the robot sees and feels can be acted on; each error says what to do."""

import numpy as np

from premotor.episode.observation import CAMERAS, CameraView, Observation
from premotor.errors import BadDepth, BadPose, WrongCameras, WrongImage

IMAGE_SIDE = 128  # [px] of the benchmark's four cameras, which policies learn from
_LENGTH = 1e-3  # a quaternion's length, or a camera axis', may be so far from 1


def check_observation(observation: Observation, image_side: int = IMAGE_SIDE) -> None:
    """Refuse what would become a wrong point cloud, naming the camera and the way out.

    Args:
        observation: From the simulator, a data set or a robot.
        image_side: Side of the square images [px].

    Raises:
        WrongCameras: The views are not exactly those of `CAMERAS`.
        WrongImage: An image is not RGB of 8 bits, or not of that size.
        BadDepth: A depth image is empty or partly empty, not finite, or not in meters.
        BadPose: A camera's pose, the gripper's pose or a finger cannot be meant.
    """
    if set(observation.views) != set(CAMERAS):
        missing = [name for name in CAMERAS if name not in observation.views]
        extra = [name for name in observation.views if name not in CAMERAS]
        raise WrongCameras(
            f"expected views of {', '.join(CAMERAS)}; missing {missing}, unknown {extra}; "
            "render or rename those missing, leave out those unknown"
        )
    for name in CAMERAS:
        view = observation.views[name]
        _check_image(name, view, image_side)
        _check_depth(name, view)
        _check_camera(name, view)
    _check_robot(observation)


def _check_image(name: str, view: CameraView, side: int) -> None:
    if view.rgb.shape != (side, side, 3) or view.rgb.dtype != np.uint8:
        raise WrongImage(
            f"rgb of camera {name!r} is {view.rgb.dtype} {view.rgb.shape}, expected uint8 "
            f"{(side, side, 3)}; resize it and its intrinsics to what the policy learned from, or "
            "name another image_side"
        )
    if view.depth.shape != (side, side):
        raise WrongImage(
            f"depth of camera {name!r} is {view.depth.shape}, expected {(side, side)} as its rgb; "
            "register depth to color and resize without interpolation"
        )


def _check_depth(name: str, view: CameraView) -> None:
    depth = view.depth
    if not np.issubdtype(depth.dtype, np.floating):
        raise BadDepth(
            f"depth of camera {name!r} is {depth.dtype}, expected meters as float32; divide "
            "millimeters by 1000"
        )
    bad = ~(np.isfinite(depth) & (depth > 0.0))
    if bad.all():
        raise BadDepth(
            f"depth of camera {name!r} is empty: no pixel is a finite number above 0; expected "
            "meters along the optical axis; look whether the camera delivers"
        )
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise BadDepth(
            f"depth of camera {name!r} is NaN, infinite, 0 or negative in {bad.sum()} of "
            f"{bad.size} pixels, first {depth[row, column]} at row {row}, column {column}; "
            "expected meters; give a pixel without a measurement a depth beyond the scene, "
            "such as 10.0, and it is left out of the cloud"
        )


def _check_camera(name: str, view: CameraView) -> None:
    if not (np.isfinite(view.intrinsics).all() and np.isfinite(view.world_from_camera).all()):
        raise BadPose(
            f"intrinsics or world_from_camera of camera {name!r} are not finite:\n"
            f"{view.intrinsics}\n{view.world_from_camera}\ncalibrate it anew"
        )
    axes = view.world_from_camera[:3, :3]
    if np.abs(axes.T @ axes - np.eye(3)).max() > _LENGTH or np.linalg.det(axes) < 0.0:
        raise BadPose(
            f"world_from_camera of camera {name!r} does not rotate, its axes are\n{axes}\n"
            "expected orthogonal unit axes, right-handed: x right, y down, z forward"
        )


def _check_robot(observation: Observation) -> None:
    pose, fingers = observation.end_effector, observation.finger_positions
    if not (np.isfinite(pose.position).all() and np.isfinite(fingers).all()):
        raise BadPose(
            f"the end effector's position {pose.position} or the fingers {fingers} are not finite; "
            "expected meters; read the robot's state again"
        )
    length = float(np.linalg.norm(pose.quaternion))
    if not abs(length - 1.0) <= _LENGTH:  # NaN is refused too
        raise BadPose(
            f"the end effector's quaternion (wxyz) {pose.quaternion} has length {length:.4f}, "
            "expected 1; build it with Pose.of, which normalizes"
        )
