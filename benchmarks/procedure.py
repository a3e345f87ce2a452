"""How often the rules of a comparison claim something where nothing is, and where something is.

Prints the tables of docs/intervals.md (the procedure), by the functions that the command uses: arms
are simulated down to their episodes, and every table goes through the whole procedure.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from premotor.measure.intervals import wilson
from premotor.measure.power import least_difference, sd_of_differences, sd_of_episodes
from premotor.measure.procedure import ClaimRule, ClaimVerdict, claim_verdict
from premotor.measure.seeds import ArmOutcome, SeedContrast, over_seeds, seed_contrast

TABLES = 10_000
RULE = ClaimRule(seeds=tuple(range(10)), look=6)
TASKS = 18
RATES = {"success": (0.30, 0.88, 0.89), "accuracy": (0.35, 0.70, 0.75)}  # tasks, in turn
EPISODES = {"success": 25, "accuracy": 100}  # per task
BOOTSTRAPS = 400  # tables; each is redrawn 2,000 times


@dataclass(frozen=True, kw_only=True)
class World:
    """What is true of two arms."""

    name: str
    effect: float = 0.0  # of the second arm on success
    on_accuracy: float = 0.0
    sd: float = 0.023  # of the true task mean between runs of one arm
    correlation: float = 0.0  # of the runs of one seed in both arms
    heavy: bool = False  # runs scatter by t with 3 degrees of freedom: now and then one collapses


WORLDS = (
    World(name="no effect, SD 1.5", sd=0.015),
    World(name="no effect, SD 2.3"),
    World(name="no effect, SD 3.3", sd=0.033),
    World(name="no effect, SD 2.3, arms of a seed correlate 0.5", correlation=0.5),
    World(name="no effect, SD 2.3, heavy tails", heavy=True),
    World(name="3 points on both, SD 1.5", effect=0.03, on_accuracy=0.03, sd=0.015),
    World(name="3 points on both, SD 2.3", effect=0.03, on_accuracy=0.03),
    World(name="3 points on both, SD 3.3", effect=0.03, on_accuracy=0.03, sd=0.033),
    World(name="3 points on success alone, SD 2.3", effect=0.03),
    World(name="5 points on both, SD 1.5", effect=0.05, on_accuracy=0.05, sd=0.015),
    World(name="5 points on both, SD 2.3", effect=0.05, on_accuracy=0.05),
    World(name="5 points on both, SD 3.3", effect=0.05, on_accuracy=0.05, sd=0.033),
    World(name="5 points on success alone, SD 2.3", effect=0.05),
)


def main() -> None:
    """Print all tables as Markdown."""
    heads = ("claims something", "claims on success", "on accuracy", "says no effect of success")
    _print_row("what is true", *heads, "stopped at the look")
    _print_row(*["---"] * 6)
    for seed, world in enumerate(WORLDS):
        _print_row(world.name, *shares(world, TABLES, seed).values())
    print()
    _print_row("SD between runs", "episodes per task", *(f"S = {s}" for s in _SEEDS))
    _print_row(*["---"] * (2 + len(_SEEDS)))
    for sd, episodes in ((0.015, 25), (0.023, 25), (0.023, 50), (0.033, 25)):
        _print_row(f"{100 * sd:.1f}", str(episodes), *_least(sd, episodes))
    print()
    _print_row("seeds", "t interval without 0", "bootstrap over seeds and episodes without 0")
    _print_row(*["---"] * 3)
    for seeds in (3, 5, 8, 10):
        _print_row(str(seeds), *bootstrapped(seeds, BOOTSTRAPS))


_SEEDS = (3, 5, 6, 8, 10)


def _least(sd: float, episodes: int) -> Iterator[str]:
    """Least differences seen with 80 % power by the t interval."""
    tasks = {str(i): rate for i, rate in enumerate(np.resize(RATES["success"], TASKS))}
    both = sd_of_differences(sd, sd_of_episodes(tasks, episodes))
    return (f"{100 * least_difference(both, seeds):.1f}" for seeds in _SEEDS)


def shares(world: World, tables: int, seed: int) -> dict[str, str]:
    """How often each thing is said of two arms, with 95 % intervals of the shares."""
    rng = np.random.default_rng(seed)
    said = [verdict(table) for table in differences(world, tables, rng)]
    counts = {
        "claims": sum(any(claims(v, name) for name in RATES) for v in said),
        **{name: sum(claims(v, name) for v in said) for name in RATES},
        "no effect": sum(v.outcomes[0].kind == "no effect" for v in said),
        "stopped": sum(v.stage == "stopped" for v in said),
    }
    return {name: _share(count, tables) for name, count in counts.items()}


def claims(found: ClaimVerdict, outcome: str) -> bool:
    """Whether a gain or a loss is claimed."""
    return any(o.outcome == outcome and o.kind in ("helped", "hurt") for o in found.outcomes)


def verdict(table: dict[str, np.ndarray]) -> ClaimVerdict:
    """What the procedure says of differences by outcome and seed."""
    return claim_verdict(
        RULE,
        [
            SeedContrast(
                outcome=outcome,
                ours="aligned",
                theirs="apart",
                over_seeds=over_seeds(dict(zip(RULE.seeds, gaps.tolist(), strict=True))),
            )
            for outcome, gaps in table.items()
        ],
    )


def differences(
    world: World, tables: int, rng: np.random.Generator
) -> Iterator[dict[str, np.ndarray]]:
    """Task means of the second arm minus those of the first, at each seed, of so many tables."""
    effects = {"success": world.effect, "accuracy": world.on_accuracy}
    means: dict[str, np.ndarray] = {}
    for outcome, effect in effects.items():
        chances = _chances(world, outcome, effect, (tables, len(RULE.seeds)), rng)
        drawn = rng.binomial(EPISODES[outcome], chances) / EPISODES[outcome]
        means[outcome] = drawn.mean(-1)  # (tables, seeds, arms)
    for i in range(tables):
        yield {outcome: found[i, :, 1] - found[i, :, 0] for outcome, found in means.items()}


def _chances(
    world: World, outcome: str, effect: float, shape: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray:
    """True rates (*shape, arms, tasks): a run shifts all of its tasks alike."""
    own = _scatter(world, (*shape, 2), rng) * np.sqrt(1.0 - world.correlation)
    shared = _scatter(world, (*shape, 1), rng) * np.sqrt(world.correlation)
    shifts = own + shared + np.array([0.0, effect])
    return np.clip(np.resize(RATES[outcome], TASKS) + shifts[..., None], 0.0, 1.0)


def _scatter(world: World, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Of runs; t with 3 degrees of freedom has variance 3."""
    unit = rng.standard_t(3, shape) / np.sqrt(3.0) if world.heavy else rng.normal(size=shape)
    return world.sd * unit


