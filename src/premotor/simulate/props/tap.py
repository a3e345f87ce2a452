"""A basin with a tap: two cross handles on hinges, a high spout between them.

A design of our own: the benchmark's scene could not be read. Seen from in front of the basin,
the left handle (marked red) lies at -y of the frame, the right one (blue) at +y; the spout
points along +x. The basin is hollow to the eye alone: the hand feels a full cylinder.
"""

from dataclasses import dataclass
from functools import cache

import mujoco
import numpy as np

from premotor.geometry import rotations
from premotor.geometry.poses import IDENTITY, Pose
from premotor.simulate.modeling import forms, textures
from premotor.simulate.modeling.blueprint import (
    TABLE,
    VISUAL,
    Blueprint,
    Box,
    Cylinder,
    Prop,
    Solid,
)
from premotor.simulate.modeling.surfaces import Surface

SIDES = {"left": -1.0, "right": 1.0}
DECK = (0.052, 0.332, 0.022)  # [m] the bar that carries all, along x, y and z
HANDLE_OFFSET = 0.140  # [m] of the handles' axes from the middle; so wide that a hand that
# turns about one of them passes the spout
HANDLE_HEIGHT = 0.125  # [m] of the spokes
SPOKE = (0.074, 0.009)  # [m] a pair of spokes end to end, thickness
KNOB = 0.0132  # [m] diameter of the balls at the ends
HUB = Cylinder(0.0250, 0.0300)  # [m] diameter, height
BUTTON = 0.0160  # [m] diameter of the colored mark
HANDLE_MASS = 0.12  # [kg]
RANGE = 2.2  # [rad] both ways from shut
FRICTION = 0.5  # [N m] of the packing, as a tap has it: a handle stays where it is left, and an arm
# that brushes past gives it no spin
DAMPING = 0.1  # [N m s/rad]
# Of the solver, for that friction: so stiff that a handle under load does not creep.
DRY_REFERENCE, DRY_IMPEDANCE = (0.01, 1.0), (0.999, 0.999, 0.001, 0.5, 2.0)
ARMATURE = 2e-4  # [kg m2] the spindle turns with the handle
VALVE = (0.0440, 0.0950)  # [m] diameter and top of the solid pillar under a handle
NECK = (0.0200, 0.1100)  # [m] of what rises from it
SPOUT = 0.0230  # [m] diameter
RISE, REACH, MOUTH = 0.205, 0.065, 0.185  # [m] height of the bend, its radius, the end's height
BASIN = Cylinder(0.220, 0.056)  # [m] diameter, height
BASIN_X = 0.150  # [m] of its middle
BOWL_FLOOR = 0.012  # [m]
FULL_FLOW = np.pi / 2  # [rad]

CHROME = (0.76, 0.78, 0.81)
CERAMIC = (0.95, 0.95, 0.94)
WATER = (0.55, 0.78, 0.95)
WATER_ALPHA = 0.55
MARKS = {"left": (0.85, 0.08, 0.06), "right": (0.06, 0.22, 0.85)}


@cache
def deck() -> Surface:
    """A bar with round ends."""
    radius, straight = DECK[0] / 2, (DECK[1] - DECK[0]) / 2
    right = forms.arc(radius, 0.0, np.pi, 20) + np.array([0.0, straight])
    left = forms.arc(radius, np.pi, 2.0 * np.pi, 20) - np.array([0.0, straight])
    return forms.prism(np.concatenate([right, left]), DECK[2])


@cache
def valve() -> Surface:
    """The pillar under a handle, waisted, with a ring near its top."""
    top = DECK[2] + TABLE
    return forms.lathe(
        [
            (0.0245, top - 0.001),
            (0.0248, top + 0.003),
            (0.0235, top + 0.006),
            (0.0205, top + 0.010),
            (0.0178, top + 0.018),
            (0.0165, top + 0.030),
            (0.0168, top + 0.042),
            (0.0182, top + 0.052),
            (0.0205, top + 0.060),
            (0.0217, top + 0.065),
            (0.0217, top + 0.069),
            (0.0200, top + 0.073),
            (0.0150, top + 0.0755),
            (0.0100, top + 0.0765),
            (0.0100, NECK[1] + 0.004),
        ]
    )


@cache
def hub() -> Surface:
    """The middle of a handle, in its frame: a bell with a flat top."""
    half = HUB.height / 2
    return forms.lathe(
        [
            (0.0, -half),
            (0.0112, -half),
            (0.0125, -half + 0.002),
            (0.0125, -half + 0.006),
            (0.0110, -half + 0.009),
            (0.0110, half - 0.010),
            (0.0120, half - 0.006),
            (0.0120, half - 0.003),
            (0.0112, half - 0.001),
            (0.0095, half),
            (0.0, half),
        ]
    )


