"""How often 95 % intervals hold the truth, and how often no effect is taken for one: simulated.

Prints the tables of docs/intervals.md, by the functions that the commands use.
"""

import numpy as np

from premotor.measure.intervals import mean_limits, paired_difference
from premotor.measure.paired import sign_flip, t_interval

DRAWS = 20_000
ALIKE = (0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99)
SETTINGS: tuple[tuple[int, tuple[int, ...]], ...] = (  # tasks; episodes of one after the other
    *((3, (count,)) for count in (20, 25, 50)),
    *((18, (count,)) for count in (20, 25, 50)),
    *((tasks, (25,)) for tasks in (1, 2, 6)),
    *((tasks, (20, 25, 50)) for tasks in (3, 18)),
)
SD = 0.023  # between training seeds, of the mean success over 18 tasks
RATE, TASKS, EPISODES = 0.69, 18, 25  # of the arms that are compared
SEEDS = (2, 3, 5, 6, 10)
ARM_DRAWS = 4_000


def main() -> None:
    """Print both tables as Markdown."""
    heads = [f"{tasks} x {' / '.join(map(str, counts))}" for tasks, counts in SETTINGS]
    _print_row("success rates of the tasks", *heads)
    _print_row(*["---"] * (1 + len(heads)))
    for name in rows(2):
        cells = (_cell(rows(t).get(name), np.resize(counts, t)) for t, counts in SETTINGS)
        _print_row(name, *cells)
    print()
    _print_row("seeds", "t interval without 0", "sign-flip p <= 0.05", "episodes pooled as so many")
    _print_row(*["---"] * 4)
    for seeds in SEEDS:
        _print_row(str(seeds), *(f"{100 * share:.1f} %" for share in false_positives(seeds)))


def rows(tasks: int) -> dict[str, np.ndarray]:
    """What a row of the table is called, and the true rates of so many tasks."""
    alike = {f"{rate} in all": np.full(tasks, rate) for rate in ALIKE}
    if tasks == 1:
        return alike
    few = max(1, tasks // 6)
    return {
        **alike,
        "evenly 0.05 to 0.95": np.linspace(0.05, 0.95, tasks),
        "half 0.5, half 0.99": np.resize([0.5, 0.99], tasks),
        "half 0.01, half 0.99": np.resize([0.01, 0.99], tasks),
        "a sixth 0.3, the rest 0.99": np.repeat([0.3, 0.99], [few, tasks - few]),
        "a sixth 0.05, the rest 0.995": np.repeat([0.05, 0.995], [few, tasks - few]),
    }


def _cell(chances: np.ndarray | None, counts: np.ndarray) -> str:
    if chances is None:
        return "-"
    share, width = coverage(chances, counts)
    return f"{100 * share:.1f} ({100 * width:.1f})"


def coverage(chances: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    """How often `mean_rate` holds the mean of the true rates, and its mean width."""
    rng = np.random.default_rng(0)
    drawn = rng.binomial(counts, chances, size=(DRAWS, len(counts)))
    if len(set(counts)) == 1:
        drawn.sort(axis=1)  # which task is which does not matter, so fewer differ
    unlike, times = np.unique(drawn, axis=0, return_counts=True)
    low, high = mean_limits(unlike.astype(np.float64), counts.astype(np.float64))
    held = (low <= chances.mean()) & (chances.mean() <= high)
    return float(times[held].sum() / DRAWS), float((times * (high - low)).sum() / DRAWS)


def false_positives(seeds: int) -> tuple[float, float, float]:
    """How often two arms without a difference are told apart, three ways.

    By the t interval over seeds, by the sign-flip test, and by the interval of pairs of episodes
    were the episodes of all seeds as many.
    """
    rng = np.random.default_rng(seeds)
    told = np.zeros(3)
    for _ in range(ARM_DRAWS):
        chances = rng.normal(RATE, SD, size=(2, seeds, 1))
        ours, theirs = rng.random((2, seeds, TASKS * EPISODES)) < chances
        differences = ours.mean(1) - theirs.mean(1)
        over_seeds = t_interval(differences)
        pooled = paired_difference(ours.ravel(), theirs.ravel())
        told += (
            not over_seeds.low <= 0.0 <= over_seeds.high,
            sign_flip(differences).p_value <= 0.05,
            not pooled.low <= 0.0 <= pooled.high,
        )
    return tuple(told / ARM_DRAWS)


def _print_row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)
