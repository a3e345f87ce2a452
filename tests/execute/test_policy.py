import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from make import well_grounded
from premotor.backbones.frozen_text import FrozenTextConfig
from premotor.backbones.text import TextConfig, TextTower
from premotor.batch import Executed, Target
from premotor.errors import ConfigError
from premotor.execute.config import (
    ExecuteConfig,
    HeatmapConfig,
    TokensConfig,
    TrunkConfig,
    ViewsConfig,
    WordsConfig,
)
from premotor.execute.decode import keyframes
from premotor.execute.loss import TERMS, execute_losses
from premotor.execute.policy import Policy
from premotor.train.optim import OptimizerConfig, build_optimizer

torch.set_num_threads(1)
TEXT = TextConfig(context=8, vocabulary=tuple(range(30)), width=16, layers=1, heads=2, embed_dim=16)
TOKENS = TokensConfig(heads=2, cross_depth=1, self_depth=1, mlp_ratio=2, dropout=0.0)
FROZEN = FrozenTextConfig(weights=Path("clip.pt"))
HEADS = TextConfig(context=77, heads=4)
SMALL = TextConfig(context=77, vocabulary=(1, 2))
NANO = ExecuteConfig(
    views=ViewsConfig(size=16, stride=2, fine_radius=1.5),
    trunk=TrunkConfig(
        stem="convolutional",
        stem_dims=(8, 16),
        embed_dim=16,
        width=16,
        heads=2,
        per_view_depth=0,
        joint_depth=1,
        mlp_ratio=2,
        gated=False,
        final_norm=True,
        dropout=0.0,
    ),
    heatmap=HeatmapConfig(upsampler="skip", mean_window=3),
    tokens=replace(TOKENS, label_sigma=1.0, mean_window=5, shortcut_dim=8),
    words=WordsConfig(slots=3, match_dim=8),
    text=TEXT,
    coarse_context=True,
)
GROUNDED = well_grounded(NANO)
ONE_STAGE = replace(NANO, coarse_context=False, stages=1)
PATCHIFY = ExecuteConfig(
    views=ViewsConfig(size=16),
    trunk=TrunkConfig(patch=4, embed_dim=16, width=32, heads=2, per_view_depth=1, joint_depth=1),
    tokens=TOKENS,
    text=TEXT,
)
THREE, NAMES = (NANO, PATCHIFY, GROUNDED), ("convolutional", "patchify", "grounded")


def batch(size: int = 2, num_points: int = 400) -> tuple[Executed, torch.Tensor, Target]:
    generator = torch.Generator().manual_seed(0)
    low = torch.tensor([-0.3, -0.5, 0.6])
    points = low + torch.rand(size, num_points, 3, generator=generator)
    points[:, -7:] = torch.nan
    colors = torch.rand(size, num_points, 3, generator=generator)
    executed = Executed(points, colors, torch.rand(size, 3, generator=generator))
    quaternion = torch.nn.functional.normalize(torch.rand(size, 4, generator=generator), dim=1)
    target = Target(
        points[:, 0].clone(),
        quaternion,
        torch.arange(size) % 2,
        (torch.arange(size) + 1) % 2,
    )
    return executed, torch.randint(1, 30, (size, 8), generator=generator), target


@pytest.mark.parametrize("config", THREE, ids=NAMES)
def test_every_part_of_the_policy_learns_from_one_batch(config):
    torch.manual_seed(0)
    policy = Policy(config)
    executed, words, target = batch()
    output = policy(executed, words, target, torch.Generator().manual_seed(0))
    losses = execute_losses(output, target, config)
    losses.total.backward()
    assert tuple(losses.terms) == TERMS
    assert torch.isfinite(losses.total)
    blind = [n for n, p in policy.named_parameters() if p.requires_grad and p.grad is None]
    assert blind == []
    assert output.e.shape == (2, config.e_dim)
    assert output.coarse.shape == output.fine.shape == (2, 3, 16, 16)
    assert output.position is None


@pytest.mark.parametrize("config", [*THREE, ONE_STAGE], ids=[*NAMES, "one stage"])
def test_inference_says_a_keyframe_inside_the_scene_for_each_sample(config):
    policy = Policy(config).eval()
    executed, words, _ = batch()
    with torch.no_grad():
        output = policy(executed, words)
    said = keyframes(output, config)
    assert len(said) == 2
    for keyframe in said:
        assert abs(float((keyframe.end_effector.quaternion**2).sum()) - 1.0) < 1e-6
        assert -0.5 < keyframe.end_effector.position[0] < 0.9


