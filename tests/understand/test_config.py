from dataclasses import replace

import pytest

from premotor.backbones.text import TextConfig
from premotor.backbones.vit import VideoTransformerConfig
from premotor.codec import from_yaml, to_yaml
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


def test_a_stem_goes_into_a_file_and_back_and_files_without_one_cut_pixels():
    plain = UnderstandConfig()
    stem = replace(plain.video, stem="convolutional", stem_dims=(8, 12), stem_input="frames")
    config = replace(plain, video=stem)
    text = to_yaml(config)
    assert from_yaml(UnderstandConfig, text, "file") == config
    of_before = "".join(line for line in text.splitlines(True) if "stem" not in line)
    assert len(of_before.splitlines()) == len(text.splitlines()) - 3
    assert from_yaml(UnderstandConfig, of_before, "file") == plain
    with pytest.raises(ConfigError, match="one of convolutional, patchify, got 'convolution'"):
        from_yaml(UnderstandConfig, text.replace("convolutional", "convolution"), "file")
    with pytest.raises(ConfigError, match="got 14; try 16"):
        from_yaml(UnderstandConfig, text.replace("patch: 16", "patch: 14"), "file")
