"""Two models that were trained apart, as the two sides of one mirror (Theorem 1).

The maps T_u and T_e are all that learns; both towers stay as they are.
"""

# pyright: reportUnknownMemberType=false

from collections.abc import Mapping

import torch

from premotor.align.config import AlignConfig
from premotor.align.fit import LEAST_ROWS, FitConfig, fit_projections
from premotor.align.models import project
from premotor.align.projections import Projections
from premotor.execute.policy import Policy
from premotor.findings import Partners
from premotor.measure.sides import Sides
from premotor.mirror import Mirror, MirrorConfig
from premotor.understand.recognizer import Recognizer


def joined(recognizer: Recognizer, policy: Policy, align: AlignConfig) -> Mirror:
    """Both towers, frozen, with maps that have learned nothing yet."""
    config = MirrorConfig(understand=recognizer.config, execute=policy.config, align=align)
    mirror = Mirror(config)
    mirror.understand, mirror.execute = recognizer, policy
    return mirror.eval().requires_grad_(False)


def fitted(
    sides: Sides, config: FitConfig, seed: int, partners: Partners = "episode"
) -> Projections:
    """The maps that align u and e best.

    Args:
        sides: u and e of the episodes that the maps learn from.
        config: How they learn.
        seed: Of the maps.
        partners: Whether u meets the e of its own episode, or of another one of its group.

    Raises:
        ConfigError: Too few episodes, or groups of two.
    """
    u, e = (torch.from_numpy(side).float() for side in (sides.u, sides.e))
    groups = None if partners == "episode" else torch.from_numpy(sides.groups)
    return fit_projections(u, e, config, seed, groups)


def refitted(
    controls: Mapping[str, Sides], learned: Sides, config: FitConfig, seed: int
) -> dict[str, Sides]:
    """z_u and z_e under each control, through maps that never had what it takes away.

    A control that too few episodes learn under is left out.

    Args:
        controls: u and e of held-out episodes under each control, by name.
        learned: u and e of the episodes that the maps learn from, with the same controls.
        config: How they learn.
        seed: Of the maps.
    """
    return {
        name: project(fitted(learned.controls[name], config, seed), sides)
        for name, sides in controls.items()
        if name in learned.controls and len(learned.controls[name]) >= LEAST_ROWS
    }
