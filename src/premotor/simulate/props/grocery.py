"""Nine groceries: cartons, cans, a tin and a bottle, printed on and light enough to carry."""

from dataclasses import dataclass, replace

import numpy as np

from premotor.geometry.poses import IDENTITY, Pose
from premotor.simulate.modeling import forms, labels, surfaces
from premotor.simulate.modeling.blueprint import VISUAL, Blueprint, Box, Cylinder, Prop, Solid
from premotor.simulate.modeling.labels import Label
from premotor.simulate.modeling.surfaces import Surface
from premotor.simulate.verbs import POINTING_DOWN

GRIP_DEPTH = 0.015  # [m] of the tip below the top
BOTTLE_GRIP_DEPTH = 0.040  # [m] past the nozzle
LOWEST_GRIP = 0.010  # [m] of the tip above what the grocery stands on
FINGER_ROOM = 0.061  # [m] on either side of the middle for the open fingers
PALM = (0.036, 0.105)  # [m] half extents of the hand across and along the way of the fingers
PALM_RAISE = 0.052  # [m] of the palm above the tip
TALLEST = 0.120  # [m] of all groceries; a palm below it needs room of its own

LABEL_MARGIN = 0.006  # [m] of bare metal above and below a can's label
SEAM = 0.0010  # [m] by which the seams of a can stick out
CAP_HEIGHT = 0.010  # [m] of the coffee's plastic lid
BODY_SHARE = 0.74  # of a bottle's height
NOZZLE = (0.020, 0.009)  # [m] diameters of the bottle's cap at its foot and at its tip

TIN = (0.74, 0.75, 0.77)
YELLOW = (0.95, 0.74, 0.05)
CAP_GREEN = (0.10, 0.42, 0.20)
CREAM = (0.93, 0.88, 0.74)


@dataclass(frozen=True)
class Grocery(Prop):
    """Stands upright; its frame is in the middle of its foot, its narrow side along y.

    Attributes:
        name: Of its body.
        size: Width (x), depth (y) and height [m].
        mass: [kg]
        label: What is printed on it.
        form: "carton", "can", "jar" (a can with a plastic lid), "tin" or "bottle".
    """

    name: str
    size: tuple[float, float, float]
    mass: float
    label: Label
    form: str

    @property
    def grip(self) -> float:
        """Height of the tip above the foot when it is grasped from above [m]."""
        depth = BOTTLE_GRIP_DEPTH if self.form == "bottle" else GRIP_DEPTH
        return max(LOWEST_GRIP, self.size[2] - depth)

    @property
    def grasp(self) -> Pose:
        """Tip pose that holds it, in its frame: from above, across its narrow side."""
        return Pose.of((0.0, 0.0, self.grip), POINTING_DOWN)

    @property
    def box(self) -> Box:
        """The grocery and the room for the open fingers; for a low one also for the palm."""
        x, _, z = self.size
        low = self.grip + PALM_RAISE < TALLEST
        half_x, half_y = max(x / 2, PALM[0] if low else 0.0), PALM[1] if low else FINGER_ROOM
        return Box((-half_x, -half_y, 0.0), (half_x, half_y, z))

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        blueprint.free_body(self.name, pose)
        make = {
            "carton": self._build_carton,
            "can": self._build_can,
            "jar": self._build_can,
            "tin": self._build_tin,
            "bottle": self._build_bottle,
        }
        make[self.form](blueprint)

    def _build_carton(self, blueprint: Blueprint) -> None:
        body = blueprint.spec.body(self.name)
        print_ = blueprint.texture(self.name, labels.carton(self.label, self.size), shine=0.25)
        x, y, z = self.size
        middle = Pose.of((0.0, 0.0, z / 2))
        blueprint.solid_box(body, self.size, middle, Solid(mass=self.mass))
        blueprint.surface(body, surfaces.labelled_box((x / 2, y / 2, z / 2), 0.001), middle, print_)

    def _build_can(self, blueprint: Blueprint) -> None:
        body = blueprint.spec.body(self.name)
        tin = blueprint.paint("grocery_tin", TIN, shine=0.9)
        diameter, _, height = self.size
        r, foot = diameter / 2, IDENTITY
        upright = Pose.of((0.0, 0.0, height / 2))
        blueprint.solid_cylinder(body, Cylinder(diameter, height), upright, Solid(mass=self.mass))
        wall, rim, sink = r - SEAM, 0.0022, 0.0025
        profile = [(0.0, sink), (wall - 0.002, sink), (wall - 0.002, 0.0), (r, 0.0), (r, rim)]
        profile += [(wall, rim + 0.001), (wall, height - rim - 0.001)]
        profile += [(r, height - rim), (r, height), (wall - 0.002, height)]
        profile += [(wall - 0.002, height - sink), (0.0, height - sink)]
        blueprint.surface(body, forms.lathe(profile), foot, tin)
        top = height - (CAP_HEIGHT if self.form == "jar" else LABEL_MARGIN)
        self._wrap(blueprint, wall + 0.0004, low=LABEL_MARGIN, high=top)
        if self.form == "can":  # a disc of the label's color on the lid, for the cameras above
            name, color = f"{self.name}_lid", [channel / 255 for channel in self.label.band]
            disc = Pose.of((0.0, 0.0, height - sink))
            band = blueprint.paint(name, color, shine=0.6)
            blueprint.cylinder(body, Cylinder(1.5 * r, 0.002), disc, band, VISUAL)
        if self.form == "jar":
            cream = blueprint.paint("grocery_cream", CREAM, shine=0.4)
            low, h = height - CAP_HEIGHT, height + 0.0004
            lid = [(wall, low), (r, low), (r, h - 0.001), (r - 0.002, h), (0.7 * r, h)]
            lid += [(0.68 * r, h - 0.001), (0.0, h - 0.001)]
            blueprint.surface(body, forms.lathe(lid), foot, cream)

    def _wrap(
        self, blueprint: Blueprint, radius: float, *, low: float, high: float, squash: float = 1.0
    ) -> None:
        """Paper around a can, between two heights [m]."""
        image = labels.wrapper(self.label, 2 * radius, high - low)
        paper = blueprint.texture(self.name, image, shine=0.25)
        sheet = _squashed(forms.lathe([(radius, low), (radius, high)]), squash)
        blueprint.surface(blueprint.spec.body(self.name), sheet, IDENTITY, paper)

    def _build_tin(self, blueprint: Blueprint) -> None:
        """A box of sheet metal with a seamed lid at either end."""
        body = blueprint.spec.body(self.name)
        tin = blueprint.paint("grocery_tin", TIN, shine=0.9)
        x, y, z = self.size
        middle = Pose.of((0.0, 0.0, z / 2))
        blueprint.solid_box(body, self.size, middle, Solid(mass=self.mass))
        inner = (x - 2 * SEAM, y - 2 * SEAM, z - 0.004)
        print_ = blueprint.texture(self.name, labels.carton(self.label, inner), shine=0.5)
        walls = surfaces.labelled_box((inner[0] / 2, inner[1] / 2, inner[2] / 2), 0.006)
        blueprint.surface(body, walls, middle, print_)
        rim = forms.rounded_rectangle(x, y, 0.010)
        hollow = forms.rounded_rectangle(x - 0.006, y - 0.006, 0.008)
        for height in (0.002, z - 0.002):
            seam = forms.prism(rim, 0.004, holes=[hollow])
            blueprint.surface(body, seam, Pose.of((0.0, 0.0, height)), tin)
            lid = Pose.of((0.0, 0.0, z / 2 + 0.94 * (height - z / 2)))
            blueprint.surface(body, forms.prism(hollow, 0.002), lid, tin)

    def _build_bottle(self, blueprint: Blueprint) -> None:
        """An oval squeeze bottle with a pointed cap."""
        body = blueprint.spec.body(self.name)
        yellow = blueprint.paint("mustard_yellow", YELLOW, shine=0.5)
        green = blueprint.paint("mustard_cap", CAP_GREEN, shine=0.5)
        x, y, z = self.size
        tall, r, foot = BODY_SHARE * z, x / 2, IDENTITY
        solid = Solid(mass=0.9 * self.mass)
        blueprint.solid_box(body, (0.94 * x, y, tall), Pose.of((0.0, 0.0, tall / 2)), solid)
        cap = Pose.of((0.0, 0.0, (tall + z) / 2))
        blueprint.solid_cylinder(
            body, Cylinder(NOZZLE[0], z - tall), cap, Solid(mass=0.1 * self.mass)
        )
        neck = NOZZLE[0] / 2 * 0.95
        profile = [
            (0.0, 0.0),
            (0.92 * r, 0.0),
            (r, 0.004),
            (r, 0.66 * tall),
            (0.95 * r, 0.76 * tall),
        ]
        profile += [(0.78 * r, 0.88 * tall), (0.55 * r, 0.95 * tall), (neck, tall), (0.0, tall)]
        blueprint.surface(body, _squashed(forms.lathe(profile), y / x), foot, yellow)
        self._wrap(blueprint, r + 0.0003, low=0.10 * tall, high=0.64 * tall, squash=y / x)
        a, b = NOZZLE[0] / 2, NOZZLE[1] / 2
        nozzle = [(0.0, tall - 0.004), (a, tall - 0.004), (a, tall + 0.010), (b, tall + 0.012)]
        nozzle += [(0.6 * b, z - 0.001), (0.4 * b, z), (0.0, z)]
        blueprint.surface(body, forms.lathe(nozzle), foot, green)


