import math

import pytest
import torch
from torch import Tensor

from premotor.backbones.text import TextConfig
from premotor.errors import ConfigError
from premotor.understand.config import UnderstandConfig
from premotor.understand.loss import (
    class_table_loss,
    understand_loss,
    video_text_loss,
    video_text_loss_shared,
)
from premotor.understand.recognizer import UnderstandOutput


@pytest.fixture
def rows() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(5, 7, generator=generator), torch.randn(5, 7, generator=generator)


def test_the_length_of_an_embedding_does_not_matter(rows):
    video, text = rows
    torch.testing.assert_close(
        video_text_loss(3.0 * video, 0.1 * text, 0.05), video_text_loss(video, text, 0.05)
    )


def test_clip_and_words_are_interchangeable(rows):
    video, text = rows
    ids = torch.tensor([0, 1, 0, 2, 3])
    torch.testing.assert_close(
        video_text_loss_shared(video, text, ids, 0.05),
        video_text_loss_shared(text, video, ids, 0.05),
    )


def test_distinct_texts_need_no_ids(rows):
    video, text = rows
    torch.testing.assert_close(
        video_text_loss_shared(video, text, torch.arange(5), 0.05),
        video_text_loss(video, text, 0.05),
    )


def test_shared_targets_by_hand():
    video = torch.eye(2)[[0, 0]]
    text = torch.eye(2)[[0, 1]]
    # Both rows of S are (2, 0), both targets are (1/2, 1/2): CE = log(1 + e^-2) + 1; and back:
    # the rows of S^T are (2, 2) and (0, 0): CE = log 2.
    expected = (torch.log1p(torch.tensor(-2.0).exp()) + 1.0 + torch.log(torch.tensor(2.0))) / 2
    torch.testing.assert_close(
        video_text_loss_shared(video, text, torch.tensor([4, 4]), 0.5), expected
    )


def by_hand(video: Tensor, classes: Tensor, text_id: Tensor, temperature: float) -> float:
    """Cross entropy written out, row by row."""
    total = 0.0
    for clip, right in zip(video, text_id.tolist(), strict=True):
        scores = [
            float(clip @ text) / float(clip.norm() * text.norm()) / temperature for text in classes
        ]
        total += math.log(sum(math.exp(score) for score in scores)) - scores[right]
    return total / len(video)


@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_the_class_table_is_cross_entropy_over_every_class(rows, temperature):
    video, classes = rows[0].double(), torch.cat(rows).double()
    text_id = torch.tensor([9, 0, 0, 3, 7])
    loss = class_table_loss(video, classes, text_id, temperature)
    assert loss.item() == pytest.approx(by_hand(video, classes, text_id, temperature), rel=1e-12)


def test_alike_classes_leave_the_class_table_at_chance(rows):
    loss = class_table_loss(rows[0], torch.ones(218, 7), torch.arange(5), 0.05)
    assert loss.item() == pytest.approx(math.log(218), rel=1e-6)


def test_the_class_table_tells_a_row_nothing_of_its_neighbors(rows):
    video, classes = rows
    ids = torch.tensor([3, 1, 1, 0, 4])
    alone = [class_table_loss(video[[i]], classes, ids[[i]], 0.05) for i in range(5)]
    whole = class_table_loss(video, classes, ids, 0.05)
    torch.testing.assert_close(whole, torch.stack(alone).mean())
    halves = [class_table_loss(video[p], classes, ids[p], 0.05) for p in ([0, 1], [2, 3])]
    four = class_table_loss(video[:4], classes, ids[:4], 0.05)  # two ranks, or one
    torch.testing.assert_close(four, torch.stack(halves).mean())


def test_clips_of_one_class_are_no_negatives_of_each_other_in_the_class_table():
    video, classes = torch.eye(3)[[0, 0, 0]], torch.eye(3)
    assert class_table_loss(video, classes, torch.zeros(3, dtype=torch.long), 0.05) < 1e-6


def test_logits_of_the_class_table_stay_float32_under_autocast(rows):
    video, classes = rows
    expected = class_table_loss(video, classes, torch.arange(5), 0.05)
    with torch.autocast("cpu", torch.bfloat16):
        found = class_table_loss(video, classes, torch.arange(5), 0.05)
    assert torch.equal(found, expected)


def test_both_losses_are_the_mean_of_the_two(rows):
    video, classes = rows
    ids = torch.tensor([3, 1, 1, 0, 4])
    output = UnderstandOutput(video, video, classes[ids], classes)
    found = understand_loss(output, ids, UnderstandConfig(loss="both"))
    table = class_table_loss(video, classes, ids, 0.05)
    batch = video_text_loss_shared(video, classes[ids], ids, 0.05)
    torch.testing.assert_close(found, (table + batch) / 2)
    assert UnderstandConfig(loss="both").needs_classes


@pytest.mark.parametrize("loss", ["class_table", "both"])
def test_the_class_table_needs_the_classes_in_the_batch(rows, loss):
    video, text = rows
    config = UnderstandConfig(text=TextConfig(context=4), loss=loss)
    with pytest.raises(ConfigError, match=r"needs a caption of every class.*class_captions=True"):
        understand_loss(UnderstandOutput(video, video, text), torch.arange(5), config)
