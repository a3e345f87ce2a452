"""A push button: a colored base plate and a cap that gives way by a centimeter."""

from dataclasses import dataclass, replace

import mujoco

from premotor.geometry.poses import Pose
from premotor.simulate.colors import Color
from premotor.simulate.modeling.blueprint import (
    VISUAL,
    Blueprint,
    Box,
    Cylinder,
    Prop,
    Solid,
    slot_of,
)

BASE = (0.1, 0.1, 0.021)  # [m] colored plate
BASE_HEIGHT = 0.0085  # [m] of its center above the frame (the table plane)
RING = Cylinder(0.066, 0.003)  # [m] diameter and height of the dark collar around the cap
CAP = Cylinder(0.056, 0.0117)  # [m] diameter and height, its upper 1.7 mm and the wrap below it
CAP_TOP = 0.02925  # [m] top of the resting cap above the frame
TRAVEL = 0.01  # [m] downward; a cap pressed home is flush with the plate
CAP_MASS = 0.0685  # [kg]
STIFFNESS = 400.0  # [N/m]; 4 N when pressed home, and no sag: gravity is compensated
DAMPING = 6.0  # [N s/m]
PLASTIC = Solid(friction=0.2, slippery=True)  # so that fingers leave sideways without a jolt

REST_RGB = (0.86, 0.06, 0.05)
COUNTED_RGB = (0.10, 0.85, 0.15)


@dataclass(frozen=True)
class Button(Prop):
    """Red cap on a plate of the color that is spoken of; the cap turns green once counted."""

    name: str
    color: Color

    @property
    def box(self) -> Box:
        return Box((-0.05, -0.05, -0.002), (0.05, 0.05, 0.0315))

    @property
    def cap(self) -> str:
        """Name of the body that moves, and of the joint it moves along."""
        return f"{self.name}_cap"

    @property
    def held(self) -> str:
        """Name of the remembered number: 1 while the cap is down."""
        return f"{self.name}_held"

    @property
    def counted(self) -> str:
        """Name of the remembered number: 1 once its press has been counted."""
        return f"{self.name}_counted"

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        base = blueprint.body(self.name, pose)
        plate = blueprint.paint(f"plate_{self.color.name}", self.color.rgb, shine=0.35)
        ring = blueprint.paint("button_ring", (0.13, 0.13, 0.15), shine=0.5)
        top = BASE_HEIGHT + BASE[2] / 2
        blueprint.box(base, BASE, Pose.of((0.0, 0.0, BASE_HEIGHT)), plate, PLASTIC)
        blueprint.cylinder(base, RING, Pose.of((0.0, 0.0, top)), ring, VISUAL)
        cap = blueprint.body(self.cap, Pose.of((0.0, 0.0, CAP_TOP)), parent=self.name)
        cap.gravcomp = 1.0
        paint = blueprint.paint(self.cap, REST_RGB, shine=0.6)
        center = Pose.of((0.0, 0.0, -CAP.height / 2))
        blueprint.cylinder(cap, CAP, center, paint, replace(PLASTIC, mass=CAP_MASS))
        cap.add_joint(
            name=self.cap,
            type=mujoco.mjtJoint.mjJNT_SLIDE,
            axis=[0.0, 0.0, 1.0],
            range=[-TRAVEL, 0.0],
            limited=True,
            stiffness=STIFFNESS,
            damping=DAMPING,
        )
        blueprint.exclude(self.name, self.cap)
        blueprint.remember(self.held)
        blueprint.remember(self.counted)

    def show(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        lit = data.userdata[slot_of(model, self.counted)] > 0.5
        material = model.material(self.cap)
        material.rgba[:3] = COUNTED_RGB if lit else REST_RGB
        material.emission[0] = 0.35 if lit else 0.0
