"""Key poses as good as the one that was shown: the hand carried around an upright axis."""

import math
from dataclasses import dataclass

import numpy as np

from premotor.errors import ConfigError
from premotor.geometry import rotations
from premotor.geometry.poses import Pose

RESTING = (0.0, 0.0, 1.0, 0.0)  # wxyz of a hand that points down as it does when an episode begins
ALIKE = 0.2  # [rad] by which turns of two kinds may differ and are alike: about a step of `angles`
_DIGITS = 6  # of a turn [rad], so that rounding decides nothing


@dataclass(frozen=True)
class Turns:
    """What else a key pose may be, as its expert knows of a round thing (decisions D83).

    Attributes:
        center: Where the axis meets the table [m], world frame.
        angles: By how much the hand may be carried around it [rad], counter-clockwise from above.
        symmetry: Of the gripper: a full turn / symmetry about its approach axis changes nothing.
    """

    center: tuple[float, float]
    angles: tuple[float, ...]
    symmetry: int = 1

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (*self.center, *self.angles))) or self.symmetry < 1:
            raise ConfigError(f"turns need finite numbers and a symmetry of at least 1, got {self}")

    def poses(self, shown: Pose) -> list[Pose]:
        """The pose that was shown, world frame, and all others that are as good."""
        return [pose for kind in self._kinds(shown) for pose in kind]

    def settled(self, shown: Pose) -> Pose:
        """Of all of them the one least turned from the hand at rest: what is seen tells which.

        The two sides of a rim between which a hand turned in itself chooses are alike in this; of
        such the one with the smallest y is taken.
        """
        return self.settled_with_spin(shown)[1]

    def settled_with_spin(self, shown: Pose) -> tuple[int, Pose]:
        """The settled one behind the steps of the symmetry by which its hand is turned in itself.

        Against the one shown, whose side of a rim it has where there are none.
        """
        best = [min(kind, key=away_from_rest) for kind in self._kinds(shown)]
        least = min(map(away_from_rest, best))
        return min(
            ((k, pose) for k, pose in enumerate(best) if away_from_rest(pose) < least + ALIKE),
            key=lambda found: float(found[1].position[1]),
        )

    def _kinds(self, shown: Pose) -> list[list[Pose]]:
        """All of them, by how the hand is turned in itself."""
        axis = Pose.of((*self.center, 0.0))
        step = 2.0 * np.pi / self.symmetry
        kinds: list[list[Pose]] = []
        for spin in range(self.symmetry):
            spun = shown @ _about_z(spin * step) if spin else shown
            beside = axis.inverse() @ spun
            kinds.append([spun, *(axis @ _about_z(angle) @ beside for angle in self.angles)])
        return kinds


def away_from_rest(pose: Pose) -> float:
    """By how much [rad] a hand is turned from the one at rest, rounded so that equals are equal."""
    return round(rotations.angle_between(pose.quaternion, np.array(RESTING)), _DIGITS)


def _about_z(angle: float) -> Pose:
    return Pose.of((0.0, 0.0, 0.0), rotations.about_z(angle))
