"""Two models that were trained apart, as the two sides of one mirror (Theorem 1).

The maps T_u and T_e are all that learns; both towers stay as they are.
"""

# pyright: reportUnknownMemberType=false

from premotor.align.config import AlignConfig
from premotor.align.fit import FitConfig, fit_projections
from premotor.data.dataset import Dataset
from premotor.execute.policy import Policy
from premotor.mirror import Mirror, MirrorConfig
from premotor.represent import Pairs, represent
from premotor.understand.recognizer import Recognizer


def joined(recognizer: Recognizer, policy: Policy, align: AlignConfig) -> Mirror:
    """Both towers, frozen, with maps that have learned nothing yet."""
    config = MirrorConfig(understand=recognizer.config, execute=policy.config, align=align)
    mirror = Mirror(config)
    mirror.understand, mirror.execute = recognizer, policy
    return mirror.eval().requires_grad_(False)


def fit_maps(mirror: Mirror, dataset: Dataset, pairs: Pairs, config: FitConfig, seed: int) -> None:
    """Give a mirror the maps that align its u and e best.

    Args:
        mirror: From `joined`.
        dataset: The episodes the maps learn from.
        pairs: A row of each of them.
        config: How they learn.
        seed: Of the maps.

    Raises:
        ConfigError: Too few episodes.
    """
    found = represent(mirror, dataset, pairs.transitions, unit=pairs.unit)
    device = mirror.align.from_u.weight.device
    mirror.align = fit_projections(found["u"], found["e"], config, seed).to(device)
