import pytest

from premotor.backbones.text import TextConfig
from premotor.backbones.vit import VideoTransformerConfig
from premotor.errors import ConfigError
from premotor.understand.config import UnderstandConfig


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"text": TextConfig(embed_dim=64)}, "must be equal"),
        ({"temperature": 0.0}, "try 0.05"),
        ({"mask_ratio": 1.0}, "try 0.5"),
        ({"crop_scale": 0.0}, "try 0.8"),
        ({"brightness": 1.0}, "try 0.1"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        UnderstandConfig(**wrong)


@pytest.mark.parametrize(
    ("source", "width"),
    [
        ("pooled", 32),
        ("embed", 24),
        ("embed_unit", 24),
        ("tokens_mean", 32),
        ("tokens_time", 64),
    ],
)
def test_the_width_of_u_follows_its_source(source, width):
    video = VideoTransformerConfig(
        px=16, patch=8, num_frames=4, tubelet=2, width=32, layers=1, heads=2, embed_dim=24
    )
    assert (
        UnderstandConfig(video=video, text=TextConfig(embed_dim=24), u_source=source).u_dim == width
    )
