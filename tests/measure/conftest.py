"""Two made-up models over the same episodes, which share what a test says they share."""

from collections.abc import Callable

import numpy as np
import pytest

from premotor.measure.sides import Sides, controls_of

NUM_TASKS, NUM_VARIATIONS, NUM_EPISODES = 3, 4, 8  # of a task, of a variation


def _made_up(seed: int = 0, **parts: float) -> Sides:
    rng = np.random.default_rng(seed)
    variations = np.repeat(np.arange(NUM_TASKS * NUM_VARIATIONS), NUM_EPISODES)
    tasks, episodes = variations // NUM_VARIATIONS, np.arange(len(variations))

    def draw(codes: np.ndarray) -> np.ndarray:
        return rng.normal(size=(codes.max() + 1, 12))[codes]

    shared = {
        "task": draw(tasks),
        "words": draw(variations),
        "action": draw(variations),
        "scene": draw(episodes),
        "told": draw(episodes),
    }
    weights = {"task": 1.0, **parts}

    def side(*left_out: str) -> np.ndarray:
        kept = [weight * shared[n] for n, weight in weights.items() if n not in left_out]
        return np.sum(kept, axis=0) + 0.5 * rng.normal(size=(len(episodes), 12))

    names = tuple(f"task {t}" for t in tasks), tuple(str(v) for v in variations % NUM_VARIATIONS)
    sides = Sides(side(), side(), *names)
    given = {"controls": controls_of(sides, blanked=side("words", "told"), seed=seed)}
    return Sides(sides.u, sides.e, *names, **given)


@pytest.fixture(scope="session")
def made_up() -> Callable[..., Sides]:
    """Sides of 3 tasks of 4 variations of 8 episodes, with controls.

    Arguments: the seed, and how strongly both share each part. task: the furniture (1 where nothing
    else is said). words: the variation, which e has from its instruction alone. action: the
    variation, which e has without words. scene: the single episode. told: the single episode, of
    which e knows nothing without words.
    """
    return _made_up


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    """40 rows of 6 and 5 columns, the second a noisy linear map of the first."""
    rng = np.random.default_rng(3)
    a = rng.normal(size=(40, 6))
    return a, a @ rng.normal(size=(6, 5)) + 0.5 * rng.normal(size=(40, 5))
