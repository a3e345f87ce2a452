import pytest
import torch
from torch import nn

from premotor import presets
from premotor.errors import ConfigError
from premotor.train.optim import (
    OptimizerConfig,
    build_optimizer,
    clip_gradients,
    factors,
    parameter_groups,
    set_learning_rate,
)
from premotor.understand.recognizer import Recognizer

UNDERSTAND = (
    "vision_encoder.tower.stem.conv_half.weight",
    "vision_encoder.tower.conv1.weight",
    "vision_encoder.tower.ln_pre.weight",
    "vision_encoder.tower.transformer.resblocks.0.ln_1.weight",
    "vision_encoder.tower.transformer.resblocks.1.ln_1.weight",
    "vision_encoder.tower.ln_post.weight",
    "vision_encoder.tower.proj",
    "text_encoder.transformer.resblocks.0.ln_1.weight",
)
NAMES = ["adamw", "lamb", "lamb_capped", "muon"]


def towers() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return {name: nn.Linear(4, 3) for name in ("understand", "execute", "align")}


def test_each_tower_has_matrices_and_vectors_apart():
    groups = parameter_groups(towers(), OptimizerConfig(understand_factor=0.5))
    assert [(g["tower"], g["weight_decay"], g["factor"]) for g in groups] == [
        ("understand", 1e-4, 0.5),
        ("understand", 0.0, 0.5),
        ("execute", 1e-4, 1.0),
        ("execute", 0.0, 1.0),
        ("align", 1e-4, 1.0),
        ("align", 0.0, 1.0),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_tower_without_gradients_stays_where_it_is(name: str):
    modules = towers()
    optimizer = build_optimizer(modules, OptimizerConfig(name=name))  # type: ignore[arg-type]
    before = {k: m.weight.detach().clone() for k, m in modules.items()}
    modules["execute"](torch.ones(2, 4)).sum().backward()
    optimizer.step()
    assert torch.equal(before["understand"], modules["understand"].weight)
    assert not torch.equal(before["execute"], modules["execute"].weight)


@pytest.mark.parametrize("name", NAMES)
def test_state_goes_to_disk_and_back_bit_for_bit(name: str):
    config = OptimizerConfig(name=name, learning_rate=0.1)  # type: ignore[arg-type]

    def move(modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer, steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            (modules["execute"](torch.ones(2, 4)) ** 2).sum().backward()
            optimizer.step()

    straight = towers()
    move(straight, build_optimizer(straight, config), 4)
    stopped = towers()
    first = build_optimizer(stopped, config)
    move(stopped, first, 2)
    second = build_optimizer(stopped, config)
    second.load_state_dict(first.state_dict())
    move(stopped, second, 2)
    assert torch.equal(straight["execute"].weight, stopped["execute"].weight)


def test_learning_rate_is_times_the_factor_of_the_tower():
    optimizer = build_optimizer(towers(), OptimizerConfig(align_factor=3.0))
    set_learning_rate(optimizer, 0.2)
    rates = {g["tower"]: g["lr"] for g in optimizer.param_groups}
    assert rates == pytest.approx({"understand": 0.2, "execute": 0.2, "align": 0.6})


def test_video_layers_learn_less_the_nearer_they_are_to_the_pixels_and_text_by_itself():
    config = OptimizerConfig(understand_factor=0.1, text_factor=0.01, layer_decay=0.5)
    found = factors("understand", UNDERSTAND, config)
    expected = [0.1 * x for x in (1 / 8, 1 / 8, 1 / 8, 1 / 4, 1 / 2, 1.0, 1.0, 0.01)]
    assert list(found.values()) == pytest.approx(expected)
    assert set(factors("execute", UNDERSTAND, config).values()) == {1.0}


def test_factors_part_the_groups_of_the_recognizer_and_lose_no_weight():
    recognizer = Recognizer(presets.train_preset("nano").mirror.understand)
    config = OptimizerConfig(text_factor=0.01, layer_decay=0.5)
    groups = parameter_groups({"understand": recognizer}, config)
    assert sum(len(g["params"]) for g in groups) == len(list(recognizer.parameters()))
    assert sorted({g["factor"] for g in groups}) == [0.01, 1 / 8, 1 / 4, 1 / 2, 1.0]
    text = {id(p) for p in recognizer.text_encoder.parameters()}
    slow = [p for g in groups if g["factor"] == 0.01 for p in g["params"]]
    assert {id(p) for p in slow} == text
    assert len(parameter_groups({"understand": recognizer}, OptimizerConfig())) == 2


def test_towers_are_clipped_each_by_itself():
    modules = towers()
    optimizer = build_optimizer(modules, OptimizerConfig())
    loss = modules["understand"](torch.ones(1, 4)).sum() * 100
    (loss + modules["execute"](torch.ones(1, 4)).sum() * 0.01).backward()
    small = modules["execute"].weight.grad.clone()
    norms = clip_gradients(optimizer, 1.0)
    assert set(norms) == {"understand", "execute"}
    assert norms["understand"] > 100
    assert torch.equal(modules["execute"].weight.grad, small)
    length = torch.cat([p.grad.flatten() for p in modules["understand"].parameters()]).norm()
    assert float(length) == pytest.approx(1.0, rel=1e-4)


def test_capped_lamb_never_moves_a_zero_tensor_and_lamb_does():
    for name, moves in (("lamb", True), ("lamb_capped", False)):
        module = nn.Linear(2, 2)
        nn.init.zeros_(module.weight)
        optimizer = build_optimizer({"execute": module}, OptimizerConfig(name=name))  # type: ignore[arg-type]
        module(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        assert bool(module.weight.any()) is moves


def test_nonsense_is_refused():
    with pytest.raises(ConfigError, match="must lie in"):
        OptimizerConfig(betas=(0.9, 1.0))
    with pytest.raises(ConfigError, match="try 2e-3"):
        OptimizerConfig(learning_rate=0.0)
    with pytest.raises(ConfigError, match=r"try 0\.75"):
        OptimizerConfig(layer_decay=0.0)
    with pytest.raises(ConfigError, match=r"try 0\.02"):
        OptimizerConfig(matrix_learning_rate=0.0)
    for wrong in ({"momentum": 1.0}, {"newton_schulz_steps": 0}, {"newton_schulz_steps": 100}):
        with pytest.raises(ConfigError, match=r"try 0\.95 and 5"):
            OptimizerConfig(**wrong)