def test_without_a_zoom_stage_every_other_part_learns_and_e_is_of_the_whole_scene():
    torch.manual_seed(0)
    policy = Policy(ONE_STAGE)
    executed, words, target = batch()
    output = policy(executed, words, target, torch.Generator().manual_seed(0))
    losses = execute_losses(output, target, ONE_STAGE)
    losses.total.backward()
    assert tuple(losses.terms) == tuple(term for term in TERMS if term != "fine")
    assert output.fine is None
    assert not output.zoom_center.any()
    assert [n for n, p in policy.named_parameters() if p.requires_grad and p.grad is None] == []
    assert (len(policy.trunks), len(policy.heads)) == (1, 1)
    coarse = replace(ONE_STAGE, e_source="coarse_max")
    policy.config = coarse
    again = policy(executed, words, target, torch.Generator().manual_seed(0))
    assert torch.equal(again.e, output.e)


@pytest.mark.parametrize("num_points", [0, 400], ids=["no points", "only NaN"])
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("config", THREE, ids=NAMES)
def test_an_empty_cloud_never_becomes_nan(config, training, num_points):
    torch.manual_seed(0)
    policy = Policy(config).train(training)
    executed, words, target = batch()
    nothing = torch.full((2, num_points, 3), torch.nan)
    empty = Executed(nothing, executed.colors[:, :num_points], executed.proprioception)
    output = policy(empty, words, target, torch.Generator().manual_seed(0))
    losses = execute_losses(output, target, config)
    losses.total.backward()
    assert torch.isfinite(losses.total)
    gradients = [p.grad for p in policy.parameters() if p.grad is not None]
    assert all(torch.isfinite(g).all() for g in gradients)
    with torch.no_grad():
        said = policy(empty, words)
    tensors = [v for v in vars(said).values() if isinstance(v, torch.Tensor)]
    assert len(tensors) == 10
    assert all(torch.isfinite(v).all() for v in tensors)
    assert len(keyframes(said, config)) == 2


def test_a_teacher_forced_output_is_no_keyframe():
    policy = Policy(NANO).eval()
    with pytest.raises(ConfigError, match="without target"):
        keyframes(policy(*batch()), NANO)


@pytest.mark.slow
@pytest.mark.parametrize("config", [NANO, ONE_STAGE], ids=["zoomed", "one stage"])
def test_a_nano_policy_overfits_one_batch(config):
    torch.manual_seed(0)
    policy = Policy(config)
    executed, words, target = batch()
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=5e-3)
    for _ in range(250):
        losses = execute_losses(policy(executed, words, target, generator), target, config)
        losses.total.backward()
        optimizer.step()
        optimizer.zero_grad()
    policy.eval()
    with torch.no_grad():
        output = policy(executed, words)
    assert output.position is not None
    pixel = 1.0 / (config.views.size * config.last_zoom)  # [m]
    assert (output.position - target.position).norm(dim=1).max() < 2.0 * pixel
    assert torch.equal(output.gripper.argmax(1), target.gripper_open)
    assert torch.equal(output.collision.argmax(1), target.ignore_collisions)


@pytest.mark.parametrize("source", ["fine_max", "coarse_max", "both_max", "prompts", "queries"])
def test_e_has_the_width_its_source_promises(source):
    config = replace(NANO, e_source=source)
    policy = Policy(config).eval()
    executed, words, _ = batch()
    with torch.no_grad():
        assert policy(executed, words).e.shape == (2, config.e_dim)


def test_weights_of_before_fit_a_policy_without_the_new_parts_and_are_named_where_they_do_not():
    before = set(Policy(NANO).state_dict())
    now = set(Policy(GROUNDED).state_dict())
    parts = {name.split(".")[0] for name in before ^ now}
    assert parts == {"patches", "trunks"}
    assert all(name.startswith("patches.") or ".stem.match." in name for name in before ^ now)


def test_the_default_sizes_are_the_released_ones_to_the_parameter():
    with torch.device("meta"):
        policy = Policy(ExecuteConfig())
    parameters = {name: p.numel() for name, p in policy.named_parameters()}
    text = sum(n for name, n in parameters.items() if name.startswith("text."))
    assert sum(parameters.values()) - text == 72_115_622  # ARP as released


def test_e_depends_on_the_words():
    torch.manual_seed(0)
    policy = Policy(NANO).eval()
    executed, words, _ = batch()
    with torch.no_grad():
        spoken, blank = policy(executed, words).e, policy(executed, torch.zeros_like(words)).e
    assert (spoken - blank).abs().max() > 1e-4