def _squashed(surface: Surface, factor: float) -> Surface:
    """The same surface with y multiplied."""
    normals = surface.normals * np.array([1.0, 1.0 / factor, 1.0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return replace(
        surface,
        name=f"{surface.name}_{factor:.3f}",
        vertices=surface.vertices * np.array([1.0, factor, 1.0]),
        normals=normals,
    )


# In the benchmark's order. Sizes are those of the YCB objects that the benchmark names, scaled so
# that the 0.08 m gripper holds each across its narrow side and nine of them find room beside one
# another: crackers 0.56, chocolate 0.95, strawberry 1, soup 0.9, tuna 0.85, spam 1, coffee 0.7,
# mustard 0.62, sugar 0.68. Masses are those of half-full packages.
GROCERIES = (
    Grocery("crackers", (0.0920, 0.0402, 0.1196), 0.12, labels.CRACKERS, "carton"),
    Grocery("chocolate_jello", (0.0850, 0.0363, 0.1070), 0.10, labels.CHOCOLATE, "carton"),
    Grocery("strawberry_jello", (0.0729, 0.0298, 0.0893), 0.08, labels.STRAWBERRY, "carton"),
    Grocery("soup", (0.0610, 0.0610, 0.0920), 0.20, labels.SOUP, "can"),
    Grocery("tuna", (0.0725, 0.0725, 0.0285), 0.12, labels.TUNA, "can"),
    Grocery("spam", (0.1015, 0.0573, 0.0844), 0.20, labels.SPAM, "tin"),
    Grocery("coffee", (0.0715, 0.0715, 0.0980), 0.20, labels.COFFEE, "jar"),
    Grocery("mustard", (0.0598, 0.0358, 0.1187), 0.20, labels.MUSTARD, "bottle"),
    Grocery("sugar", (0.0630, 0.0308, 0.1197), 0.20, labels.SUGAR, "carton"),
)
