from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from premotor.backbones.attention import drop_path
from premotor.backbones.vit import VideoTransformer, VideoTransformerConfig, random_keep
from premotor.errors import ConfigError

SMALL = VideoTransformerConfig(
    px=16, patch=4, num_frames=4, tubelet=2, width=16, layers=3, heads=2, embed_dim=8
)


FRAMES = replace(SMALL, stem="convolutional", stem_dims=(8, 12), stem_input="frames")
CHANGES = replace(FRAMES, stem_input="frames_and_changes")


def built(config: VideoTransformerConfig) -> VideoTransformer:
    torch.manual_seed(0)
    return VideoTransformer(config).eval()


@pytest.fixture
def tower() -> VideoTransformer:
    return built(SMALL)


@pytest.fixture(params=[SMALL, FRAMES, CHANGES], ids=["patchify", "frames", "changes"])
def any_tower(request: pytest.FixtureRequest) -> VideoTransformer:
    return built(request.param)


@pytest.fixture
def clip() -> torch.Tensor:
    return torch.randn(2, 3, 4, 16, 16, generator=torch.Generator().manual_seed(1))


def test_the_class_only_last_block_gives_the_class_token_of_the_full_one(any_tower, clip):
    torch.testing.assert_close(any_tower(clip), any_tower.tokens(clip)[:, 0])


def test_patches_are_embedded_as_the_convolution_embeds_them(tower, clip):
    embedded = tower.embed(clip)
    by_convolution = tower.conv1(clip).permute(0, 3, 4, 2, 1).flatten(1, 3)  # row, column, time
    spatial = tower.positional_embedding[1:].repeat_interleave(2, dim=0)
    temporal = tower.temporal_positional_embedding[0].repeat(16, 1)
    expected = tower.ln_pre(by_convolution + spatial + temporal)
    torch.testing.assert_close(embedded[:, 1:], expected)


def convolved(x: Tensor, layer: torch.nn.Conv2d) -> Tensor:
    """One picture; every place of the kernel in turn."""
    side, padding = layer.kernel_size[0], layer.padding[0]
    x = F.pad(x, (padding,) * 4)
    places = range(0, x.shape[-1] - side + 1, 2)
    rows = [
        torch.stack(
            [(layer.weight * x[:, i : i + side, j : j + side]).sum((1, 2, 3)) for j in places], -1
        )
        for i in places
    ]
    return torch.stack(rows, -2) + layer.bias[:, None, None]


def activated(x: Tensor, norm: torch.nn.GroupNorm) -> Tensor:
    """Four groups of channels of one picture, each to mean 0 and deviation 1; then SiLU."""
    parts = [
        (part - part.mean()) / (part.var(correction=0) + norm.eps).sqrt() for part in x.chunk(4)
    ]
    x = torch.cat(parts) * norm.weight[:, None, None] + norm.bias[:, None, None]
    return x * torch.sigmoid(x)


@pytest.mark.parametrize("config", [FRAMES, CHANGES], ids=["frames", "changes"])
@pytest.mark.parametrize("frames", [2, 4])
def test_the_convolutional_stem_is_what_loops_compute(config, frames, clip):
    tower, clip = built(replace(config, patch=8)), clip[:, :, :frames]
    for norm in (tower.stem.norm_half, tower.stem.norm_quarter):
        torch.nn.init.normal_(norm.weight)
        torch.nn.init.normal_(norm.bias)
    filters = tower.conv1.weight.flatten(1)
    when = tower.temporal_positional_embedding[0]
    when = when if frames == 4 else when.mean(0, keepdim=True)
    for row, video in enumerate(clip):
        maps = []
        for step in range(frames // 2):
            seen = [video[c, 2 * step + f] for c in range(3) for f in range(2)]
            if config is CHANGES:
                first = video[:, 0]
                seen += [video[c, 2 * step + f] - first[c] for c in range(3) for f in range(2)]
            x = activated(convolved(torch.stack(seen), tower.stem.conv_half), tower.stem.norm_half)
            maps.append(activated(convolved(x, tower.stem.conv_quarter), tower.stem.norm_quarter))
        tokens = [
            filters @ x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].flatten()
            + tower.positional_embedding[1 + 2 * i + j]
            + when[step]
            for i in range(2)
            for j in range(2)
            for step, x in enumerate(maps)
        ]
        found = tower.embed(clip)[row, 1:]
        torch.testing.assert_close(found, tower.ln_pre(torch.stack(tokens)), atol=1e-5, rtol=1e-4)


def test_the_gradient_reaches_every_weight_before_the_blocks(any_tower, clip):
    keep = random_keep(2, 32, 0.6, torch.Generator().manual_seed(2))
    any_tower(clip, keep).square().sum().backward()
    weights = [*any_tower.stem.parameters(), any_tower.conv1.weight]
    assert len(weights) == (1 if any_tower.config.stem == "patchify" else 9)
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in weights)


