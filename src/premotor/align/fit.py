"""The probe of spontaneous alignment: T_u and T_e alone learn, on frozen u and e (Theorem 1)."""

# pyright: reportUnknownMemberType=false

from dataclasses import dataclass, field
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from premotor.align.config import AlignConfig
from premotor.align.projections import Projections
from premotor.backbones.blockwise import info_nce_blockwise
from premotor.errors import ConfigError
from premotor.settings import check_numbers

LEAST_ROWS = 16  # that maps can be fitted on
LEAST_GROUPS = 8  # of two rows or more, where partners are of one group


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """How the two maps learn; they stop where rows held out are matched best."""

    align: AlignConfig = field(default_factory=lambda: AlignConfig(temperature=0.05))
    steps: int = 600  # updates at most
    batch_size: int = 256  # rows per update; all where there are fewer
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    held_out: float = 0.2  # share of the rows that only decide when to stop
    check_every: int = 10  # updates between two looks at them

    def __post_init__(self) -> None:
        if min(self.steps, self.batch_size - 1, self.check_every) < 1:
            raise ConfigError(
                "fit.steps and check_every must be >= 1, batch_size >= 2, got "
                f"{self.steps}, {self.check_every}, {self.batch_size}"
            )
        if not 0.0 < self.held_out <= 0.5:
            raise ConfigError(f"fit.held_out must be in (0, 0.5], got {self.held_out}; try 0.2")
        check_numbers(self)


# Maps that are fitted anew by the hundred, on frozen towers of any training (decisions D93).
ANEW = FitConfig(steps=200, learning_rate=1e-2)


def fit_projections(
    u: Float[Tensor, "n u"],
    e: Float[Tensor, "m e"],
    config: FitConfig,
    seed: int,
    groups: Int[Tensor, " n"] | None = None,
) -> Projections:
    """The linear maps under which log B - L_align is largest, as Theorem 1 estimates I(u; e).

    What they reach on these rows is no estimate: measure them on episodes they have not seen.

    Args:
        u: Of the observed actions, one row per episode; no gradient flows back.
        e: Of the executed actions, in the same order.
        config: Width and temperature of the shared space, and how long to learn.
        seed: Of the maps' first values, the rows held out and the batches.
        groups: Of each row, as its instruction: u then meets the e of another row of its group,
            drawn anew for each batch, which has one pair of a group, so that no partner counts as
            a stranger; of the groups that decide when to stop, one pair is learned from and the
            same two rows the other way round are held out. None: u and e of a row are partners.

    Raises:
        ConfigError: The rows do not pair up, are too few, or hold NaN or infinity.
    """
    _check(u, e)
    generator = torch.Generator().manual_seed(seed)
    if groups is None:
        partners = _SameRow.of(len(u), config, generator)
    else:
        partners = _SameGroup.of(groups, config, generator)
    sides = [_Standard.of(x.detach().float(), partners.learned) for x in (u, e)]
    maps = _drawn(config.align, u.shape[1], e.shape[1], generator)
    _descend(maps, _Rows(sides[0].rows, sides[1].rows, partners), config, generator)
    for side, layer in zip(sides, (maps.from_u, maps.from_e), strict=True):
        side.fold_into(layer)
    return maps.eval().requires_grad_(False)


def _check(u: Float[Tensor, "n u"], e: Float[Tensor, "m e"]) -> None:
    if len(u) != len(e) or len(u) < LEAST_ROWS:
        raise ConfigError(
            f"got {len(u)} and {len(e)} rows, need as many of each, at least {LEAST_ROWS}; row i "
            "of both is one episode"
        )
    if not (torch.isfinite(u).all() and torch.isfinite(e).all()):
        raise ConfigError("the representations hold NaN or infinity; look at the training run")


@dataclass(frozen=True, eq=False)
class _Standard:
    """One side with mean 0 and spread 1 per column, as a linear map can undo."""

    rows: Float[Tensor, "n d"]
    mean: Float[Tensor, " d"]
    spread: Float[Tensor, " d"]

    @classmethod
    def of(cls, x: Float[Tensor, "n d"], learned: Int[Tensor, " l"]) -> "_Standard":
        mean, spread = x[learned].mean(dim=0), x[learned].std(dim=0)
        spread = spread.clamp_min(1e-6 * float(spread.max().clamp_min(1e-12)))
        return cls((x - mean) / spread, mean, spread)

    @torch.no_grad()
    def fold_into(self, layer: torch.nn.Linear) -> None:
        """Let a map of standardized rows take the rows as they are."""
        layer.weight.div_(self.spread.to(layer.weight.device))
        layer.bias.sub_(layer.weight @ self.mean.to(layer.weight.device))


