"""What every prop is made with: a drawing board over MuJoCo's model specification."""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

import mujoco
import numpy as np
from jaxtyping import Float

from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate.modeling import surfaces, textures
from premotor.simulate.modeling.surfaces import Surface

SENSOR_GROUP = 4  # geoms of this group are neither drawn nor solid: volumes that detect

TABLE = -0.002  # [m] the table top in the frame of a task's root (docs/benchmark.md, Scene)

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Box:
    """An axis-aligned box in the frame of its owner."""

    low: tuple[float, float, float]  # [m]
    high: tuple[float, float, float]  # [m]


@dataclass(frozen=True)
class Cylinder:
    """A cylinder about the z axis of its frame, which is its middle."""

    diameter: float  # [m]
    height: float  # [m]


@dataclass(frozen=True)
class Ring:
    """A round wall about the z axis of its frame, which is its middle."""

    inner: float  # [m] diameter
    thickness: float  # [m]
    height: float  # [m]


@dataclass(frozen=True)
class Solid:
    """How a geom meets the world: whether it collides, and its mass [kg] if it moves."""

    collides: bool = True
    mass: float = 0.0
    friction: float = 0.5  # sliding; bullet friction of the benchmark's bodies
    slippery: bool = False  # its friction rules even against the rubber of the fingers


VISUAL = Solid(collides=False)


