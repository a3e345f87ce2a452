"""Where the time of the tiny policy's network goes: as it was before Muon, as it is, and flatter.

Each part is run by itself, forward and backward, on what one training step's pass gave it; CPU
time of one thread, the networks by turns. The rest is what the parts leave of the whole pass:
norms, sums, the loss, and what torch asks for per operation.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

from benchmarks.clock import best_of
from benchmarks.policy import scene
from premotor import presets
from premotor.batch import MirrorBatch
from premotor.execute import policy as policies
from premotor.execute.config import ExecuteConfig
from premotor.execute.loss import execute_losses
from premotor.execute.policy import Policy
from premotor.execute.trunk import Block
from premotor.train.step import step_generator

ROWS = 16
REPEATS = 5
MATCH, STEMS = "word match", "stems"
PARTS = ("block attention", "block MLP", MATCH, STEMS, "heads", "token transformer", "patches")
VIEWS = (policies.draw_whole, policies.draw_zoomed, policies.add_planes)


@dataclass(frozen=True, eq=False)
class Call:
    """A function of the network and what it was given."""

    run: Callable[..., Any]
    given: tuple[Any, ...]

    def __call__(self) -> None:
        """Forward, and backward where anything asks for it."""
        told = self.run(*[_leaf(value) for value in self.given])
        found = [x for x in _tensors(told) if x.requires_grad]
        if found:
            torch.autograd.backward(found, [torch.ones_like(x) for x in found])


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    tiny = presets.train_preset("tiny").mirror.execute
    networks = {
        "before Muon": _before(tiny),
        "tiny": tiny,
        "tiny, joint_depth 2": replace(tiny, trunk=replace(tiny.trunk, joint_depth=2)),
    }
    calls = [_taken_apart(config) for config in networks.values()]
    print(f"  tiny, {ROWS} rows, one thread, forward and backward, ms CPU:")
    print(f"    {'':20s}" + "".join(f"{name:>26s}" for name in networks))
    rows = {part: [_milliseconds(parts[part]) for parts in calls] for part in calls[0]}
    rows[STEMS] = [whole - match for whole, match in zip(rows[STEMS], rows[MATCH], strict=True)]
    parts = [
        sum(column) for column in zip(*(rows[part] for part in (*PARTS, "views")), strict=True)
    ]
    rows["rest"] = [whole - part for whole, part in zip(rows["all"], parts, strict=True)]
    for part in (*PARTS, "rest", "views", "all"):
        print(f"    {part:20s}" + "".join(f"{taken:26.1f}" for taken in rows[part]))


def _before(tiny: ExecuteConfig) -> ExecuteConfig:
    """As docs/reproduce.md has it."""
    return replace(
        tiny,
        trunk=replace(tiny.trunk, qk_norm=False),
        heatmap=replace(tiny.heatmap, coarse_weight=0.0),
        tokens=replace(tiny.tokens, patch=0, qk_norm=False),
        words=replace(tiny.words, match_by="pixels", slots=8),
        count_to=0,
    )


def _milliseconds(calls: list[Call]) -> float:
    return sum(1000.0 * best_of(call, REPEATS).cpu for call in calls)


def _taken_apart(config: ExecuteConfig) -> dict[str, list[Call]]:
    """What each part does in one pass; `all` is the pass, a stem holds its match."""
    torch.manual_seed(0)
    policy, batch = Policy(config).train(), scene(config, ROWS)
    calls: dict[str, list[Call]] = {part: [] for part in (*PARTS, "views")}
    owners = [(part, owner, name, getattr(owner, name)) for part, owner, name in _functions(policy)]
    for part, owner, name, function in owners:
        setattr(owner, name, _recorder(function, calls[part]))
    _learn(policy, batch)
    for _, owner, name, function in owners:
        setattr(owner, name, function)
    calls["all"] = [Call(lambda: _learn(policy, batch), ())]
    return calls


def _functions(policy: Policy) -> Iterator[tuple[str, Any, str]]:
    """Part, owner and name of each function that is timed."""
    for block in (module for module in policy.modules() if isinstance(module, Block)):
        yield "block attention", block, "attention"
        yield "block MLP", block, "mlp"
    for trunk, head in zip(policy.trunks, policy.heads, strict=True):
        yield STEMS, trunk.stem, "forward"
        yield MATCH, trunk.stem.match, "forward"
        yield MATCH, trunk.stem.mix, "forward"
        yield "heads", head, "forward"
    yield "token transformer", policy.tokens, "screen_points"
    yield "token transformer", policy.tokens, "actions"
    if policy.patches is not None:
        yield "patches", policy.patches, "forward"
    yield from (("views", policies, view.__name__) for view in VIEWS)


def _recorder(function: Callable[..., Any], calls: list[Call]) -> Callable[..., Any]:
    def run(*given: Any) -> Any:
        calls.append(Call(function, given))
        return function(*given)

    return run


def _learn(policy: Policy, batch: MirrorBatch) -> None:
    assert batch.target is not None
    output = policy(batch.executed, batch.instruction, batch.target, step_generator(0, 0, 0))
    execute_losses(output, batch.target, policy.config).total.backward()


def _leaf(value: Any) -> Any:
    """The same numbers, from nowhere."""
    if isinstance(value, Tensor):
        return value.detach().requires_grad_(value.requires_grad)
    if is_dataclass(value) and not isinstance(value, type):
        return type(value)(**{f.name: _leaf(getattr(value, f.name)) for f in fields(value)})
    return value if not isinstance(value, list | tuple) else [_leaf(part) for part in value]


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from _tensors(getattr(value, field.name))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)