def _drawn(config: AlignConfig, u_dim: int, e_dim: int, generator: torch.Generator) -> Projections:
    maps = Projections(config, u_dim, e_dim)
    with torch.no_grad():
        for layer in (maps.from_u, maps.from_e):
            layer.weight.normal_(0.0, layer.in_features**-0.5, generator=generator)
            layer.bias.zero_()
    return maps


def _num_held_out(count: int, config: FitConfig) -> int:
    return max(4, round(config.held_out * count))


Met = tuple[Int[Tensor, " b"], Int[Tensor, " b"]]  # rows of u, and of e that each meets


@dataclass(frozen=True, eq=False)
class _SameRow:
    """Partners are u and e of one row."""

    learned: Int[Tensor, " l"]  # rows that the maps learn from
    held_out: Met  # decide when to stop

    @classmethod
    def of(cls, count: int, config: FitConfig, generator: torch.Generator) -> "_SameRow":
        order = torch.randperm(count, generator=generator)
        held = order[: _num_held_out(count, config)]
        return cls(order[len(held) :], (held, held))

    def draw(self, size: int, generator: torch.Generator) -> Met:
        """A batch of up to so many."""
        order = torch.randperm(len(self.learned), generator=generator)
        rows = self.learned[order[:size]]
        return rows, rows


@dataclass(frozen=True, eq=False)
class _SameGroup:
    """Partners are u and e of two rows of one group."""

    learned: Int[Tensor, " l"]
    held_out: Met  # u of the second row and e of the first of some groups
    starts: Int[Tensor, " g"]  # place of each group's first row in `learned`
    sizes: Int[Tensor, " g"]  # its rows, two or more
    fixed: Bool[Tensor, " g"]  # of it only u of the first row and e of the second are learned from

    @classmethod
    def of(
        cls, groups: Int[Tensor, " n"], config: FitConfig, generator: torch.Generator
    ) -> "_SameGroup":
        place = torch.searchsorted(cast(Tensor, torch.unique(groups)), groups)
        known = torch.bincount(place)[place] > 1  # rows that have partners
        order = torch.argsort(place, stable=True)
        learned = order[known[order]]
        sizes = torch.bincount(place)
        sizes = sizes[sizes > 1]
        if len(sizes) < LEAST_GROUPS:
            raise ConfigError(
                f"got {len(sizes)} groups of two rows or more, need at least {LEAST_GROUPS}; "
                "give more episodes of each instruction"
            )
        drawn = torch.randperm(len(sizes), generator=generator)
        held = drawn[: _num_held_out(len(sizes), config)]
        fixed = torch.zeros(len(sizes), dtype=torch.bool)
        fixed[held] = True
        starts = sizes.cumsum(0) - sizes
        pairs = learned[starts[held] + 1], learned[starts[held]]
        return cls(learned, pairs, starts, sizes, fixed)

    def draw(self, size: int, generator: torch.Generator) -> Met:
        """A batch with two rows of each of up to so many groups."""
        chosen = torch.randperm(len(self.sizes), generator=generator)[:size]
        starts, sizes, free = self.starts[chosen], self.sizes[chosen], ~self.fixed[chosen]
        draws = torch.rand(2, len(chosen), generator=generator)
        first = (draws[0] * sizes).long() * free
        second = (first + 1 + (draws[1] * (sizes - 1)).long() * free) % sizes
        return self.learned[starts + first], self.learned[starts + second]


@dataclass(frozen=True, eq=False)
class _Rows:
    """Standardized rows of both sides, and which of them meet."""

    u: Float[Tensor, "n u"]
    e: Float[Tensor, "n e"]
    partners: _SameRow | _SameGroup


def _descend(maps: Projections, rows: _Rows, config: FitConfig, generator: torch.Generator) -> None:
    """Leaves the maps as they were where the loss on the rows held out was least."""
    maps.to(rows.u.device)

    def loss(met: Met) -> Float[Tensor, ""]:
        aligned = maps(rows.u[met[0]], rows.e[met[1]])
        return info_nce_blockwise(aligned.z_u, aligned.z_e, config.align.temperature)

    optimizer = torch.optim.AdamW(
        maps.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    best, kept = float("inf"), {k: v.clone() for k, v in maps.state_dict().items()}
    for step in range(config.steps):
        optimizer.zero_grad()
        loss(rows.partners.draw(config.batch_size, generator)).backward()
        optimizer.step()
        if step % config.check_every == 0 or step == config.steps - 1:
            with torch.no_grad():
                found = float(loss(rows.partners.held_out))
            if found < best:
                best, kept = found, {k: v.clone() for k, v in maps.state_dict().items()}
    maps.load_state_dict(kept)
