"""The policy's speed: full size and tiny, against the machine's own matrix product.

Ratios are taken within this run. In one thread the CPU's time counts, which other jobs on the
machine change least; over threads only the clock says anything.
"""

import torch
from torch import Tensor

from benchmarks import flops
from benchmarks.clock import Stopwatch, best_of, peak_memory
from benchmarks.products import product_rate, threads_set
from premotor import presets
from premotor.batch import Executed, MirrorBatch, Target
from premotor.data.augment import augment
from premotor.execute.config import ExecuteConfig
from premotor.execute.loss import execute_losses
from premotor.execute.policy import Policy
from premotor.execute.trunk import add_planes
from premotor.execute.virtual_views import lift, render, to_cube, whole_scene, zoomed_scene
from premotor.mirror import MirrorConfig
from premotor.train.config import TrainConfig
from premotor.train.optim import OptimizerConfig, build_optimizer, clip_gradients
from premotor.train.step import step_generator

POINTS = 65_536  # four cameras of 128 x 128
TRUNK_PRODUCTS = ((845, 512, 1536), (845, 512, 4096), (845, 2048, 512))  # rows, in, out
BOXES = 10  # on the table
REPEATS = 5


def main() -> None:
    """Print the figures of the policy."""
    torch.manual_seed(0)
    rates = products()
    full_size(rates)
    latency("full size", _full().execute, (1, 2))
    latency("tiny", _tiny().mirror.execute, (1, 2))
    tiny_step(rates)
    compiled("tiny", _tiny().mirror.execute, 16)
    print(f"  peak memory {peak_memory()}")


def products() -> dict[int, float]:
    """[FLOP/s] of plain float32 matrix products, the faster of two kinds, by number of threads."""
    rates: dict[int, float] = {}
    for threads in (1, 2):
        with threads_set(threads):
            square = product_rate(((1024, 1024, 1024),))
            trunk = product_rate(TRUNK_PRODUCTS)
        rates[threads] = max(square, trunk)
        print(
            f"  float32 matrix product, {threads} threads: {square / 1e9:.1f} GFLOP/s of 1024^3, "
            f"{trunk / 1e9:.1f} of the trunk's (845 rows: 512 to 1536, 512 to 4096, 2048 to 512)"
        )
    return rates


def full_size(rates: dict[int, float]) -> None:
    """Forward and backward at full size, and one whole update."""
    config = _full().execute
    policy, batch = Policy(config).train(), scene(config, 1)
    flop = flops.count(lambda: _learn(policy, batch))
    best = best_of(lambda: _learn(policy, batch), 3)
    print(
        f"  full size, forward + backward, batch 1, one thread: {best.cpu:.2f} s CPU, "
        f"{flop / 1e9:.0f} GFLOP, {flop / best.cpu / 1e9:.1f} GFLOP/s = "
        f"{100 * flop / best.cpu / rates[1]:.0f} % of the matrix product"
    )
    half = best_of(lambda: _learn(policy, batch, half=True), 3)
    print(f"    the same in bfloat16 autocast: {best.cpu / half.cpu:.2f} times as fast")
    with threads_set(2):
        both = best_of(lambda: _learn(policy, batch), 3)
    print(
        f"    two threads: {both.wall:.2f} s by the clock, {flop / both.wall / 1e9:.1f} GFLOP/s = "
        f"{100 * flop / both.wall / rates[2]:.0f} % of the matrix product"
    )
    _full_update(policy, batch)
    _lifting(config)


def _full_update(policy: Policy, batch: MirrorBatch) -> None:
    optimizer = build_optimizer({"execute": policy}, OptimizerConfig())

    def update() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = _learn(policy, batch)
        clip_gradients(optimizer, 1.0)
        optimizer.step()
        return loss

    update()
    watch = Stopwatch()
    loss = update()
    seconds = watch.read()
    print(
        f"    one update with AdamW, batch 1: {seconds.cpu:.2f} s CPU, loss {loss:.2f}, "
        f"peak memory so far {peak_memory()}"
    )


def _lifting(config: ExecuteConfig) -> None:
    scores = torch.randn(1, 3, config.views.size, config.views.size)
    seconds = best_of(lambda: lift(scores), REPEATS)
    print(f"    lifting over {config.views.size}^3 cells: {1000 * seconds.cpu:.0f} ms CPU")


def latency(name: str, config: ExecuteConfig, threads: tuple[int, ...]) -> None:
    """How long a greedy action takes, from cloud and words to the keyframe."""
    policy, batch = Policy(config).eval(), scene(config, 1)

    def act() -> object:
        with torch.no_grad():
            return policy(batch.executed, batch.instruction)

    act()
    for number in threads:
        with threads_set(number):
            best = best_of(act, REPEATS)
        print(
            f"  greedy action, {name}, {number} threads: {1000 * best.wall:.0f} ms by the clock, "
            f"{1000 * best.cpu:.0f} ms CPU"
        )


