"""Independent random streams: every draw of a run comes from a key, none from what came before."""

import numpy as np

# Purposes, the second word of a key.
ACTING, PAIRED, KEYFRAME, CLIP, STEP, MIXTURE, MORE, SHUFFLED = range(8)


def stream(*key: int) -> np.random.Generator:
    """An independent random stream per key, whatever was drawn elsewhere."""
    return np.random.default_rng(np.random.SeedSequence([k & 0xFFFFFFFF for k in key]))