def test_the_released_tower_has_no_weights_of_a_stem(tower):
    assert not [name for name in tower.state_dict() if "stem" in name]


def test_a_still_clip_has_no_changes_and_a_single_frame_neither(clip):
    tower = built(CHANGES)
    still = clip[:, :, :1].expand(-1, -1, 4, -1, -1)
    with torch.no_grad():
        before = tower(still), tower(still[:, :, :2]), tower(clip)
        tower.stem.conv_half.weight[:, 6:].zero_()  # that which reads changes
        after = tower(still), tower(still[:, :, :2]), tower(clip)
    assert [torch.allclose(a, b) for a, b in zip(before, after, strict=True)] == [True, True, False]


def test_choosing_before_embedding_equals_choosing_after(any_tower, clip):
    tower = any_tower
    keep = random_keep(2, 32, 0.6, torch.Generator().manual_seed(2))
    chosen = tower.embed(clip, keep)
    every = tower.embed(clip)
    after = every[:, 1:].gather(1, keep[..., None].expand(-1, -1, 16))
    torch.testing.assert_close(chosen[:, 1:], after)
    torch.testing.assert_close(chosen[:, 0], every[:, 0])


def test_dropped_time_steps_do_not_matter(any_tower, clip):
    tower = any_tower
    keep = torch.arange(0, 32, 2).expand(2, -1)  # the first time step of both
    changed = clip.clone()
    changed[:, :, 2:] = 9.0
    torch.testing.assert_close(tower(clip, keep), tower(changed, keep))
    assert not torch.allclose(tower(clip), tower(changed))


def test_masks_are_ascending_subsets_of_the_right_size_that_differ_between_samples():
    keep = random_keep(3, 10, 0.55, torch.Generator().manual_seed(0))
    assert keep.shape == (3, 5)
    assert (keep.diff(dim=1) > 0).all()
    assert len({tuple(row) for row in keep.tolist()}) == 3


def test_masks_repeat_with_their_generator():
    first, again = (random_keep(4, 20, 0.5, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, again)


@pytest.mark.parametrize("config", [SMALL, FRAMES], ids=["patchify", "frames"])
def test_the_order_of_frames_matters_only_through_the_temporal_table(config, clip):
    tower = built(config)
    backwards = clip.unflatten(2, (2, 2)).flip(2).flatten(2, 3)  # time steps swapped
    assert not torch.allclose(tower(clip), tower(backwards))
    torch.nn.init.zeros_(tower.temporal_positional_embedding)
    torch.testing.assert_close(tower(clip), tower(backwards))


def test_drop_path_drops_whole_samples_and_keeps_the_mean():
    x = torch.ones(4000, 3, 2)
    dropped = drop_path(x, 0.25, torch.Generator().manual_seed(0))
    per_sample = dropped.flatten(1)
    assert (per_sample == per_sample[:, :1]).all()
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.05)
    assert drop_path(x, 0.25, None) is x


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"px": 100}, "multiple of video.patch"),
        ({"num_frames": 5, "tubelet": 2}, "multiple of tubelet"),
        ({"drop_path": 1.0}, "drop_path"),
        (
            {"px": 224, "patch": 14, "stem": "convolutional"},
            "multiple of 4 with the convolutional stem, .* got 14; try 16",
        ),
        ({"stem_dims": (24, 50)}, r"multiples of 4 .* got \(24, 50\); try \(24, 48\)"),
        ({"stem_dims": (0, 48)}, r"from 4 to 32768, got \(0, 48\)"),
        ({"width": 100, "heads": 12}, "divisible"),
    ],
)
def test_sizes_that_cannot_be_meant_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        VideoTransformerConfig(**wrong)


def test_a_clip_of_another_size_is_refused(tower):
    with pytest.raises(ConfigError, match=r"takes \(3, 4, 16, 16\)"):
        tower(torch.zeros(1, 3, 8, 16, 16))


def test_a_mask_that_leaves_nothing_is_refused():
    with pytest.raises(ConfigError, match="mask_ratio"):
        random_keep(1, 4, 1.0, torch.Generator())


@pytest.mark.parametrize(
    ("config", "parameters", "keys"),
    [
        (VideoTransformerConfig(), 86_198_784, 153),
        (
            VideoTransformerConfig(patch=14, width=1024, layers=24, heads=16, embed_dim=768),
            303_974_400,
            297,
        ),
    ],
)
def test_full_sizes_have_the_published_number_of_parameters(config, parameters, keys):
    with torch.device("meta"):
        tower = VideoTransformer(config)
    assert sum(p.numel() for p in tower.parameters()) == parameters
    assert len(tower.state_dict()) == keys