def tiny_step(rates: dict[int, float]) -> None:
    """A training step of the policy alone in one thread, and where it goes."""
    config = _tiny()
    policy, batch = Policy(config.mirror.execute).train(), scene(config.mirror.execute, 16)
    optimizer = build_optimizer({"execute": policy}, config.optimizer)
    varied = augment(batch, config.augment, step_generator(0, 0, 0))

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        moved = augment(batch, config.augment, step_generator(0, 0, 0))
        _learn(policy, moved)
        clip_gradients(optimizer, 1.0)
        optimizer.step()

    flop = flops.count(step)
    whole = best_of(step, REPEATS).cpu
    parts = {
        "augment": best_of(
            lambda: augment(batch, config.augment, step_generator(0, 0, 0)), REPEATS
        ),
        "views": best_of(lambda: _draw(config.mirror.execute, varied), REPEATS),
        "forward": best_of(lambda: _loss(policy, varied), REPEATS),
        "learn": best_of(lambda: _learn(policy, varied), REPEATS),
    }
    augmented, views, forward, learn = (1000 * seconds.cpu for seconds in parts.values())
    print(
        f"  tiny, one training step, batch 16, one thread: {1000 * whole:.0f} ms CPU = "
        f"{16 / whole:.1f} samples/s; {flop / 16e9:.2f} GFLOP per sample, "
        f"{100 * flop / whole / rates[1]:.0f} % of the matrix product\n"
        f"    augment {augmented:.0f} ms, views {views:.0f}, rest of the forward pass "
        f"{forward - views:.0f}, backward {learn - forward:.0f}, optimizer "
        f"{1000 * whole - augmented - learn:.0f}"
    )


def compiled(name: str, config: ExecuteConfig, size: int) -> None:
    """What torch.compile of trunks and heads costs and brings, beside eager, by turns."""
    eager, quick = Policy(config).train(), Policy(config).train()
    quick.compile_dense()
    batch = scene(config, size)
    watch = Stopwatch()
    _learn(quick, batch)
    start = watch.read()
    _learn(eager, batch)
    turns = [
        (best_of(lambda: _learn(eager, batch), 1).cpu, best_of(lambda: _learn(quick, batch), 1).cpu)
        for _ in range(REPEATS)
    ]
    slow, fast = (min(column) for column in zip(*turns, strict=True))
    print(
        f"  torch.compile, {name}, batch {size}: {start.cpu:.0f} s CPU to compile, forward + "
        f"backward {1000 * fast:.0f} ms, eager {1000 * slow:.0f} ms: {slow / fast:.2f} times faster"
    )


def scene(config: ExecuteConfig, size: int, num_points: int = POINTS) -> MirrorBatch:
    """Clouds of a table with boxes: surfaces as cameras see them, not noise in a volume."""
    generator = torch.Generator().manual_seed(0)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator)

    on_table = num_points * 6 // 10
    flat = [uniform(a, b, size, on_table) for a, b in ((-0.25, 0.65), (-0.45, 0.45))]
    table = torch.stack([*flat, uniform(0.752, 0.753, size, on_table)], dim=-1)
    axes = [uniform(a, b, size, BOXES) for a, b in ((-0.1, 0.5), (-0.3, 0.3), (0.78, 0.83))]
    middle = torch.stack(axes, dim=-1)
    rest = num_points - on_table
    offset = uniform(-0.04, 0.04, size, rest, 3)
    face = torch.randint(3, (size, rest, 1), generator=generator)
    offset.scatter_(2, face, 0.04 * offset.gather(2, face).sign())
    box = torch.randint(BOXES, (size, rest, 1), generator=generator).expand(-1, -1, 3)
    points = torch.cat([table, middle.gather(1, box) + offset], dim=1)
    points = points[:, torch.randperm(num_points, generator=generator)]
    state = uniform(0.0, 1.0, size, config.state_dim)
    words = torch.randint(1, 400, (size, config.text.context), generator=generator)
    ones = torch.ones(size, dtype=torch.long)
    down = torch.tensor([[0.0, 1.0, 0.0, 0.0]]).repeat(size, 1)
    executed = Executed(points, uniform(0.0, 1.0, size, num_points, 3), state)
    return MirrorBatch(executed, words, Target(middle[:, 0].clone(), down, ones, ones))


def _full() -> MirrorConfig:
    """Preset `paper`, or the defaults, which are its sizes."""
    preset = presets.TRAIN.get("paper")
    return MirrorConfig() if preset is None else preset.mirror


def _tiny() -> TrainConfig:
    return presets.train_preset("tiny")


def _loss(policy: Policy, batch: MirrorBatch, half: bool = False) -> Tensor:
    assert batch.target is not None
    with torch.autocast(batch.instruction.device.type, torch.bfloat16, enabled=half):
        output = policy(batch.executed, batch.instruction, batch.target, step_generator(0, 0, 0))
    return execute_losses(output, batch.target, policy.config).total


def _learn(policy: Policy, batch: MirrorBatch, half: bool = False) -> float:
    loss = _loss(policy, batch, half)
    loss.backward()
    return float(loss.detach())


def _draw(config: ExecuteConfig, batch: MirrorBatch) -> None:
    """The pictures of both stages, as the policy draws them."""
    assert batch.target is not None
    views, stem = config.views, config.trunk.stem
    center = to_cube(batch.target.position, views)
    whole, near = whole_scene(batch.executed, views), zoomed_scene(batch.executed, center, views)
    add_planes(*render(whole, views.size, views.coarse_radius), stem)
    add_planes(*render(near, views.size, views.fine_radius), stem)