def bootstrapped(seeds: int, tables: int) -> tuple[str, str]:
    """How often arms that are alike are told apart by the t interval and by the bootstrap."""
    rng, told = np.random.default_rng(seeds), [0, 0]
    for _ in range(tables):
        chances = _chances(World(name=""), "success", 0.0, (seeds,), rng)
        right = (rng.random((EPISODES["success"], *chances.shape)) < chances).astype(float)
        arms = [_arm(str(arm), right[:, :, arm]) for arm in (0, 1)]
        found = seed_contrast("success", arms[1], arms[0], range(seeds), rng)
        for i, interval in enumerate((found.over_seeds.interval, found.bootstrap)):
            told[i] += interval is not None and not interval.low <= 0.0 <= interval.high
    return _share(told[0], tables), _share(told[1], tables)


def _arm(name: str, right: np.ndarray) -> ArmOutcome:
    """Of outcomes by episode, seed and task."""
    num_episodes, num_seeds, num_tasks = right.shape
    runs = {
        seed: {
            str(task): dict(zip(range(num_episodes), right[:, seed, task].tolist(), strict=True))
            for task in range(num_tasks)
        }
        for seed in range(num_seeds)
    }
    return ArmOutcome(arm=name, runs=runs, broken={})


def _share(count: int, of: int) -> str:
    found = wilson(count, of)
    return f"{100 * found.value:.1f} % ({100 * found.low:.1f} to {100 * found.high:.1f})"


def _print_row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)
