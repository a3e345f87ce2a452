"""An expert's successful episode."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from premotor.episode.clip import Clip
from premotor.episode.identity import EpisodeId
from premotor.episode.keyframe import Keyframe
from premotor.episode.observation import Observation
from premotor.episode.provenance import Provenance


@dataclass(frozen=True, eq=False)
class Demo:
    """One recorded episode, one row per 0.05 s.

    `observations` has a row for every recorded step; only frame 0 and the keyframes carry camera
    views. `keyframes[k].step` is the row whose pose the k-th keyframe is.
    """

    episode: EpisodeId
    instructions: tuple[str, ...]  # paraphrases; the first is the one used for acting
    observations: tuple[Observation, ...]
    keyframes: tuple[Keyframe, ...]
    states: Float[np.ndarray, "t s"]  # simulator state per row, float64
    clip: Clip  # front camera, one frame per row
    provenance: Provenance