class Blueprint:
    """A model specification under construction, with the few verbs that props need."""

    def __init__(self, spec: mujoco.MjSpec) -> None:
        self.spec = spec

    def body(self, name: str, pose: Pose, parent: str | None = None) -> mujoco.MjsBody:
        """Add a body; `pose` is given in the frame of the parent (the world, if None)."""
        owner = self.spec.worldbody if parent is None else self.spec.body(parent)
        return owner.add_body(name=name, pos=pose.position, quat=pose.quaternion)

    def free_body(self, name: str, pose: Pose) -> mujoco.MjsBody:
        """Add a body that nothing holds, to the world."""
        body = self.body(name, pose)
        body.add_freejoint(name=name)
        return body

    def paint(self, name: str, rgb: Sequence[float], shine: float = 0.3, alpha: float = 1.0) -> str:
        """A material of one color, made once per name; `shine` and `alpha` in [0, 1]."""
        if self.spec.material(name) is None:
            self.spec.add_material(
                name=name, rgba=[*rgb, alpha], specular=shine, shininess=0.2 + 0.6 * shine
            )
        return name

    def texture(
        self,
        name: str,
        image: textures.Image,
        shine: float = 0.3,
        repeat: tuple[float, float] = (1.0, 1.0),
    ) -> str:
        """A material that shows an image, made once per name (see `Surface.texcoords`)."""
        if self.spec.material(name) is None:
            textures.add_texture(self.spec, name, image, repeat, shine)
        return name

    def box(
        self, body: mujoco.MjsBody, size: Sequence[float], pose: Pose, paint: str, solid: Solid
    ) -> None:
        """A box with softly broken edges; `size` is the full edge length [m]."""
        x, y, z = (float(edge) / 2 for edge in size)
        if solid.collides:
            self.solid_box(body, size, pose, solid)
        bevel = min(0.0012, 0.3 * min(x, y, z))
        self.surface(body, surfaces.bevelled_box((x, y, z), bevel), pose, paint)

    def cylinder(
        self, body: mujoco.MjsBody, size: Cylinder, pose: Pose, paint: str, solid: Solid
    ) -> None:
        """A cylinder about z with a rounded rim."""
        radius, half = size.diameter / 2, size.height / 2
        if solid.collides:
            self.solid_cylinder(body, size, pose, solid)
        bevel = min(0.0015, 0.4 * min(radius, half))
        self.surface(body, surfaces.rounded_cylinder(radius, half, bevel), pose, paint)

    def ball(
        self, body: mujoco.MjsBody, size: Sequence[float], pose: Pose, paint: str, solid: Solid
    ) -> None:
        """An ellipsoid; `size` is its three diameters [m]."""
        half = np.asarray(size, dtype=np.float64) / 2
        if solid.collides:
            self._collider(body, mujoco.mjtGeom.mjGEOM_ELLIPSOID, half, pose, solid)
        self._seen(body, mujoco.mjtGeom.mjGEOM_ELLIPSOID, half, pose, paint)

    def surface(self, body: mujoco.MjsBody, surface: Surface, pose: Pose, paint: str) -> None:
        """A visible mesh that collides with nothing."""
        if self.spec.mesh(surface.name) is None:
            mesh = self.spec.add_mesh(
                name=surface.name,
                uservert=surface.vertices.ravel(),
                usernormal=surface.normals.ravel(),
                userface=surface.faces.ravel(),
                userfacenormal=surface.faces.ravel(),
                inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
            )
            if surface.texcoords is not None:
                mesh.usertexcoord = surface.texcoords.ravel()
                mesh.userfacetexcoord = surface.faces.ravel()
        kind = mujoco.mjtGeom.mjGEOM_MESH
        self._seen(body, kind, np.zeros(3), pose, paint, mesh=surface.name)

    def solid_box(
        self, body: mujoco.MjsBody, size: Sequence[float], pose: Pose, solid: Solid
    ) -> None:
        """A box that collides and is not seen; `size` is the full edge length [m]."""
        half = np.asarray(size, dtype=np.float64) / 2
        self._collider(body, mujoco.mjtGeom.mjGEOM_BOX, half, pose, solid)

    def solid_cylinder(
        self, body: mujoco.MjsBody, size: Cylinder, pose: Pose, solid: Solid
    ) -> None:
        """A cylinder about z that collides and is not seen."""
        half = np.array([size.diameter / 2, size.height / 2, 0.0])
        self._collider(body, mujoco.mjtGeom.mjGEOM_CYLINDER, half, pose, solid)

    def solid_capsule(self, body: mujoco.MjsBody, size: Cylinder, pose: Pose, solid: Solid) -> None:
        """A cylinder about z with a ball at each end, both in its height, not seen."""
        half = np.array([size.diameter / 2, (size.height - size.diameter) / 2, 0.0])
        self._collider(body, mujoco.mjtGeom.mjGEOM_CAPSULE, half, pose, solid)

    def solid_ball(self, body: mujoco.MjsBody, diameter: float, pose: Pose, solid: Solid) -> None:
        """A sphere that collides and is not seen; `diameter` in [m]."""
        half = np.array([diameter / 2, 0.0, 0.0])
        self._collider(body, mujoco.mjtGeom.mjGEOM_SPHERE, half, pose, solid)

    def solid_ring(
        self,
        body: mujoco.MjsBody,
        size: Ring,
        count: int,
        pose: Pose,
        solid: Solid,
        lean: float = 0.0,
    ) -> None:
        """A round wall about z from `count` boxes that collide and are not seen.

        The boxes touch the inner circle from outside and meet at their outer corners; `solid.mass`
        is shared among them. They lean outward about their inner faces' middles by `lean` [rad],
        and then meet only there.
        """
        inner, thick = size.inner, size.thickness
        width = 2.0 * (inner / 2 + thick) * float(np.tan(np.pi / count))
        part = replace(solid, mass=solid.mass / count)
        face = Pose.of((inner / 2, 0.0, 0.0), (np.cos(lean / 2), 0.0, np.sin(lean / 2), 0.0))
        middle = face @ Pose.of((thick / 2, 0.0, 0.0))
        for turn in np.arange(count) * 2.0 * np.pi / count:
            out = Pose.of((0.0, 0.0, 0.0), rotations.about_z(float(turn)))
            self.solid_box(body, (thick, width, size.height), pose @ out @ middle, part)

    def solid_hull(
        self, body: mujoco.MjsBody, points: Float[np.ndarray, "n 3"], pose: Pose, solid: Solid
    ) -> None:
        """The convex hull of some points [m], in the frame of `pose`, not seen."""
        name = f"hull_{zlib.crc32(np.ascontiguousarray(points).tobytes()):08x}"
        if self.spec.mesh(name) is None:
            self.spec.add_mesh(name=name, uservert=points.ravel())
        self._collider(body, mujoco.mjtGeom.mjGEOM_MESH, np.zeros(3), pose, solid, mesh=name)

    def volume(self, body: mujoco.MjsBody, name: str, size: Sequence[float], pose: Pose) -> None:
        """An invisible box that `conditions.detected` looks into; `size` is its full extent."""
        half = np.asarray(size, dtype=np.float64) / 2
        self._sensor(body, name, mujoco.mjtGeom.mjGEOM_BOX, half, pose)

    def round_volume(self, body: mujoco.MjsBody, name: str, size: Cylinder, pose: Pose) -> None:
        """The same as a cylinder about z."""
        half = np.array([size.diameter / 2, size.height / 2, 0.0])
        self._sensor(body, name, mujoco.mjtGeom.mjGEOM_CYLINDER, half, pose)

    def exclude(self, first: str, second: str) -> None:
        """Let two bodies pass through each other; a static parent is not left out by itself."""
        self.spec.add_exclude(bodyname1=first, bodyname2=second)

    def remember(self, name: str) -> int:
        """Reserve one number of the simulation state under a name, and return its slot.

        The slot is written into the model, so that a condition or a prop finds it by name.
        """
        slot = int(self.spec.nuserdata) if self.spec.nuserdata > 0 else 0
        self.spec.nuserdata = slot + 1
        self.spec.add_numeric(name=name, data=[float(slot)], size=1)
        return slot

    @staticmethod
    def _seen(
        body: mujoco.MjsBody,
        kind: mujoco.mjtGeom,
        half: np.ndarray,
        pose: Pose,
        paint: str,
        mesh: str = "",
    ) -> None:
        body.add_geom(
            type=kind,
            size=half,
            pos=pose.position,
            quat=pose.quaternion,
            meshname=mesh,
            material=paint,
            contype=0,
            conaffinity=0,
            mass=0.0,
            group=2,
        )

    @staticmethod
    def _sensor(
        body: mujoco.MjsBody, name: str, kind: mujoco.mjtGeom, half: np.ndarray, pose: Pose
    ) -> None:
        body.add_geom(
            name=name,
            type=kind,
            size=half,
            pos=pose.position,
            quat=pose.quaternion,
            contype=0,
            conaffinity=0,
            mass=0.0,
            group=SENSOR_GROUP,
            rgba=[0.0, 0.0, 0.0, 0.0],
        )

    @staticmethod
    def _collider(
        body: mujoco.MjsBody,
        kind: mujoco.mjtGeom,
        half: np.ndarray,
        pose: Pose,
        solid: Solid,
        mesh: str = "",
    ) -> None:
        body.add_geom(
            type=kind,
            size=half,
            pos=pose.position,
            quat=pose.quaternion,
            meshname=mesh,
            mass=solid.mass,
            friction=[solid.friction, 0.005, 0.0001],
            priority=2 if solid.slippery else 0,
            group=3,
        )


def slot_of(model: mujoco.MjModel, name: str) -> int:
    """Where a remembered number of this name lives in `data.userdata`."""
    return int(model.numeric(name).data[0])


class Prop(ABC):
    """A thing on the table; every size is a named constant of its file."""

    name: str  # of its body; names of its parts start with it

    @property
    @abstractmethod
    def box(self) -> Box:
        """What must be free around it, in its own frame."""

    @abstractmethod
    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        """Draw the prop with its frame at `pose` in the world."""

    def show(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:  # noqa: B027 - optional
        """Refresh looks that depend on the simulation state; called before each image."""