@cache
def foot() -> Surface:
    """The ring the spout rises from."""
    top = DECK[2] + TABLE
    return forms.lathe(
        [
            (0.0225, top - 0.001),
            (0.0228, top + 0.004),
            (0.0210, top + 0.008),
            (0.0165, top + 0.013),
            (0.0145, top + 0.022),
            (0.0150, top + 0.026),
            (0.0135, top + 0.030),
            (0.0, top + 0.030),
        ]
    )


@cache
def spout() -> Surface:
    """Straight up, over in a half circle, and a little way down."""
    over = forms.arc(REACH, np.pi, 0.0, 28) + np.array([REACH, RISE])
    low = [(0.0, z) for z in np.linspace(0.02, RISE, 6)[:-1]]
    down = [(2 * REACH, z) for z in np.linspace(RISE, MOUTH, 4)[1:]]
    line = np.concatenate([low, over, down])
    return forms.tube(np.column_stack([line[:, 0], np.zeros(len(line)), line[:, 1]]), SPOUT)


@cache
def basin() -> Surface:
    """A round bowl with a thick, soft rim."""
    outer, high = BASIN.diameter / 2, BASIN.height + TABLE
    inside = outer - 0.013
    bowl = [
        (inside * np.cos(t), BOWL_FLOOR + (high - 0.006 - BOWL_FLOOR) * (1.0 - np.sin(t)))
        for t in np.linspace(0.05, np.pi / 2, 14)
    ]
    return forms.lathe(
        [
            (0.0, TABLE),
            (0.060, TABLE),
            (0.064, TABLE + 0.004),
            (0.078, 0.014),
            (0.093, 0.028),
            (outer - 0.006, high - 0.012),
            (outer - 0.001, high - 0.006),
            (outer, high - 0.003),
            (outer - 0.0015, high - 0.0008),
            (outer - 0.004, high),
            (outer - 0.009, high),
            (outer - 0.0115, high - 0.0012),
            (outer - 0.0128, high - 0.004),
            *((float(max(r, 0.0)), float(z)) for r, z in bowl),
        ]
    )


