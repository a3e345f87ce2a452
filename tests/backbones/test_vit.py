import pytest
import torch

from premotor.backbones.attention import drop_path
from premotor.backbones.vit import VideoTransformer, VideoTransformerConfig, random_keep
from premotor.errors import ConfigError

SMALL = VideoTransformerConfig(
    px=16, patch=4, num_frames=4, tubelet=2, width=16, layers=3, heads=2, embed_dim=8
)


@pytest.fixture
def tower() -> VideoTransformer:
    torch.manual_seed(0)
    return VideoTransformer(SMALL).eval()


@pytest.fixture
def clip() -> torch.Tensor:
    return torch.randn(2, 3, 4, 16, 16, generator=torch.Generator().manual_seed(1))


def test_the_class_only_last_block_gives_the_class_token_of_the_full_one(tower, clip):
    torch.testing.assert_close(tower(clip), tower.tokens(clip)[:, 0])


def test_patches_are_embedded_as_the_convolution_embeds_them(tower, clip):
    embedded = tower.embed(clip)
    by_convolution = tower.conv1(clip).permute(0, 3, 4, 2, 1).flatten(1, 3)  # row, column, time
    spatial = tower.positional_embedding[1:].repeat_interleave(2, dim=0)
    temporal = tower.temporal_positional_embedding[0].repeat(16, 1)
    expected = tower.ln_pre(by_convolution + spatial + temporal)
    torch.testing.assert_close(embedded[:, 1:], expected)


def test_choosing_before_embedding_equals_choosing_after(tower, clip):
    keep = random_keep(2, 32, 0.6, torch.Generator().manual_seed(2))
    chosen = tower.embed(clip, keep)
    every = tower.embed(clip)
    after = every[:, 1:].gather(1, keep[..., None].expand(-1, -1, 16))
    torch.testing.assert_close(chosen[:, 1:], after)
    torch.testing.assert_close(chosen[:, 0], every[:, 0])


def test_dropped_patches_do_not_matter(tower, clip):
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


def test_the_order_of_frames_matters_only_through_the_temporal_table(tower, clip):
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
