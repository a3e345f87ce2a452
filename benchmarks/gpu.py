"""Full size on one GPU in bfloat16: rows a second, share of the matrix product, memory, latency.

Whole updates of preset `paper` with the run's own step: augmentation, masks, both losses, LAMB. The
batch lies on the GPU already: what `premotor train` waits for data, its metrics.jsonl tells.
"""

import gc
import statistics

import torch

from benchmarks import flops
from benchmarks.clock import Stopwatch
from benchmarks.policy import scene
from premotor import presets
from premotor.batch import MirrorBatch, Observed
from premotor.mirror import Mirror, MirrorConfig
from premotor.train.config import TrainConfig
from premotor.train.optim import build_optimizer, set_learning_rate
from premotor.train.step import Objective, StepPlan, step_generator, train_step

ROWS = (16, 96)  # the paper's table has 96 on each of its GPUs
WARM_UP, TIMED = 3, 20  # updates
LEARNING_RATE = 1e-4  # of a run that has hardly begun
DECISIONS = 50
SIDE = 8192  # of the matrix product


def main() -> None:
    """Print the figures of the GPU, or that there is none."""
    if not torch.cuda.is_available():
        print("  no GPU is at hand: bfloat16 at full size is not measured")
        return
    torch.manual_seed(0)
    peak = product_rate()
    print(
        f"  {torch.cuda.get_device_name()}, torch {torch.__version__}: bfloat16 matrix product of "
        f"{SIDE}^3 at {peak / 1e12:.0f} TFLOP/s"
    )
    for clips in (False, True):
        for rows in ROWS:
            try:
                updates(rows, clips, peak)
            except torch.cuda.OutOfMemoryError:
                print(f"  {_name(rows, clips)}: more than the GPU's memory")
            gc.collect()
            torch.cuda.empty_cache()
    latency()


def updates(rows: int, clips: bool, peak: float) -> None:
    """Whole updates, the policy alone or both towers with their alignment."""
    config = presets.train_preset("paper")
    mirror = Mirror(config.mirror).cuda().train()
    optimizer = build_optimizer(mirror.towers, config.optimizer)
    set_learning_rate(optimizer, LEARNING_RATE)
    objective = Objective(mirror, config.augment)
    # As the engine does it: the forward pass and the losses, but not the way back.
    objective.forward = torch.autocast("cuda", torch.bfloat16)(objective.forward)
    batch = (paired(config.mirror, rows) if clips else scene(config.mirror.execute, rows)).to(
        "cuda"
    )

    def update() -> None:
        train_step(objective, optimizer, batch, _plan(config))
        torch.cuda.synchronize()

    flop = flops.count(update)
    for _ in range(WARM_UP):
        update()
    optimizer.zero_grad(set_to_none=True)
    held = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    seconds = _median(update, TIMED)
    memory = (torch.cuda.max_memory_allocated() - held) / rows / 2**20
    print(
        f"  {_name(rows, clips)}: {rows / seconds:.1f} rows/s, {1000 * seconds:.0f} ms, "
        f"{flop / rows / 1e9:.0f} GFLOP a row, {flop / seconds / 1e12:.0f} TFLOP/s = "
        f"{100 * flop / seconds / peak:.0f} % of the matrix product; beyond the model and its "
        f"optimizer {memory:.0f} MiB a row at the peak, gradients included"
    )


def latency() -> None:
    """How long a greedy action of one row takes, in float32 as it is rolled out."""
    config = presets.train_preset("paper").mirror
    policy, batch = Mirror(config).execute.cuda().eval(), scene(config.execute, 1).to("cuda")

    def act() -> None:
        with torch.inference_mode():
            policy(batch.executed, batch.instruction)
        torch.cuda.synchronize()

    for _ in range(WARM_UP):
        act()
    print(f"  greedy action, full size, float32: {1000 * _median(act, DECISIONS):.0f} ms")


def product_rate() -> float:
    """[FLOP/s] of a bfloat16 matrix product of random numbers."""
    a, b = torch.randn(2, SIDE, SIDE, device="cuda", dtype=torch.bfloat16)

    def multiply() -> None:
        torch.matmul(a, b)
        torch.cuda.synchronize()

    for _ in range(WARM_UP):
        multiply()
    return 2 * SIDE**3 / _median(multiply, TIMED)


def paired(config: MirrorConfig, rows: int) -> MirrorBatch:
    """Clouds of a table with boxes, and clips of noise with words of noise; every row a class."""
    generator = torch.Generator().manual_seed(1)
    video, text = config.understand.video, config.understand.text
    shape = (rows, video.num_frames, 3, video.px, video.px)
    frames = torch.rand(shape, generator=generator)
    caption = torch.randint(1, 400, (rows, text.context), generator=generator)
    acted = scene(config.execute, rows)
    observed = Observed(frames, caption, torch.arange(rows))
    return MirrorBatch(acted.executed, acted.instruction, acted.target, observed)


def _plan(config: TrainConfig) -> StepPlan:
    return StepPlan(
        step=0,
        mask_ratio=config.mask_ratio(0),
        max_grad_norm=config.optimizer.max_grad_norm,
        generator=step_generator(0, 0, 0),
        stop=False,
    )


def _median(function, repeats: int) -> float:
    """[s] by the clock, of a call that waits for the GPU."""
    taken = []
    for _ in range(repeats):
        watch = Stopwatch()
        function()
        taken.append(watch.read().wall)
    return statistics.median(taken)


def _name(rows: int, clips: bool) -> str:
    what = "both towers and the alignment" if clips else "the policy alone"
    return f"one update of preset paper, {what}, {rows} rows"
