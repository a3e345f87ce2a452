"""u, e, z_u and z_e of held-out episodes, row by row."""

from premotor.data.dataset import Dataset
from premotor.evaluate.alignment import Embeddings
from premotor.mirror import Mirror
from premotor.represent import Pairs, represent


def embed(mirror: Mirror, dataset: Dataset, pairs: Pairs, blanked: bool = False) -> Embeddings:
    """A row of each of the pairs; `blanked` withholds the words from the policy."""
    found = represent(mirror, dataset, pairs.transitions, blanked, pairs.unit)
    infos = [dataset.cache.episodes[int(i)] for i in dataset.episodes_of(pairs.transitions)]
    return Embeddings(
        **{name: value.double().numpy() for name, value in found.items()},
        tasks=tuple(info.task for info in infos),
        variations=tuple(info.variation for info in infos),
    )
