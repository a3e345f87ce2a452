"""A garden grill on a cart: grate, worktop and a lid that stands open at its side."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate.modeling import forms, textures
from premotor.simulate.modeling.blueprint import VISUAL, Blueprint, Box, Cylinder, Prop, Solid

LENGTH, DEPTH = 0.553, 0.299  # [m] along y and x, as the benchmark's collision body
GRATE_TOP = 0.276  # [m] upper side of the bars, on which meat lies
GRATE = (0.190, 0.288)  # [m] along x and y
GRATE_Y = -0.127  # [m] of its middle
BAR = (0.005, 0.003)  # [m] width, height of a bar
NUM_BARS = 17
FIREBOX = (0.299, 0.300)  # [m] along x and y, at the rim
FIREBOX_FLOOR = (0.19, 0.165)  # [m] width along x, height above the table
RIM = (0.014, 0.012)  # [m] width, height
WORKTOP = (0.2986, 0.2249, 0.032)  # [m]; the benchmark's is 0.153 m deep, ours fills the cart
WORKTOP_CENTER = (0.0, 0.165, 0.297)  # [m]
LEG = 0.018  # [m] square tube
LEG_AT = (0.13, 0.262)  # [m] from the middle along x and y
SHELF_HEIGHT = 0.055  # [m]
WHEEL = Cylinder(0.064, 0.016)  # [m] diameter, width
HUB_CAP = 0.002  # [m] by which it is wider than the wheel
PANEL = (0.008, 0.270, 0.062)  # [m] with the knobs, in front of the firebox
KNOB = Cylinder(0.028, 0.016)  # [m] diameter, depth
FRONT = 0.0215  # [m] by which panel and knobs stick out at -x, and are felt
KNOBS_Y = (-0.080, 0.0, 0.080)  # [m] along the panel
LID_FOOT = (0.040, 0.317)  # [m] along y, and height of the edge that it stands on when open
LID = (0.290, 0.095, 0.280)  # [m] width, depth of the hood, length
LID_WALL = 0.004  # [m]
LID_LEAN = np.radians(9.0)  # [rad] outward; the hand comes down past it
GAS = (0.088, 0.150)  # [m] diameter, height

BLACK = (0.07, 0.07, 0.075)
ENAMEL = (0.58, 0.06, 0.05)
STEEL = (0.72, 0.73, 0.75)
GAS_WHITE = (0.90, 0.90, 0.88)
TAN_WOOD = (186, 132, 78)


@dataclass(frozen=True)
class Grill(Prop):
    """Stands on the table; its front looks along -x, the grate lies on the side of -y.

    The lid opens sideways, over the worktop, so that it hides the grate neither from the arm nor
    from a camera, whichever way the grill faces. Its wheels, which reach 6 mm out at the sides and
    18 mm at +y, are seen and not felt.
    """

    name: str = "grill"

    @property
    def box(self) -> Box:
        side, end = LEG_AT[0] + LEG / 2 + WHEEL.height + HUB_CAP / 2, LEG_AT[1] + WHEEL.diameter / 2
        return Box((-DEPTH / 2 - FRONT, -LENGTH / 2, 0.0), (side, end, 0.61))

    def build(self, blueprint: Blueprint, pose: Pose) -> None:
        body = blueprint.body(self.name, pose)
        size = (DEPTH, LENGTH, GRATE_TOP)
        blueprint.solid_box(body, size, Pose.of((0.0, 0.0, GRATE_TOP / 2)), Solid())
        self._build_firebox(blueprint)
        self._build_grate(blueprint)
        self._build_panel(blueprint)
        self._build_cart(blueprint)
        self._build_gas(blueprint)
        self._build_lid(blueprint)

    def _build_firebox(self, blueprint: Blueprint) -> None:
        """A trough that widens upward, glowing coals in it, and a rim around them."""
        body = blueprint.spec.body(self.name)
        black = blueprint.paint("grill_black", BLACK, shine=0.5)
        coals = blueprint.texture("grill_coals", _coals(), shine=0.0, repeat=(1.0, 1.0))
        top, (floor_width, floor_height) = FIREBOX[0] / 2, FIREBOX_FLOOR
        low, high = floor_height, GRATE_TOP - RIM[1]
        across = [(-floor_width / 2, low), (floor_width / 2, low), (top, high), (-top, high)]
        # The section lies in x, z; a sheet is cut in x, y and stood up by a turn about x.
        upright = Pose.of((0.0, GRATE_Y, 0.0), rotations.Z_AGAINST_Y)
        blueprint.surface(body, forms.prism(np.array(across), FIREBOX[1]), upright, black)
        bed = (FIREBOX[0] - 0.02, FIREBOX[1] - 0.02, 0.004)
        blueprint.box(body, bed, Pose.of((0.0, GRATE_Y, high)), coals, VISUAL)
        x, y = FIREBOX[0] / 2 - RIM[0] / 2, FIREBOX[1] / 2 - RIM[0] / 2
        height = GRATE_TOP - RIM[1] / 2
        for side in (-1, 1):
            long = (RIM[0], FIREBOX[1], RIM[1])
            blueprint.box(body, long, Pose.of((side * x, GRATE_Y, height)), black, VISUAL)
            short = (FIREBOX[0], RIM[0], RIM[1])
            blueprint.box(body, short, Pose.of((0.0, GRATE_Y + side * y, height)), black, VISUAL)

    def _build_grate(self, blueprint: Blueprint) -> None:
        body = blueprint.spec.body(self.name)
        steel = blueprint.paint("grill_steel", STEEL, shine=0.8)
        height = GRATE_TOP - BAR[1] / 2
        for y in np.linspace(-GRATE[1] / 2 + 0.01, GRATE[1] / 2 - 0.01, NUM_BARS):
            size = (FIREBOX[0] - 2 * RIM[0], BAR[0], BAR[1])
            blueprint.box(body, size, Pose.of((0.0, GRATE_Y + y, height)), steel, VISUAL)
        for x in (-GRATE[0] / 2, 0.0, GRATE[0] / 2):
            size = (BAR[0], FIREBOX[1] - 2 * RIM[0], BAR[1])
            blueprint.box(body, size, Pose.of((x, GRATE_Y, height - BAR[1])), steel, VISUAL)

    def _build_panel(self, blueprint: Blueprint) -> None:
        """Brushed steel with three knobs; it slopes no more than it needs to be seen."""
        body = blueprint.spec.body(self.name)
        brushed = blueprint.texture("grill_brushed", textures.brushed(), shine=0.6)
        black = blueprint.paint("grill_black", BLACK, shine=0.5)
        red = blueprint.paint("grill_enamel", ENAMEL, shine=0.7)
        x, z = -DEPTH / 2 - 0.001, GRATE_TOP - RIM[1] - PANEL[2] / 2
        blueprint.box(body, PANEL, Pose.of((x, GRATE_Y, z)), brushed, VISUAL)
        felt = Pose.of((-(DEPTH + FRONT) / 2, GRATE_Y, z))
        blueprint.solid_box(body, (FRONT, *PANEL[1:]), felt, Solid())
        for y in KNOBS_Y:
            at = (x - PANEL[0] / 2 - KNOB.height / 2, GRATE_Y + y, z)
            blueprint.cylinder(body, KNOB, Pose.of(at, rotations.Z_AGAINST_X), black, VISUAL)
            mark = (at[0] - KNOB.height / 2, at[1], at[2] + KNOB.diameter / 4)
            blueprint.box(body, (0.001, 0.003, KNOB.diameter / 2), Pose.of(mark), red, VISUAL)

    def _build_cart(self, blueprint: Blueprint) -> None:
        body = blueprint.spec.body(self.name)
        steel = blueprint.paint("grill_steel", STEEL, shine=0.8)
        black = blueprint.paint("grill_black", BLACK, shine=0.5)
        wood = blueprint.texture("grill_wood", textures.wood(TAN_WOOD, planks=5))
        blueprint.box(body, WORKTOP, Pose.of(WORKTOP_CENTER), wood, Solid())
        size = (DEPTH - 0.02, LENGTH - 0.03, 0.010)
        blueprint.box(body, size, Pose.of((0.0, 0.0, SHELF_HEIGHT)), wood, VISUAL)
        x, y = LEG_AT
        top = WORKTOP_CENTER[2] - WORKTOP[2] / 2
        for at_x in (-x, x):
            for at_y in (-y, y):
                rolls = at_y > 0
                low = WHEEL.diameter / 2 if rolls else 0.0
                tall = (top if rolls else GRATE_TOP - RIM[1]) - low
                at = Pose.of((at_x, at_y, low + tall / 2))
                blueprint.box(body, (LEG, LEG, tall), at, steel, VISUAL)
            blueprint.box(body, (LEG, 2 * y, LEG), Pose.of((at_x, 0.0, 0.20)), steel, VISUAL)
            out = np.sign(at_x) * (LEG + WHEEL.height) / 2
            wheel = Pose.of((at_x + out, y, WHEEL.diameter / 2), rotations.Z_AGAINST_X)
            blueprint.cylinder(body, WHEEL, wheel, black, VISUAL)
            blueprint.cylinder(
                body, Cylinder(0.4 * WHEEL.diameter, WHEEL.height + HUB_CAP), wheel, steel, VISUAL
            )

    def _build_gas(self, blueprint: Blueprint) -> None:
        """The bottle on the shelf below the worktop, and its hose."""
        body = blueprint.spec.body(self.name)
        white = blueprint.paint("grill_gas", GAS_WHITE, shine=0.5)
        black = blueprint.paint("grill_black", BLACK, shine=0.5)
        r, h = GAS[0] / 2, GAS[1]
        profile = [(0.0, 0.0), (0.8 * r, 0.0), (r, 0.1 * h), (r, 0.7 * h), (0.8 * r, 0.86 * h)]
        profile += [(0.3 * r, 0.92 * h), (0.3 * r, h), (0.0, h)]
        foot = SHELF_HEIGHT + 0.005
        bottle = Pose.of((0.0, WORKTOP_CENTER[1], foot))
        blueprint.surface(body, forms.lathe(profile), bottle, white)
        bend = forms.arc(0.06, 0.0, np.pi / 2)
        hose = np.column_stack([np.zeros(len(bend)), -bend[:, 1], 0.03 * (1 - bend[:, 0] / 0.06)])
        start = Pose.of((0.0, WORKTOP_CENTER[1], foot + h))
        blueprint.surface(body, forms.tube(hose, 0.010), start, black)

    def _build_lid(self, blueprint: Blueprint) -> None:
        """A hood of enameled sheet on its hinged end, hollow toward the grate (-y)."""
        body = blueprint.spec.body(self.name)
        red = blueprint.paint("grill_enamel", ENAMEL, shine=0.7)
        steel = blueprint.paint("grill_steel", STEEL, shine=0.8)
        black = blueprint.paint("grill_black", BLACK, shine=0.5)
        width, depth, length = LID
        lean = (np.cos(LID_LEAN / 2), -np.sin(LID_LEAN / 2), 0.0, 0.0)  # wxyz, about x
        stand = Pose.of((0.0, *LID_FOOT), lean)
        blueprint.solid_box(body, LID, stand @ Pose.of((0.0, depth / 2, length / 2)), Solid())
        outer = _arch(width / 2, depth)
        inner = _arch(width / 2 - LID_WALL, depth - LID_WALL)
        hood = forms.prism(np.concatenate([outer, inner[::-1]]), length)
        blueprint.surface(body, hood, stand @ Pose.of((0.0, 0.0, length / 2)), red)
        for height in (LID_WALL / 2, length - LID_WALL / 2):
            cap = forms.prism(outer, LID_WALL)
            blueprint.surface(body, cap, stand @ Pose.of((0.0, 0.0, height)), red)
        bow = np.array([(-0.08, 0, 0), (-0.08, 0.03, 0.01), (0.08, 0.03, 0.01), (0.08, 0, 0)])
        grip = stand @ Pose.of((0.0, 0.955 * depth, 0.84 * length))
        blueprint.surface(body, forms.tube(_rounded(bow), 0.010), grip, steel)
        dial = stand @ Pose.of((0.0, depth + 0.002, 0.5 * length), rotations.Z_ALONG_Y)
        blueprint.cylinder(body, Cylinder(0.050, 0.006), dial, steel, VISUAL)
        blueprint.cylinder(body, Cylinder(0.040, 0.008), dial, black, VISUAL)
        for x in (-0.09, 0.09):
            hinge = Pose.of((x, LID_FOOT[0] - 0.008, GRATE_TOP + 0.015))
            blueprint.box(body, (0.024, 0.008, 0.05), hinge, steel, VISUAL)


def _arch(half_width: float, height: float) -> Float[np.ndarray, "n 2"]:
    """Counterclockwise half of a rounded hood in x, y, its open side on y = 0 [m]."""
    angle = np.linspace(0.0, np.pi, 29)
    c, s = np.cos(angle), np.sin(angle)
    x = half_width * np.sign(c) * np.abs(c) ** 0.6
    return np.column_stack([x, height * s**0.6])


def _rounded(corners: Float[np.ndarray, "_ 3"]) -> Float[np.ndarray, "_ 3"]:
    """A path through corners [m], cut off softly at each."""
    path, eighths = [corners[0]], np.linspace(0.0, 1.0, 9)
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        start = corner + 0.35 * (before - corner)
        end = corner + min(0.35, 0.012 / np.linalg.norm(after - corner)) * (after - corner)
        path += [(1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end for t in eighths]
    return np.stack([*path, corners[-1]])


def _coals() -> textures.Image:
    """Dark lumps with embers between them."""
    lumps = textures.noise((256, 256), (5.0, 5.0), 21)
    glow = np.clip(0.5 - np.abs(lumps) * 1.6, 0.0, 0.5)[..., None] * 2.0
    ember = np.array([255.0, 92.0, 16.0])
    ash = np.array([38.0, 35.0, 34.0]) * (1.0 + 0.15 * lumps[..., None])
    return np.clip(ash * (1 - glow) + ember * glow, 0, 255).astype(np.uint8)
