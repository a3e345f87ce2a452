"""u, e, z_u and z_e of held-out episodes, row by row."""

from premotor.data.dataset import Dataset
from premotor.evaluate.alignment import Embeddings
from premotor.mirror import Mirror
from premotor.represent import first_transitions, represent


def embed(mirror: Mirror, dataset: Dataset, blanked: bool) -> Embeddings:
    """One row per episode of the data set; `blanked` withholds the words from the policy."""
    rows = first_transitions(dataset)
    found = represent(mirror, dataset, rows, blanked)
    infos = [dataset.cache.episodes[int(i)] for i in dataset.cache.transitions.episode[rows]]
    return Embeddings(
        **{name: value.double().numpy() for name, value in found.items()},
        tasks=tuple(info.task for info in infos),
        variations=tuple(info.variation for info in infos),
    )
