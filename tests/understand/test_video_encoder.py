import dataclasses

import pytest
import torch

from premotor.backbones.text import TextConfig
from premotor.backbones.vit import VideoTransformerConfig
from premotor.geometry.cameras import Window
from premotor.understand.config import UnderstandConfig
from premotor.understand.video_encoder import VideoEncoder, random_view, resize, within

VIDEO = VideoTransformerConfig(
    px=16, patch=8, num_frames=4, tubelet=2, width=32, layers=2, heads=2, embed_dim=24
)
SOURCES = ("pooled", "embed", "embed_unit", "tokens_mean", "tokens_time")


def configured(**changes) -> UnderstandConfig:
    return UnderstandConfig(video=VIDEO, text=TextConfig(embed_dim=24), **changes)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def frames() -> torch.Tensor:
    return torch.rand(3, 4, 3, 20, 24, generator=generator())


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_u_of_the_promised_width(frames, source):
    config = configured(u_source=source)
    encoder = VideoEncoder(config).eval()
    whole = encoder(frames)
    masked = encoder(frames, 0.5, generator())
    assert whole.u.shape == masked.u.shape == (3, config.u_dim)
    assert whole.video.shape == (3, 24)
    assert not torch.allclose(whole.u, masked.u)


def test_all_sources_read_the_same_network(frames):
    encoders = {}
    for source in SOURCES:
        torch.manual_seed(0)
        encoders[source] = VideoEncoder(configured(u_source=source)).eval()
    encoded = {source: encoder(frames) for source, encoder in encoders.items()}
    for source in SOURCES:
        torch.testing.assert_close(encoded[source].video, encoded["pooled"].video)
    by_time = encoded["tokens_time"].u.unflatten(1, (2, 32))
    torch.testing.assert_close(by_time.mean(1), encoded["tokens_mean"].u)
    torch.testing.assert_close(encoded["embed_unit"].u.norm(dim=1), torch.ones(3))


def test_means_per_time_count_kept_tokens_only(frames):
    encoder = VideoEncoder(configured(u_source="tokens_time")).eval()
    tokens = torch.arange(3 * 2.0).view(1, 3, 2)
    keep = torch.tensor([[0, 2, 4]])  # all of the first time step
    means = encoder._mean_per_time(tokens, keep)
    torch.testing.assert_close(means, torch.tensor([[2.0, 3.0, 0.0, 0.0]]))


def test_pixels_are_normalized_as_imagenet_is():
    encoder = VideoEncoder(configured()).eval()
    seen = []
    encoder.tower.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    gray = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1) + torch.tensor(0.1)
    encoder(gray.expand(1, 4, 3, 16, 16))
    expected = torch.tensor([0.1 / 0.229, 0.1 / 0.224, 0.1 / 0.225])
    torch.testing.assert_close(seen[0][0, :, 0, 3, 3], expected)


def test_resizing_keeps_range_and_leaves_the_right_size_alone(frames):
    resized = resize(frames, 16)
    assert resized.shape == (3, 4, 3, 16, 16)
    assert resized.min() >= 0.0
    assert resized.max() <= 1.0
    assert resize(resized, 16) is resized


def test_without_crop_and_brightness_the_random_view_is_the_clip():
    clip = torch.rand(2, 4, 3, 16, 16, generator=generator())
    same = random_view(clip, configured(crop_scale=1.0, brightness=0.0), generator())
    torch.testing.assert_close(same, clip, atol=1e-5, rtol=1e-5)


def test_nothing_outside_the_window_is_seen(frames):
    """Neither whole nor in a random crop."""
    config = configured(window=Window(top=0.25, left=0.5))
    other = frames.clone()
    other[..., :5, :] = 0.0
    other[..., :12] = 1.0
    torch.manual_seed(0)
    encoder = VideoEncoder(config).eval()
    assert torch.equal(encoder(frames).video, encoder(other).video)
    for seed in range(5):
        draws = (torch.Generator().manual_seed(seed) for _ in range(2))
        one, two = (encoder(f, 0.5, g).video for f, g in zip((frames, other), draws, strict=True))
        assert torch.equal(one, two)
    inside = frames.clone()
    inside[..., 5:, 12:] = 0.5
    assert not torch.allclose(encoder(frames).video, encoder(inside).video)


def test_all_of_the_picture_is_the_window_of_before(frames):
    assert torch.equal(within(frames, Window()), frames)
    part = within(frames, Window(top=0.25, left=0.5))
    assert torch.equal(part, frames[..., 5:, 12:])


@pytest.mark.parametrize("px", [8, 16, 24, 32])
def test_any_size_up_to_the_recorded_one_is_taken(px):
    """The recorded one as it is."""
    clip = torch.rand(2, 4, 3, 32, 32, generator=generator())
    config = dataclasses.replace(configured(), video=dataclasses.replace(VIDEO, px=px))
    encoder, seen = VideoEncoder(config).eval(), []
    encoder.tower.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    whole, masked = encoder(clip), encoder(clip, 0.5, generator())
    assert whole.video.shape == masked.video.shape == (2, 24)
    assert [tuple(view.shape) for view in seen] == [(2, 3, 4, px, px)] * 2
    if px == 32:
        pixels = seen[0].transpose(1, 2) * encoder.std + encoder.mean
        torch.testing.assert_close(pixels, clip, atol=1e-6, rtol=1e-6)


def test_all_frames_of_a_clip_share_one_crop():
    still = torch.rand(2, 1, 3, 16, 16, generator=generator()).expand(-1, 4, -1, -1, -1)
    view = random_view(still, configured(crop_scale=0.5), generator())
    torch.testing.assert_close(view[:, 0], view[:, 3])
    assert not torch.allclose(view[:, 0], still[:, 0])


def test_crops_are_upright_and_lie_inside_the_frame():
    across = torch.linspace(0.2, 0.8, 32).expand(8, 4, 3, 32, 32)
    view = random_view(across, configured(crop_scale=0.25, brightness=0.0), generator())
    assert (view.diff(dim=-1) > 0).all()  # never mirrored
    torch.testing.assert_close(view[..., :1, :].expand_as(view), view)  # never turned
    spans = view[:, 0, 0, 0, -1] - view[:, 0, 0, 0, 0]
    assert spans.min() > 0.25 * 0.6
    assert spans.max() < 0.6


def test_brightness_changes_and_the_hue_stays():
    orange = torch.tensor([0.6, 0.3, 0.15]).view(3, 1, 1).expand(8, 4, 3, 16, 16)
    view = random_view(orange, configured(brightness=0.3), generator())
    gain = view / orange
    torch.testing.assert_close(gain, gain[:, :1, :1, :1, :1].expand_as(gain))  # one per clip
    assert gain.max() - gain.min() > 0.1