def test_a_sample_does_not_depend_on_its_neighbors_in_the_batch():
    torch.manual_seed(0)
    policy = Policy(NANO).eval()
    executed, words, _ = batch()
    alone = Executed(executed.points[1:], executed.colors[1:], executed.proprioception[1:])
    with torch.no_grad():
        both, one = policy(executed, words), policy(alone, words[1:])
    torch.testing.assert_close(both.e[1:], one.e, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(both.coarse[1:], one.coarse, atol=1e-4, rtol=1e-4)


def test_training_noise_comes_from_the_generator_alone():
    torch.manual_seed(0)
    policy = Policy(NANO)
    executed, words, target = batch()
    centers = [
        policy(executed, words, target, torch.Generator().manual_seed(seed)).zoom_center
        for seed in (1, 1, 2)
    ]
    assert torch.equal(centers[0], centers[1])
    assert not torch.equal(centers[0], centers[2])


def frozen_nano(path: Path) -> ExecuteConfig:
    """NANO that reads words by a tower of CLIP's layout, written to `path`."""
    sizes = TextConfig(context=8, vocab_size=30, width=64, layers=1, heads=1, embed_dim=16)
    save_file({k: v.half() for k, v in TextTower(sizes).state_dict().items()}, path)
    return replace(NANO, text=sizes, frozen_text=FrozenTextConfig(weights=path))


def test_a_policy_learns_from_frozen_words_and_leaves_them_alone(tmp_path: Path):
    torch.manual_seed(0)
    config = frozen_nano(tmp_path / "clip.safetensors")
    policy = Policy(config)
    executed, words, target = batch()
    optimizer = build_optimizer({"execute": policy}, OptimizerConfig(learning_rate=0.01))
    before = policy.text.tokens(words).clone()
    losses = []
    for _ in range(6):
        output = policy(executed, words, target, torch.Generator().manual_seed(0))
        loss = execute_losses(output, target, config).total
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0]
    assert torch.equal(policy.text.tokens(words), before)
    assert [n for n, _ in policy.named_parameters() if n.startswith("text.")] == []
    assert [n for n, p in policy.named_parameters() if p.grad is None] == []
    assert [n for n in policy.state_dict() if n.startswith("text.")] == ["text.sha256"]


def test_frozen_words_act_as_those_of_a_trained_tower_of_equal_weights(tmp_path: Path):
    config = frozen_nano(tmp_path / "clip.safetensors")
    frozen = Policy(config).eval()
    trained = Policy(replace(config, frozen_text=FrozenTextConfig())).eval()
    weights = {k: v for k, v in frozen.state_dict().items() if not k.startswith("text.")}
    tower = load_file(tmp_path / "clip.safetensors")
    trained.load_state_dict(weights | {f"text.{k}": v.float() for k, v in tower.items()})
    executed, words, _ = batch()
    with torch.no_grad():
        found, expected = frozen(executed, words), trained(executed, words)
    torch.testing.assert_close(found.e, expected.e, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda: ViewsConfig(zoom=0.5), "views.zoom"),
        (lambda: ViewsConfig(center_noise=0.5), "views.center_noise"),
        (lambda: TrunkConfig(width=30, heads=4), "trunk.heads"),
        (lambda: HeatmapConfig(mean_window=4), "heatmap.mean_window"),
        (lambda: TokensConfig(chunk=3), "tokens.chunk"),
        (lambda: TokensConfig(input_noise=(0.5, 0.1, 0.1)), "tokens.input_noise"),
        (lambda: HeatmapConfig(coarse_weight=-1.0), "heatmap.coarse_weight"),
        (lambda: HeatmapConfig(coarse_weight=math.nan), "heatmap.coarse_weight"),
        (lambda: TokensConfig(patch=2), "tokens.patch must be odd"),
        (lambda: TokensConfig(patch=1001), "tokens.patch must be odd, at most 31"),
        (lambda: WordsConfig(match_dim=4), "words.match_dim"),
        (lambda: WordsConfig(slots=4, match_by="table"), "words.match_by"),
        (lambda: ExecuteConfig(tokens=TokensConfig(patch=3)), "tokens.patch .* convex"),
        (lambda: ExecuteConfig(views=ViewsConfig(size=225)), "views.size"),
        (lambda: ExecuteConfig(heatmap=HeatmapConfig(upsampler="skip")), "heatmap.upsampler"),
        (lambda: ExecuteConfig(text=HEADS, frozen_text=FROZEN), r"text.heads must be .* = 8, as"),
        (lambda: ExecuteConfig(text=SMALL, frozen_text=FROZEN), "text.vocabulary must be ()"),
        (lambda: ExecuteConfig(stages=1, coarse_context=True), "coarse_context"),
        (lambda: ExecuteConfig(stages=1, e_source="both_max"), "e_source"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused_by_name(build, name):
    with pytest.raises(ConfigError, match=name):
        build()
