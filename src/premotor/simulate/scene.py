"""The stage: a room, an arm, cameras, and the rule by which props find their places."""

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from jaxtyping import Float

from premotor.errors import PlacementFailed
from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate import arm, rig, room
from premotor.simulate.props import Blueprint, Box, Prop
from premotor.simulate.world import World

WORKSPACE_CENTER = np.array([0.25, 0.0, 0.752])  # [m] all task roots are drawn about it
WORKSPACE_HALF = np.array([0.325, 0.455])  # [m]
ROOT_TRIES = 1000
SPAWN_TRIES = 100
ROOT = "root"  # body at the task's frame, for what is tied to no prop
FULL_TURN = (-np.pi, np.pi)

XY = Float[np.ndarray, "2"]


@dataclass(frozen=True)
class Region:
    """Where a prop may be put: a box in the frame of the root, and how free it must be there."""

    box: Box  # the footprint must lie inside; the prop's frame is put at its lower height
    yaw: tuple[float, float] = FULL_TURN  # [rad]
    gap: float = 0.0  # [m] between footprints
    spacing: float = 0.0  # [m] between the origins of frames


def _corners(box: Box) -> Float[np.ndarray, "4 2"]:
    (x0, y0, _), (x1, y1, _) = box.low, box.high
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def _turned(points: Float[np.ndarray, "n 2"], yaw: float) -> Float[np.ndarray, "n 2"]:
    c, s = np.cos(yaw), np.sin(yaw)
    return points @ np.array([[c, s], [-s, c]])


def _apart(a: Float[np.ndarray, "4 2"], b: Float[np.ndarray, "4 2"], gap: float) -> bool:
    """Whether two convex quadrilaterals keep a distance `gap`, by separating axes."""
    edges = np.concatenate([np.roll(a, -1, axis=0) - a, np.roll(b, -1, axis=0) - b])
    normals = np.stack([-edges[:, 1], edges[:, 0]], axis=1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    pa, pb = a @ normals.T, b @ normals.T
    between = np.maximum(pa.min(0) - pb.max(0), pb.min(0) - pa.max(0))
    return bool(between.max() >= gap)


class Scene:
    """A model under construction: add props, then `build` the world."""

    def __init__(self) -> None:
        self.blueprint = Blueprint(mujoco.MjSpec())
        self.props: list[Prop] = []
        self.graspable: list[str] = []
        self._root = Pose.of(WORKSPACE_CENTER)
        self._footprints: dict[str, Float[np.ndarray, "4 2"]] = {}
        self._places: dict[str, XY] = {}
        room.add_room(self.blueprint.spec)
        arm.add_panda(self.blueprint.spec)
        rig.add_cameras(self.blueprint.spec)

    def root(self, box: Box, yaw: tuple[float, float], rng: np.random.Generator) -> Pose:
        """Draw where the task's frame stands on the table (docs/benchmark.md, Episode reset).

        The yaw is uniform in its bounds, drawn again until the turned model box fits the
        workspace when the root is at its center; x and y are uniform over what slack is left.
        The benchmark turns the box the wrong way round in this test; ours is right (decisions
        D58).

        Raises:
            PlacementFailed: The box fits at no yaw that was drawn.
        """
        for _ in range(ROOT_TRIES):
            angle = float(rng.uniform(*yaw))
            corners = _turned(_corners(box), angle)
            low, high = -WORKSPACE_HALF - corners.min(0), WORKSPACE_HALF - corners.max(0)
            if (low <= 0).all() and (high >= 0).all():
                offset = rng.uniform(low, high)
                position = WORKSPACE_CENTER + np.array([*offset, 0.0])
                self._root = Pose.of(position, rotations.about_z(angle))
                return self._root
        raise PlacementFailed(f"a task of size {box} fits the workspace at no yaw of {yaw} [rad]")

    def add(self, prop: Prop, pose: Pose) -> None:
        """Stand a prop at a pose in the frame of the root."""
        world = self._root @ pose
        prop.build(self.blueprint, world)
        self.props.append(prop)
        matrix = world.matrix()
        self._places[prop.name] = world.position[:2]
        self._footprints[prop.name] = _corners(prop.box) @ matrix[:2, :2].T + matrix[:2, 3]

    def spawn(
        self,
        prop: Prop,
        region: Region,
        rng: np.random.Generator,
        clear_of: Sequence[Prop] = (),
    ) -> Pose:
        """Stand a prop at a random place and yaw in a region of the root's frame.

        Args:
            prop: What to place.
            region: Where to, with the yaw and the distances to be kept.
            rng: Source of the draws.
            clear_of: Props already placed, to be kept at those distances.

        Returns:
            The pose that was found, in the frame of the root.

        Raises:
            PlacementFailed: No free place was found.
        """
        low, high = np.array(region.box.low[:2]), np.array(region.box.high[:2])
        root = self._root.matrix()
        for _ in range(SPAWN_TRIES):
            yaw = float(rng.uniform(*region.yaw))
            turned = _turned(_corners(prop.box), yaw)
            slack_low, slack_high = low - turned.min(0), high - turned.max(0)
            if (slack_low > slack_high).any():
                continue
            xy = rng.uniform(slack_low, slack_high)
            place = root[:2, :2] @ xy + root[:2, 3]
            footprint = turned @ root[:2, :2].T + place
            if all(self._clear(footprint, place, other, region) for other in clear_of):
                pose = Pose.of([*xy, region.box.low[2]], rotations.about_z(yaw))
                self.add(prop, pose)
                return pose
        raise PlacementFailed(
            f"no free place for {prop.name!r} after {SPAWN_TRIES} tries; widen the region or "
            "lower its gap"
        )

    def _clear(
        self, footprint: Float[np.ndarray, "4 2"], place: XY, other: Prop, region: Region
    ) -> bool:
        distance = float(np.linalg.norm(place - self._places[other.name]))
        near = self._footprints[other.name]
        return distance >= region.spacing and _apart(footprint, near, region.gap)

    def build(self) -> World:
        """Compile the model; the world shows the looks of its props and stands at its start."""
        self.blueprint.body(ROOT, self._root)
        world = World(self.blueprint.spec, graspable=tuple(self.graspable))
        world.looks.extend(prop.show for prop in self.props)
        return world