@dataclass(frozen=True)
class Tap(Prop):
    """Two handles to turn; water runs while one of them is open."""

    name: str = "tap"

    @property
    def box(self) -> Box:
        half = DECK[1] / 2
        top = RISE + REACH + SPOUT / 2
        return Box((-DECK[0] / 2, -half, TABLE), (BASIN_X + BASIN.diameter / 2, half, top))

    def handle(self, side: str) -> Pose:
        """Where a handle's frame stands in the tap's: z along its axis, spokes along x and y."""
        return Pose.of((0.0, SIDES[side] * HANDLE_OFFSET, HANDLE_HEIGHT))

    @staticmethod
    def joint(side: str) -> str:
        """Name of a handle's joint, and of its body."""
        return f"{side}_joint"

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.body(self.name, pose)
        chrome = blueprint.texture("tap_chrome", textures.chrome(), shine=1.0)
        flat = blueprint.paint("tap_deck", CHROME, shine=0.9)
        middle = Pose.of((0.0, 0.0, TABLE + DECK[2] / 2))
        blueprint.surface(body, deck(), middle, flat)
        blueprint.surface(body, foot(), IDENTITY, chrome)
        blueprint.surface(body, spout(), IDENTITY, chrome)
        blueprint.solid_box(body, DECK, middle, Solid())
        self._add_spout_colliders(blueprint, body)
        self._build_basin(blueprint, body)
        for side in SIDES:
            self._build_valve(blueprint, body, side)
            self._build_handle(blueprint, side)

    def _add_spout_colliders(self, blueprint: Blueprint, body: mujoco.MjsBody) -> None:
        top = RISE + REACH + SPOUT / 2
        riser = Pose.of((0.0, 0.0, RISE / 2))
        blueprint.solid_cylinder(body, Cylinder(SPOUT, RISE), riser, Solid())
        low = min(MOUTH, RISE)  # the bend and the end as one slab: nothing goes through it
        slab = Pose.of((REACH, 0.0, (low + top) / 2))
        blueprint.solid_box(body, (2 * REACH + SPOUT, SPOUT, top - low), slab, Solid())

    def _build_basin(self, blueprint: Blueprint, body: mujoco.MjsBody) -> None:
        ceramic = blueprint.paint("tap_ceramic", CERAMIC, shine=0.8)
        steel = blueprint.paint("tap_deck", CHROME, shine=0.9)
        water = blueprint.paint(self._water, WATER, shine=0.6, alpha=0.0)
        place = Pose.of((BASIN_X, 0.0, 0.0))
        blueprint.surface(body, basin(), place, ceramic)
        drain = place @ Pose.of((0.0, 0.0, BOWL_FLOOR + 0.001))
        blueprint.cylinder(body, Cylinder(0.034, 0.003), drain, steel, VISUAL)
        hole = place @ Pose.of((0.0, 0.0, BOWL_FLOOR + 0.003))
        black = blueprint.paint("tap_drain", (0.1, 0.1, 0.11))
        blueprint.cylinder(body, Cylinder(0.018, 0.001), hole, black, VISUAL)
        solid = place @ Pose.of((0.0, 0.0, TABLE + BASIN.height / 2))
        blueprint.solid_cylinder(body, BASIN, solid, Solid())
        stream = Cylinder(0.011, MOUTH - BOWL_FLOOR)
        falling = Pose.of((2 * REACH, 0.0, (MOUTH + BOWL_FLOOR) / 2))
        blueprint.cylinder(body, stream, falling, water, VISUAL)
        puddle = place @ Pose.of((0.0, 0.0, BOWL_FLOOR + 0.006))
        blueprint.cylinder(body, Cylinder(0.130, 0.004), puddle, water, VISUAL)

    def _build_valve(self, blueprint: Blueprint, body: mujoco.MjsBody, side: str) -> None:
        x, y, _ = self.handle(side).position
        chrome = blueprint.texture("tap_chrome", textures.chrome(), shine=1.0)
        blueprint.surface(body, valve(), Pose.of((x, y, 0.0)), chrome)
        low = DECK[2] + TABLE
        for diameter, top in (VALVE, NECK):
            middle = Pose.of((x, y, (low + top) / 2))
            blueprint.solid_cylinder(body, Cylinder(diameter, top - low), middle, Solid())
            low = top

    def _build_handle(self, blueprint: Blueprint, side: str) -> None:
        name = self.joint(side)
        body = blueprint.body(name, self.handle(side), parent=self.name)
        chrome = blueprint.texture("tap_chrome", textures.chrome(), shine=1.0)
        white = blueprint.paint("tap_ceramic", CERAMIC, shine=0.8)
        mark = blueprint.paint(f"tap_{side}", MARKS[side], shine=0.5)
        steel = Solid(mass=HANDLE_MASS / 3)
        blueprint.surface(body, hub(), IDENTITY, chrome)
        blueprint.solid_cylinder(body, HUB, IDENTITY, steel)
        reach = (SPOKE[0] - KNOB) / 2
        for turn in (0.0, np.pi / 2):
            along = Pose.of(np.zeros(3), rotations.about_z(turn))
            blueprint.solid_box(body, (SPOKE[0], SPOKE[1], SPOKE[1]), along, steel)
            line = along.matrix()[:3, 0]
            bar = np.linspace(-reach, reach, 3)[:, None] * line
            blueprint.surface(body, forms.tube(bar, SPOKE[1]), IDENTITY, chrome)
            for end in (-reach, reach):
                blueprint.ball(body, (KNOB,) * 3, Pose.of(end * line), white, VISUAL)
        top = Pose.of((0.0, 0.0, HUB.height / 2))
        blueprint.cylinder(body, Cylinder(BUTTON, 0.003), top, mark, VISUAL)
        body.add_joint(
            name=name,
            type=mujoco.mjtJoint.mjJNT_HINGE,
            axis=[0.0, 0.0, 1.0],
            range=[-RANGE, RANGE],
            limited=True,
            damping=np.array([DAMPING, 0.0, 0.0]),
            frictionloss=FRICTION,
            solref_friction=DRY_REFERENCE,
            solimp_friction=DRY_IMPEDANCE,
            armature=ARMATURE,
        )
        blueprint.exclude(self.name, name)

    @property
    def _water(self) -> str:
        return f"{self.name}_water"

    def show(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        angles = [abs(float(data.joint(self.joint(side)).qpos[0])) for side in SIDES]
        flow = min(max(angles) / FULL_FLOW, 1.0)
        shut = flow < 0.1  # the packing does not leak
        model.material(self._water).rgba[3] = 0.0 if shut else WATER_ALPHA * flow
