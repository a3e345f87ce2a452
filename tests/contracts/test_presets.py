"""What every preset promises."""

import dataclasses

import pytest
import torch

from premotor import presets
from premotor.backbones.tokenizer import Tokenizer, token_ids
from premotor.batch import Executed, MirrorBatch, Observed, Target
from premotor.data.augment import AugmentConfig
from premotor.errors import UnknownName
from premotor.mirror import Mirror
from premotor.simulate.tasks import ALL_TASKS
from premotor.train.config import TrainConfig
from premotor.train.gradients import by_loss
from premotor.train.optim import build_optimizer
from premotor.train.step import Objective, StepPlan, step_generator, train_step


def made_up(config: TrainConfig, rows: int) -> MirrorBatch:
    """A batch of the shapes a preset asks for."""
    draw = torch.Generator().manual_seed(0)
    points = torch.rand(rows, 500, 3, generator=draw) * 0.6 + torch.tensor([-0.1, -0.3, 0.75])
    video, state_dim = config.mirror.understand.video, config.mirror.execute.state_dim
    texts = [f"push the {color} button" for color in ("red", "green", "blue")[:rows]]
    said = Tokenizer(config.mirror.understand.text.context).encode(texts)
    read = Tokenizer(config.mirror.execute.text.context).encode(texts)
    return MirrorBatch(
        Executed(points, torch.rand(rows, 500, 3, generator=draw), torch.rand(rows, state_dim)),
        read,
        Target(
            points[:, 7].clone(),
            torch.tensor([[0.0, 1.0, 0.0, 0.0]]).repeat(rows, 1),
            torch.arange(rows) % 2,
            torch.ones(rows, dtype=torch.int64),
        ),
        Observed(
            torch.rand(rows, video.num_frames, 3, video.px, video.px, generator=draw),
            said,
            torch.arange(rows),
            classes=said if config.mirror.understand.needs_classes else None,
        ),
    )


def descend(config: TrainConfig, steps: int, rows: int) -> list[dict[str, float]]:
    torch.manual_seed(0)
    mirror = Mirror(config.mirror)
    objective = Objective(mirror, config.augment).train()
    optimizer = build_optimizer(mirror.towers, config.optimizer)
    batch, each = made_up(config, rows), by_loss(mirror, config.optimizer)
    losses = []
    for step in range(steps):
        plan = StepPlan(step, 0.0, 1.0, step_generator(0, step, 0), stop=False, each=each)
        losses.append(train_step(objective, optimizer, batch, plan).losses)
    return losses


@pytest.mark.parametrize("name", [name for name in presets.TRAIN if name != "paper"])
def test_every_preset_builds_and_takes_a_step(name: str):
    (losses,) = descend(presets.train_preset(name), steps=1, rows=2)
    assert {"total", "understand", "execute", "align", "coarse", "collision"} <= set(losses)
    assert all(torch.isfinite(torch.tensor(v)) for v in losses.values())


def test_paper_has_the_released_sizes_to_the_parameter():
    config = presets.train_preset("paper").mirror
    with torch.device("meta"):
        mirror = Mirror(config)
    trunks = [sum(p.numel() for p in trunk.parameters()) for trunk in mirror.execute.trunks]
    assert trunks == [34_033_728, 34_033_728]  # ARP as released
    named = mirror.execute.named_parameters()
    assert sum(p.numel() for name, p in named if not name.startswith("text.")) == 72_115_622
    assert (config.understand.u_dim, config.execute.e_dim) == (768, 384)
    assert mirror.align.latent_dim == 1024
    tokens = config.execute.tokens
    assert (tokens.cross_depth + tokens.self_depth, tokens.chunk) == (8, 2)  # the paper's table


def test_paper_follows_the_recipe_of_the_table():
    config = presets.train_preset("paper")
    assert (config.steps, config.eval_every, config.pairing.batch_size) == (80_000, 10_000, 192)
    assert config.optimizer.name == "lamb"
    assert config.optimizer.learning_rate == pytest.approx(2.4e-3)
    assert sum(config.pairing.paired(step) for step in range(1000)) == 200  # 20 %
    assert [config.mask_ratio(step) for step in (0, 63_999, 64_000, 79_999)] == [0.5, 0.5, 0, 0]
    assert config.mirror.understand.video.drop_path == 0.1
    assert config.augment.yaw == 45.0
    assert config.optimizer.learning_rate * config.optimizer.align_factor == pytest.approx(1e-4)


@pytest.mark.parametrize("name", presets.TRAIN)
def test_every_preset_pairs_by_instruction_as_the_paper_does(name: str):
    config = presets.train_preset(name)
    align, pairing = config.mirror.align, config.pairing
    assert (align.weight, align.temperature, pairing.partner) == (0.5, 0.1, "instruction")
    assert pairing.block is not None
    assert pairing.block.rows == pairing.pair_batch_size


@pytest.mark.slow
def test_nano_overfits_one_batch():
    config = presets.train_preset("nano")
    still = dataclasses.replace(config, augment=AugmentConfig(shift=0.0, yaw=0.0, color=0.0))
    losses = descend(still, steps=150, rows=3)
    assert losses[-1]["align"] < 0.3 * losses[0]["align"]
    assert losses[-1]["understand"] < 0.3 * losses[0]["understand"]
    assert losses[-1]["execute"] < 0.6 * losses[0]["execute"]


@pytest.mark.parametrize("task", sorted(ALL_TASKS))
@pytest.mark.parametrize("name", list(presets.TRAIN))
def test_no_instruction_is_longer_than_a_preset_reads(name: str, task: str):
    mirror = presets.train_preset(name).mirror
    rules = ALL_TASKS[task]
    texts = [rules.instructions(variation) for variation in rules.variations]
    Tokenizer(mirror.execute.text.context).encode([first for first, *_ in texts])
    for said in texts:
        Tokenizer(mirror.understand.text.context).encode(said)


@pytest.mark.parametrize("task", sorted(ALL_TASKS))
def test_no_word_of_any_instruction_shares_its_row_with_others_in_the_small_presets(task: str):
    rules = ALL_TASKS[task]
    said = {text for variation in rules.variations for text in rules.instructions(variation)}
    used = {i for text in said for i in token_ids(text)}
    for name in ("nano", "tiny", "small"):
        mirror = presets.train_preset(name).mirror
        for text in (mirror.understand.text, mirror.execute.text):
            assert used <= set(text.vocabulary)


def test_a_preset_is_known_by_its_name():
    assert all(config.preset == name for name, config in presets.TRAIN.items())
    with pytest.raises(UnknownName, match="did you mean 'tiny'"):
        presets.train_preset("tinny")
